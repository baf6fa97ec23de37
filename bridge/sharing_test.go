package bridge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// write stores a message of somebody who is not connected.
func (c *chat) write(format string, args ...any) (row string) {
	return c.fake.Insert("messages", c.person("walt"), map[string]any{"text": fmt.Sprintf(format, args...)})
}

// Who sees the same, as Directus says, shares a subscription: one for creates and
// so on, however many read.
func TestSharedFeed(t *testing.T) {
	for name, test := range map[string]struct {
		version string
		change  func(*bridge.Options)
		prepare func(c *chat)
		want    int    // subscriptions, of which a feed has three
		alone   string // what the operator is told of those who read alone, in part
	}{
		"all": {want: 3},
		"an administrator among them": {want: 3, prepare: func(c *chat) {
			c.fake.EditUser(c.person("bob"), func(u *directustest.FakeUser) { u.Admin = true })
		}},
		"all the needed fields": {want: 3, prepare: func(c *chat) {
			c.fake.OnlyFields(c.person("bob"), "messages", "read", "id", "text", "user_created", "date_created", "nonce")
		}},
		"no names for anybody": {want: 3, prepare: func(c *chat) {
			for _, who := range []string{"ada", "bob", "eve"} {
				c.fake.Deny(c.person(who), "directus_users", "read")
			}
		}},
		"a rule": {want: 6, alone: "limit what the user reads of messages", prepare: func(c *chat) {
			c.fake.Restrict(c.person("bob"), "messages", map[string]any{"id": map[string]any{"_gt": 0}})
		}},
		"a rule on names": {want: 6, alone: "limit what the user reads of directus_users", prepare: func(c *chat) {
			c.fake.Restrict(c.person("bob"), "directus_users", map[string]any{"status": map[string]any{"_eq": "active"}})
		}},
		"no names":     {want: 6, prepare: func(c *chat) { c.fake.Deny(c.person("bob"), "directus_users", "read") }},
		"switched off": {want: 9, alone: "share_feeds is off", change: func(o *bridge.Options) { o.OwnFeeds = true }},
		"a filter by user": {want: 9, alone: "looks at more than the messages", change: func(o *bridge.Options) {
			o.Channels[0].Filter = map[string]any{"user_created": map[string]any{"_neq": "$CURRENT_USER"}}
		}},
		"Directus 10 tells nothing": {want: 9, alone: "does not tell what", version: "10.13.4"},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{Version: test.version}, test.change)
				if test.prepare != nil {
					test.prepare(c)
				}
				people := []*visitor{c.visit("ada", "#messages"), c.visit("bob", "#messages"), c.visit("eve", "#messages")}
				if n := c.fake.Subscriptions(); n != test.want {
					t.Errorf("%d subscriptions, want %d", n, test.want)
				}
				status, readers := c.backend.Status(10), 0
				for _, f := range status.Feeds {
					readers += f.Readers
					if f.Collection != "messages" || f.Members != f.Readers || !f.IsReady || !f.IsLinked || f.Trouble != "" || f.Leader == "" {
						t.Errorf("the status of a feed is %+v", f)
					}
					if alone := f.Owner != ""; alone != (f.Alone != "") || alone && !strings.Contains(f.Alone, test.alone) {
						t.Errorf("%q, not %q, keeps %q apart", f.Alone, test.alone, f.Owner)
					}
				}
				if len(status.Feeds) != test.want/3 || readers != 3 || len(status.Links) != 3 || len(c.backend.Status(1).Feeds) != 1 {
					t.Errorf("the status is %+v", status)
				}
				c.write("hello")
				for _, v := range people {
					if news := v.news(); len(news) != 1 || !strings.HasSuffix(news[0], "says in #messages: hello") {
						t.Errorf("got %q", news)
					}
				}
			})
		})
	}
}

// Who shares a feed leaves it soon when that is switched off, though nothing is said.
func TestSharingSwitchedOff(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		people := []*visitor{c.visit("ada", "#messages"), c.visit("bob", "#messages")}
		for _, v := range people {
			v.news()
		}
		c.configure(func(o *bridge.Options) { o.OwnFeeds = true }, messages("messages"))
		for range 5 {
			time.Sleep(time.Second)
			for _, v := range people {
				v.news()
			}
		}
		if n := c.fake.Subscriptions(); n != 6 {
			t.Errorf("%d subscriptions, want 6", n)
		}
	})
}

