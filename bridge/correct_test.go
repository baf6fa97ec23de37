package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// say sends a line; it returns what the sender is shown, or the refusal.
func (v *visitor) say(channel, text string) string {
	v.t.Helper()
	m, err := v.session.Send(v.t.Context(), ircd.Outgoing{Target: channel, Text: text})
	if refusal, ok := errors.AsType[*ircd.Error](err); ok {
		return refusal.Code + ": " + refusal.Text
	}
	if err != nil {
		v.t.Fatal(err)
	}
	return describe(m)
}

func correcting(c collection.Config) collection.Config {
	c.Corrections = true
	return c
}

// stored are the texts in a collection of a fake, in the order of storing.
func (c *chat) stored(collection string) (texts []string) {
	for _, item := range c.fake.Items(collection) {
		texts = append(texts, item["text"].(string))
	}
	return texts
}

func TestCorrections(t *testing.T) {
	for name, merge := range map[string]time.Duration{"at once": 0, "merged": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testCorrections(t, merge) })
		})
	}
}

func testCorrections(t *testing.T, merge time.Duration) {
	c := newChat(t, func(o *bridge.Options) { o.Edits.Merge, o.Edits.MaxAge, o.OwnFeeds = merge, time.Hour, true },
		correcting(messages("messages")), correcting(room("dev", nil)), room("ops", nil))
	addRooms(c.fake)
	a, other, b := c.visit("ada", "#messages"), c.visit("ada", "#messages"), c.visit("bob", "#messages")
	same(t, []string{a.say("#messages", "s/a/b/")}, "CANNOT_SEND: *nothing here yet*a space in front*")
	c.fake.Insert("messages", c.person("bob"), map[string]any{"text": "teh text of bob"})
	id := c.fake.Insert("messages", a.id, map[string]any{"text": "teh web and teh rest of it, which is long"}) // from the web
	time.Sleep(time.Second)
	for _, v := range []*visitor{a, other, b} {
		v.news()
	}
	same(t, []string{a.say("#messages", "s/nowhere/b/")}, "CANNOT_SEND: *does not have these words*a space in front*")
	same(t, []string{a.say("#messages", "s/teh/the/")}, "CANNOT_SEND: *2 times*")
	same(t, []string{a.say("#messages", "s/teh web and teh rest of it, which is long//")}, "CANNOT_SEND: *nothing would be left*")
	same(t, []string{a.say("#messages", "s/teh web/the web")}, "ada changes "+id+".* in #messages: [edited] s/teh web/the web/")
	same(t, other.news(), "ada changes "+id+".* in #messages: [edited] s/teh web/the web/")
	same(t, []string{a.say("#messages", "s|rest|best|g")}, "ada changes "+id+".* in #messages: [edited] s/rest/best/")
	same(t, []string{a.say("#messages", " s/teh/the/")}, "ada says in #messages:  s/teh/the/")
	same(t, a.later(time.Minute))
	same(t, other.news(), "ada changes "+id+".* in #messages: [edited] s/rest/best/", "ada says in #messages:  s/teh/the/")
	if merge > 0 {
		same(t, b.news(), "ada says in #messages:  s/teh/the/", "ada changes "+id+".* in #messages: [edited] the web and teh best of it, which is long") // two in one
	}
	got := strings.Join(c.stored("messages"), "|")
	if want := "teh text of bob|the web and teh best of it, which is long| s/teh/the/"; got != want {
		t.Errorf("stored %q", got)
	}
	other.leave()
	b.leave()
	time.Sleep(61 * time.Minute)
	same(t, []string{a.say("#messages", "s/teh/the/")}, "CANNOT_SEND: *too old*")

	d := c.visit("dan", "#dev", "#ops")
	d.send("#dev", "first")
	time.Sleep(time.Second)
	d.send("#ops", "first elsewhere")
	same(t, []string{d.say("#ops", "s/first/second/")}, "dan says in #ops: s/first/second/") // not asked for there
	same(t, []string{d.say("#dev", "s/first/1st/")}, "dan changes * in #dev: [edited] 1st")
	c.fake.Deny(d.id, "rooms", "update")
	same(t, []string{d.say("#dev", "s/1st/2nd/")}, "CANNOT_SEND: *does not allow*")
	got = strings.Join(c.stored("rooms"), "|")
	if want := "1st|first elsewhere|s/first/second/"; got != want {
		t.Errorf("stored %q", got)
	}
}

// The answer to a correction is lost, or does not come.
func TestCorrectionInDoubt(t *testing.T) {
	for _, merge := range []time.Duration{0, 5 * time.Second} { // the event comes before the answer, or behind
		t.Run(merge.String(), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testCorrectionInDoubt(t, merge) })
		})
	}
}

func testCorrectionInDoubt(t *testing.T, merge time.Duration) {
	c := newChat(t, func(o *bridge.Options) { o.Edits.Merge = merge }, correcting(messages("messages")))
	a, other := c.visit("ada", "#messages"), c.visit("ada", "#messages")
	a.send("#messages", "teh cat")
	other.news()
	for _, test := range []struct {
		line    string
		verdict directustest.RESTVerdict
		want    string
	}{
		{"s/teh/the/", directustest.RESTVerdict{Lose: true}, "ada changes * in #messages: [edited] the cat"},
		{"s/cat/dog/", directustest.RESTVerdict{Hang: true}, "CANNOT_SEND: Directus did not answer: perhaps corrected*"},
		{"s/cat/dog/", directustest.RESTVerdict{Drop: true}, "CANNOT_SEND: Directus did not answer: perhaps corrected*"},
		{"s/cat/dog/", directustest.RESTVerdict{Status: 504}, "CANNOT_SEND: Directus did not answer: perhaps corrected*"},
		{"s/cat/dog/", directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}, "CANNOT_SEND: Not corrected*"},
	} {
		c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Method == "PATCH" {
				return test.verdict
			}
			return directustest.RESTVerdict{}
		})
		begin := time.Now()
		same(t, []string{a.say("#messages", test.line)}, test.want)
		if took := time.Since(begin); took > 12*time.Second {
			t.Errorf("took %v", took)
		}
	}
	c.fake.OnREST(nil)
	same(t, a.later(time.Minute))
	same(t, other.news(), "ada changes * in #messages: [edited] the cat")
	c.fake.Down()
	time.Sleep(time.Minute)
	a.news()
	same(t, []string{a.say("#messages", "s/cat/dog/")}, "CANNOT_SEND: *unreachable*")
	if got := c.stored("messages"); len(got) != 1 || got[0] != "the cat" {
		t.Errorf("stored %q", got)
	}
}
