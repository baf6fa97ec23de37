package bridge_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/text"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// What becomes of messages that were shown before a reload is told after it, though the channel
// is read otherwise now: of those that came live, of those of a backlog, and of edits. An edit
// and a deletion in the moment of the reload are told as well, once.
func TestChangesAfterAReload(t *testing.T) {
	for _, own := range []bool{false, true} {
		t.Run(fmt.Sprint("own feeds ", own), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				options := func(o *bridge.Options) { o.OwnFeeds = own }
				c := newChat(t, options)
				c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}})
				old := c.write("from the backlog")
				time.Sleep(2 * time.Minute)
				a, b := c.visit("ada", "#messages"), c.visit("eve", "#messages")
				live, other, third, edited := c.write("live"), c.write("other"), c.write("third"), c.write("word for word")
				time.Sleep(5 * time.Minute) // beyond all that the new feed reads
				c.fake.Update("messages", edited, map[string]any{"text": "wort for word"})
				a.later(time.Minute)
				b.later(time.Second)

				markdown := messages("messages")
				markdown.Format = text.Markdown
				c.configure(options, markdown)
				c.fake.Update("messages", third, map[string]any{"text": "the third"})
				want := "walt changes * in #messages: [edited] <walt> the third"
				for i, got := range together(20, a, b) {
					if len(got) != 1 || !ircdtest.Match(want, got[0]) {
						t.Errorf("reader %d was told %q", i, got)
					}
				}
				c.fake.Remove("messages", old)
				c.fake.Remove("messages", live)
				c.fake.Update("messages", other, map[string]any{"text": "another"})
				c.fake.Remove("messages", edited)
				deeds := []string{
					"walt deletes " + old + ".* in #messages: from the backlog", "walt deletes " + live + ".* in #messages: live",
					"walt deletes " + edited + ".* in #messages: wort for word", "walt deletes " + edited + ".* in #messages: ",
					"walt changes * in #messages: [edited] <walt> another",
				}
				for _, got := range together(20, a, b) {
					same(t, got, deeds...)
				}
			})
		})
	}
}

// together lets people poll each second, and returns what each was told.
func together(seconds int, people ...*visitor) [][]string {
	told := make([][]string, len(people))
	for range seconds {
		for i, v := range people {
			told[i] = append(told[i], v.news()...)
		}
		time.Sleep(time.Second)
	}
	return told
}

// So is a deletion in the moment of the move, before the new feed has looked at what the old one
// has shown. As it does not know yet who may read that, it tells a shared feed the key alone.
func TestDeletionInTheMomentOfAMove(t *testing.T) {
	for _, own := range []bool{false, true} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("own feeds %v, early %v", own, early), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					options := func(o *bridge.Options) { o.OwnFeeds = own }
					c := newChat(t, options)
					a, b := c.visit("ada", "#messages"), c.visit("eve", "#messages")
					said := c.write("live")
					time.Sleep(5 * time.Minute)
					a.news()
					b.news()
					markdown := messages("messages")
					markdown.Format = text.Markdown
					c.configure(options, markdown)
					a.news()
					b.news()
					a.later(time.Second)
					b.news()
					if !early {
						synctest.Wait()
						a.session.Poll(t.Context()) // moves
						b.session.Poll(t.Context())
					}
					c.fake.Remove("messages", said)
					want := "walt deletes " + said + ".* in #messages: live"
					if !own {
						want = "* deletes " + said + ".* in #messages: *" // with the text where the old feed was quicker
					}
					for _, v := range []*visitor{a, b} {
						got := v.later(time.Second)
						if len(got) != 1 || !ircdtest.Match(want, got[0]) {
							t.Errorf("got %q", got)
						}
					}
				})
			})
		}
	}
}