// Two users of whom one may not read a row never share, however the rule comes and
// goes while both are connected.
func TestRuleWhileConnected(t *testing.T) {
	for _, leader := range []string{"ada", "bob"} {
		t.Run(leader+" leads", func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				people := map[string]*visitor{leader: c.visit(leader, "#messages")}
				for _, who := range []string{"ada", "bob"} {
					if who != leader {
						people[who] = c.visit(who, "#messages")
					}
				}
				bob := people["bob"]
				shown := map[string][]string{}
				look := func() {
					t.Helper()
					for who, v := range people {
						for _, line := range v.news() {
							if _, text, ok := strings.Cut(line, "#messages: "); ok {
								shown[who] = append(shown[who], text)
							}
						}
					}
				}
				c.write("one")
				look()
				c.fake.Restrict(bob.id, "messages", map[string]any{"text": map[string]any{"_neq": "secret two"}})
				time.Sleep(5 * time.Minute) // the time that is stated
				look()
				c.write("secret two")
				time.Sleep(5 * time.Minute)
				c.write("three")
				look()
				if n := c.fake.Subscriptions(); n != 6 {
					t.Errorf("%d subscriptions of two who may not share", n)
				}
				if slices.Contains(shown["bob"], "secret two") {
					t.Error("bob was shown what he may not read")
				}
				c.fake.Allow(bob.id, "messages", "read")
				for range 10 {
					time.Sleep(time.Minute)
					look()
				}
				if n := c.fake.Subscriptions(); n != 3 {
					t.Errorf("%d subscriptions of two who may share again", n)
				}
				c.write("secret four")
				look()
				if want := []string{"one", "secret two", "three", "secret four"}; !slices.Equal(shown["ada"], want) {
					t.Errorf("ada was shown %q", shown["ada"])
				}
				slices.Sort(shown["bob"]) // the second came when it could be read
				if want := []string{"one", "secret four", "secret two", "three"}; !slices.Equal(shown["bob"], want) {
					t.Errorf("bob was shown %q", shown["bob"])
				}
			})
		})
	}
}

// While messages come, the leader goes in every way there is: the others miss,
// double and reorder nothing, and do not wait for long.
func TestLeaderGoes(t *testing.T) {
	for name, go_ := range map[string]func(c *chat, v *visitor){
		"link cut":    func(c *chat, v *visitor) { c.fake.CutUser(v.id) },
		"logged out":  func(c *chat, v *visitor) { _ = v.session.Close(c.t.Context()) },
		"suspended":   func(c *chat, v *visitor) { c.fake.Suspend(v.id) },
		"no rights":   func(c *chat, v *visitor) { c.fake.Deny(v.id, "messages", "read") },
		"fewer names": func(c *chat, v *visitor) { c.fake.Deny(v.id, "directus_users", "read") },
		"a rule": func(c *chat, v *visitor) {
			c.fake.Restrict(v.id, "messages", map[string]any{"id": map[string]any{"_lt": 0}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				leader := c.visit("ada", "#messages")
				others := []*visitor{c.visit("bob", "#messages"), c.visit("eve", "#messages")}
				shown := make([][]string, len(others))
				var wrote []string
				for i := range 400 {
					if i == 100 {
						go_(c, leader)
					}
					wrote = append(wrote, fmt.Sprint(i))
					c.write("%d", i)
					time.Sleep(time.Second)
					if i%10 == 0 || i == 399 {
						for k, v := range others {
							for _, line := range v.news() {
								_, text, _ := strings.Cut(line, "#messages: ")
								shown[k] = append(shown[k], text)
							}
							if len(shown[k]) < i-50 {
								t.Fatalf("after %d s %d are shown", i, len(shown[k]))
							}
						}
					}
				}
				for k := range others {
					if !slices.Equal(shown[k], wrote) {
						t.Errorf("wrote %d, shown %d: %q", len(wrote), len(shown[k]), shown[k])
					}
				}
				synctest.Wait()
				if events, err := leader.session.Poll(t.Context()); name == "no rights" && err == nil {
					for _, ev := range events {
						if _, text, _ := strings.Cut(describe(ev), "#messages: "); text == "399" {
							t.Error("the leader is shown what it may not read")
						}
					}
				}
			})
		})
	}
}

