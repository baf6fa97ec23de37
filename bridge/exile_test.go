package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"

	irc "gopkg.in/irc.v4"
)

// exiles are the clients of one user who loses a right.
type exiles struct {
	t        *testing.T
	fake     *directustest.Fake
	listener *ircdtest.Listener
	ada, bob string
}

func (e *exiles) client(name string, caps ...string) *ircdtest.Client {
	c := e.listener.Dial(e.t)
	c.Name = name
	c.LoginSASL("x", name+"@example.com", name, caps...)
	return c
}

func (e *exiles) join(c *ircdtest.Client, channel string) {
	c.Send("JOIN " + channel)
	c.Expect("* 366 * " + channel + " *")
	synctest.Wait()
	c.Sync()
}

func withExiles(t *testing.T, version string, test func(t *testing.T, e *exiles)) {
	ircdtest.Bubble(t, func(t *testing.T) {
		channel, other := messages("messages"), messages("others")
		other.Name = "#others"
		channel.Topic = "The topic"
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{Version: version}, func(o *bridge.Options) {
			o.Edits = collection.Edits{Show: true, Merge: 5 * time.Second, MaxAge: 24 * time.Hour}
		}, channel, other)
		fake.AddCollection("others", directustest.FakeCollection{Fields: []string{"text", "nonce"}})
		test(t, &exiles{t, fake, listener, addFake(fake, "ada"), addFake(fake, "bob")})
	})
}

// Who may not read a channel is not in it: all of the user's clients are told so,
// others see one leave and not why, and nothing of the channel or of those in it is
// shown any more. When the right is back, they are in it again and are shown what was
// written meanwhile, once and in order; a client that fetches the history does so.
func TestExile(t *testing.T) {
	for _, version := range []string{"12.4.0", "10.13.4"} {
		t.Run(version, func(t *testing.T) {
			withExiles(t, version, func(t *testing.T, e *exiles) {
				bob := e.client("bob", "away-notify", "message-tags")
				e.join(bob, "#messages")
				plain, modern := e.client("ada", "away-notify", "message-tags"), e.client("ada", "draft/chathistory", "server-time", "batch")
				e.join(plain, "#messages")
				e.join(modern, "#messages")
				e.join(modern, "#others")
				e.fake.Insert("messages", e.bob, map[string]any{"text": "before"})
				for _, c := range []*ircdtest.Client{plain, modern, bob} {
					c.Expect("* PRIVMSG #messages :before")
				}
				synced(bob)

				e.fake.Deny(e.ada, "messages", "read")
				time.Sleep(5 * time.Minute)
				for _, c := range []*ircdtest.Client{plain, modern} {
					c.Expect(":directus!service@* KICK #messages ada :*does not allow you to read this channel any more*")
				}
				same(t, synced(bob), ":ada!* PART #messages")
				e.fake.Insert("messages", e.bob, map[string]any{"text": "meanwhile"})
				bob.Send("AWAY :out", "@+typing=active TAGMSG #messages", "PART #messages", "JOIN #messages", "NAMES #messages")
				if line := bob.Expect("* 353 *"); strings.Contains(line, "ada") {
					t.Errorf("in the channel is who may not read it: %q", line)
				}
				for _, c := range []*ircdtest.Client{plain, modern} {
					c.Send("NAMES #messages", "WHO #messages", "PRIVMSG #messages :no", "JOIN #messages")
					c.Expect("* 366 ada #messages *")
					c.Expect("* 315 ada #messages *")
					c.Expect("* 404 ada #messages *")
					c.Expect("* 473 ada #messages *")
					c.Refute("*")
				}
				synced(bob)

				e.fake.Allow(e.ada, "messages", "read")
				time.Sleep(5 * time.Minute)
				for _, c := range []*ircdtest.Client{plain, modern} {
					c.Expect("* JOIN *#messages")
					c.Expect("* 332 ada #messages :The topic")
					c.Expect("* 353 ada = #messages :ada bob")
					c.Expect("* 366 ada #messages *")
				}
				plain.ExpectNext("* NOTICE #messages :*allows you to read this channel again*")
				plain.ExpectNext(":bob!* PRIVMSG #messages :*meanwhile")
				modern.Send("CHATHISTORY LATEST #messages * 10")
				if got := texts(modern.Sync()); !slices.Equal(got, []string{"before", "meanwhile"}) {
					t.Errorf("the history is %q", got)
				}
				same(t, synced(bob), ":ada!* JOIN *#messages")
				e.fake.Insert("messages", e.bob, map[string]any{"text": "after"})
				for _, c := range []*ircdtest.Client{plain, modern} {
					if got := texts(synced(c)); !slices.Equal(got, []string{"after"}) {
						t.Errorf("behind the return: %q", got)
					}
				}
			})
		})
	}
}

// synced are the lines of a client once everything in flight has arrived, but for PINGs.
func synced(c *ircdtest.Client) []string {
	synctest.Wait()
	return slices.DeleteFunc(c.Sync(), func(l string) bool { return strings.HasPrefix(l, "PING ") })
}

// Whoever leaves a channel that they may not read is not brought back into it, and
// the others of the same feed go on.
func TestExileLeft(t *testing.T) {
	withExiles(t, "12.4.0", func(t *testing.T, e *exiles) {
		ada := e.client("ada")
		e.join(ada, "#messages")
		e.fake.Deny(e.ada, "messages", "read")
		time.Sleep(5 * time.Minute)
		ada.Expect("* KICK #messages *")
		ada.Send("PART #messages")
		ada.Expect("* 442 *")
		e.fake.Allow(e.ada, "messages", "read")
		time.Sleep(10 * time.Minute)
		ada.Refute("* JOIN *", "* NOTICE *")
		ada.Send("JOIN #messages")
		ada.Expect("* 366 *")
	})
}

// Who asks to join before the daemon has found that the right is back is let in at
// once.
func TestExileJoins(t *testing.T) {
	withExiles(t, "12.4.0", func(t *testing.T, e *exiles) {
		ada := e.client("ada")
		e.join(ada, "#messages")
		e.fake.Deny(e.ada, "messages", "read")
		time.Sleep(5 * time.Minute)
		ada.Expect("* KICK #messages *")
		e.fake.Insert("messages", e.bob, map[string]any{"text": "meanwhile"})
		time.Sleep(time.Second)
		e.fake.Allow(e.ada, "messages", "read")
		ada.Send("JOIN #messages")
		ada.Expect("* 366 *")
		ada.ExpectNext("* NOTICE #messages :*again*")
		ada.ExpectNext("* PRIVMSG #messages :meanwhile")
		time.Sleep(10 * time.Minute)
		ada.Refute("* JOIN *", "* PRIVMSG *", "* KICK *")
	})
}

// A channel that is configured otherwise in the meantime is another one, and its
// reader comes back to that.
func TestExileMoved(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada := c.visit("ada", "#messages")
		c.fake.Deny(ada.id, "messages", "read")
		same(t, ada.later(5*time.Minute), exiled)
		changed := messages("messages")
		changed.Topic = "x"
		c.configure(nil, changed)
		same(t, slices.Concat(ada.news(), ada.later(10*time.Second), ada.later(10*time.Second)), "&{Channel:#messages Text:x *")
		c.fake.Insert("messages", c.person("bob"), map[string]any{"text": "meanwhile"})
		c.fake.Allow(ada.id, "messages", "read")
		got := ada.returns(5 * time.Minute)
		same(t, got, recalled, "bob says in #messages: meanwhile")
	})
}

// Who comes back to a channel that was configured otherwise meanwhile, be it twice, is
// shown what they have not seen of it, and that once.
func TestExileMovedShownOnce(t *testing.T) {
	for _, times := range []int{1, 2} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testExileMovedShownOnce(t, times) })
		})
	}
}

func testExileMovedShownOnce(t *testing.T, times int) {
	c := newChat(t, nil)
	bob := c.person("bob")
	write := func(texts ...string) {
		for _, text := range texts {
			c.fake.Insert("messages", bob, map[string]any{"text": text})
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
	}
	write("long ago")
	time.Sleep(time.Hour)
	write("an hour later")
	ada := c.visit("ada", "#messages")
	write("live", "also live")
	same(t, ada.news(), "bob says *: live", "bob says *: also live")
	if _, err := ada.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "my own"}); err != nil {
		t.Fatal(err)
	}
	write("on its way")
	c.fake.Deny(ada.id, "messages", "read")
	same(t, ada.later(5*time.Minute), exiled)
	for i := range times {
		write(fmt.Sprintf("meanwhile %d", i))
		changed := messages("messages")
		changed.Filter = map[string]any{"id": map[string]any{"_gte": -i}}
		c.configure(nil, changed)
		same(t, slices.Concat(ada.news(), ada.later(10*time.Second), ada.later(10*time.Second)))
	}
	c.fake.Allow(ada.id, "messages", "read")
	want := []string{recalled, "bob says *: on its way", "bob says *: meanwhile 0"}
	if times == 2 {
		want = append(want, "bob says *: meanwhile 1")
	}
	same(t, ada.returns(5*time.Minute), want...)
	write("behind the return")
	same(t, ada.news(), "bob says *: behind the return")
}