// The leader reads on for minutes without the rows that a new rule hides from it,
// since Directus does not say what it may read: who takes over makes up for it.
func TestLeaderBlind(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada, bob := c.visit("ada", "#messages"), c.visit("bob", "#messages")
		var wrote, shown []string
		for i := range 300 {
			switch i {
			case 10:
				c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					if r.Path == "/permissions/me" {
						return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
					}
					return directustest.RESTVerdict{}
				})
				c.fake.Restrict(ada.id, "messages", map[string]any{"text": map[string]any{"_nin": numbered("%d", 40)}})
			case 150: // makes it read the collection
				c.fake.Send(ada.id, map[string]any{"type": "subscribe", "status": "error", "error": map[string]any{"code": "FORBIDDEN", "message": "no"}})
			case 200:
				c.fake.OnREST(nil)
			}
			wrote = append(wrote, fmt.Sprint(i))
			c.write("%d", i)
			for _, line := range bob.later(time.Second) {
				_, text, _ := strings.Cut(line, "#messages: ")
				shown = append(shown, text)
			}
		}
		slices.Sort(wrote)
		slices.Sort(shown)
		if !slices.Equal(shown, wrote) {
			t.Errorf("wrote %d, shown %d: %q", len(wrote), len(shown), shown)
		}
	})
}

// A rule that hides from the leader what was shown, just when it is looked whether that is still there, takes nothing
// away from the others.
func TestLeaderBlindInReview(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada, bob := c.visit("ada", "#messages"), c.visit("bob", "#messages")
		c.write("hello")
		same(t, bob.news(), "walt says in #messages: hello")
		time.Sleep(10 * time.Second)
		reads := 0
		c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/items/messages" {
				if reads++; reads == 2 { // behind that of what is new
					c.fake.Restrict(ada.id, "messages", map[string]any{"text": map[string]any{"_eq": "nothing"}})
				}
			}
			return directustest.RESTVerdict{}
		})
		c.fake.Send(ada.id, map[string]any{"type": "subscribe", "status": "error", "error": map[string]any{"code": "FORBIDDEN", "message": "no"}})
		same(t, bob.later(time.Minute))
		c.write("after")
		same(t, bob.later(time.Minute), "walt says in #messages: after")
	})
}

// A leader that may not read a field any more is out of the channel, and nobody else
// is.
func TestLeaderRefused(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada, bob := c.visit("ada", "#messages"), c.visit("bob", "#messages")
		c.fake.OnlyFields(ada.id, "messages", "read", "id", "user_created", "date_created")
		c.write("hello")
		same(t, ada.later(5*time.Second), exiled)
		same(t, bob.news(), "walt says in #messages: hello")
		c.fake.OnlyFields(ada.id, "messages", "read", "id", "text", "user_created", "date_created", "nonce")
		same(t, ada.returns(5*time.Minute), recalled, "walt says in #messages: hello")
		same(t, bob.news())
	})
}

// While Directus cannot be asked about somebody's rights for longer than is stated,
// nothing more is shown, and nothing is lost when it answers again.
func TestProofTooOld(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		ada, bob := c.visit("ada", "#messages"), c.visit("bob", "#messages")
		c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/permissions/me" {
				return directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
			}
			return directustest.RESTVerdict{}
		})
		time.Sleep(4 * time.Minute)
		c.write("one")
		for _, v := range []*visitor{ada, bob} {
			same(t, v.news(), "walt says in #messages: one")
		}
		time.Sleep(2 * time.Minute)
		c.write("two")
		for _, v := range []*visitor{ada, bob} {
			same(t, v.news(), "*cannot say at the moment whether you may read this*")
		}
		c.fake.OnREST(nil)
		for _, v := range []*visitor{ada, bob} {
			same(t, v.later(time.Minute), "*Directus is back*", "walt says in #messages: two")
		}
	})
}

// Directus is asked for the leader's rights while a feed reads its collection for the first time, as when two clients of
// a user come at once. Whoever takes over does not show what was there before.
func TestCheckedWhileStarting(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		c.write("old")
		time.Sleep(time.Hour)
		c.write("newer")
		time.Sleep(time.Minute)
		ada := c.visit("ada")
		c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/items/messages" {
				return directustest.RESTVerdict{Delay: time.Second}
			}
			return directustest.RESTVerdict{}
		})
		time.AfterFunc(1500*time.Millisecond, func() { // the first of its questions is answered
			if s, err := full(c.backend.Login(t.Context(), ircd.Credentials{Account: "ada@example.com", Secret: "ada"})); err == nil {
				t.Cleanup(func() { s.Close(context.Background()) })
			}
		})
		if _, err := ada.session.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		bob := c.visit("bob")
		if _, err := bob.session.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		same(t, bob.later(time.Minute))
		c.fake.CutUser(ada.id)
		same(t, bob.later(time.Minute))
		same(t, ada.news())
		c.write("new")
		same(t, bob.later(time.Minute), "walt says in #messages: new")
	})
}