// A right that is lost once more before the client has joined again is waited for again.
func TestExileFlapping(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada := c.visit("ada", "#messages")
		c.fake.Deny(ada.id, "messages", "read")
		same(t, ada.later(5*time.Minute), exiled)
		c.fake.Insert("messages", c.person("bob"), map[string]any{"text": "meanwhile"})
		for range 3 {
			c.fake.Allow(ada.id, "messages", "read")
			same(t, ada.later(5*time.Minute), "&{Channel:#messages}")
			c.fake.Deny(ada.id, "messages", "read")
			time.Sleep(5 * time.Minute)
			if _, err := ada.session.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true}); err == nil {
				t.Fatal("joined without the right")
			}
			same(t, ada.later(10*time.Second))
		}
		c.fake.Allow(ada.id, "messages", "read")
		same(t, ada.returns(5*time.Minute), recalled, "bob says in #messages: meanwhile")
	})
}

// A client that joins just when the right is back, while the feed still has the old refusal and
// is slow to read again, is told to wait and then brought in, with its backlog: nobody has to
// join again by hand.
func TestJoinWhileTheRightComesBack(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, func(o *bridge.Options) { o.OwnFeeds = true })
		first := c.visit("ada", "#messages")
		c.fake.Deny(first.id, "messages", "read")
		same(t, first.later(5*time.Minute), exiled)
		c.fake.Insert("messages", c.person("bob"), map[string]any{"text": "meanwhile"})
		late := c.visit("ada")
		c.fake.Allow(first.id, "messages", "read")
		asked := 0
		c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
			if strings.HasPrefix(r.Path, "/items/messages") {
				if asked++; asked > 1 {
					v.Delay = 4 * time.Second
				}
			}
			return v
		})
		c.fake.OnFrame(func(directustest.FakeFrame) directustest.FrameVerdict {
			return directustest.FrameVerdict{Delay: 4 * time.Second}
		})
		_, err := late.session.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
		var told *ircd.Error
		if !errors.As(err, &told) || told.Numeric != irc.RPL_TRYAGAIN {
			t.Fatalf("the JOIN was answered %v", err)
		}
		c.fake.OnREST(nil)
		c.fake.OnFrame(nil)
		same(t, late.returnsWithin(time.Minute), recalled, "bob says in #messages: meanwhile")
		c.fake.Insert("messages", c.person("bob"), map[string]any{"text": "live"})
		same(t, late.news(), "bob says in #messages: live")
	})
}

// A client that fetches history comes back and has read its pages when a row turns up that is
// dated before the return, as of a transaction that took its time, and that no event has told
// of. No page will bring it any more, so it is shown live, and what a page has shown is not.
func TestLateRowsBehindTheReturn(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada := &visitor{t: t, session: c.fetcher("ada"), id: c.person("ada")}
		c.fake.Deny(ada.id, "messages", "read")
		same(t, ada.later(5*time.Minute), exiled)
		c.fake.Insert("messages", c.person("bob"), map[string]any{"text": "meanwhile"})
		c.fake.Allow(ada.id, "messages", "read")
		same(t, ada.later(5*time.Minute), "&{Channel:#messages}")
		c.unheard("messages", map[string]any{"text": "just before"})
		time.Sleep(100 * time.Millisecond)
		if _, err := ada.session.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := pages(t, ada.session, ircd.Position{Time: time.Unix(1, 0)}, 10, false); !slices.Equal(got, []string{"meanwhile", "just before"}) {
			t.Errorf("the pages are %q", got)
		}
		c.unheard("messages", map[string]any{"text": "late", "date_created": time.Now().Add(-time.Second).UTC().Format("2006-01-02T15:04:05.000Z")})
		same(t, ada.later(time.Minute), "walt says in #messages: late")
		same(t, ada.later(time.Minute))
	})
}
