package bridge_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A paste while Directus takes requests without answering them does not hold
// up the PING behind it.
func TestPasteWhileSilent(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		addFake(fake, "ada")
		c := rejoin(t, l, "ada")
		for _, trouble := range []func(){func() { fake.Database(false) }, func() { fake.Down() }} {
			trouble()
			time.Sleep(time.Minute)
			begin := time.Now()
			for i := range 20 {
				c.Send(fmt.Sprintf("PRIVMSG #messages :pasted %d", i))
			}
			if refused := strings.Count(strings.Join(c.Sync(), "\n"), " 404 "); refused != 20 {
				t.Errorf("told of %d of 20", refused)
			}
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("PING waited %v", took)
			}
		}
		c.Close()
	})
}

// The link breaks while Directus answers nothing. Only the first lines of a paste wait, however long the attempts take that
// say nothing, and what is sent when Directus is said to be back is stored.
func TestPasteWhileTheLinkBreaks(t *testing.T) {
	for after := range 16 {
		ircdtest.Bubble(t, func(t *testing.T) {
			fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
			addFake(fake, "ada")
			c := rejoin(t, l, "ada")
			begin := time.Now()
			thaw := begin.Add(time.Minute)
			fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict {
				return directustest.RESTVerdict{Delay: time.Until(thaw)}
			})
			fake.OnFrame(func(directustest.FakeFrame) directustest.FrameVerdict {
				return directustest.FrameVerdict{Delay: time.Until(thaw)}
			})
			cut := time.AfterFunc(time.Duration(after)*time.Second, fake.Cut)
			defer cut.Stop()
			for range 6 {
				c.Send("PRIVMSG #messages :pasted")
			}
			for range 6 {
				c.Expect("* 404 *")
			}
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("cut after %d s: the last line of a paste waited %v", after, took)
			}
			time.Sleep(time.Until(thaw.Add(-time.Second)))
			c.Send("PRIVMSG #messages :too early")
			c.Expect("*NOTICE #messages :Directus is back*")
			c.Send("PRIVMSG #messages :in time")
			if got := strings.Join(c.Sync(), "\n"); strings.Contains(got, " 404 ") {
				t.Errorf("cut after %d s: %s", after, got)
			}
			c.Close()
		})
	}
}

// A replaced static token, and a new login of the same user.
func TestNewLoginAfterRevokedToken(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Password: "ada", FirstName: "ada", Token: "old-token"})
		fake.Insert("messages", ada, map[string]any{"text": "older"})
		old := l.Dial(t)
		old.LoginPass("x", "old-token")
		old.Send("JOIN #messages")
		old.Expect("* 366 *")
		old.Sync()
		fake.SetToken(ada, "new-token")
		c := l.Dial(t)
		c.LoginPass("x", "new-token")
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		time.Sleep(time.Second)
		got := c.Sync()
		if !strings.Contains(strings.Join(got, "\n"), "older") {
			t.Errorf("no backlog: %q", got)
		}
		time.Sleep(10 * time.Minute)
		c.Send("PING :x")
		c.Expect("* PONG *")
		old.Close()
		c.Close()
	})
}

// A message at which Directus fails, without an answer over the socket and with
// an error of its own over REST, is tried a few times, and does not keep the
// next ones from being sent.
func TestMessageThatDirectusFailsAt(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		addFake(fake, "ada")
		c := rejoin(t, l, "ada")
		var attempts atomic.Int64
		fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			fails := f.Action == "create"
			return directustest.FrameVerdict{Skip: fails, Mute: fails}
		})
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Method != "POST" || r.Path != "/items/messages" {
				return directustest.RESTVerdict{}
			}
			v := directustest.RESTVerdict{Status: 500, Code: "INTERNAL_SERVER_ERROR"}
			if attempts.Add(1) > 100 {
				v.Delay = time.Second // time stands still in a bubble that is busy
			}
			return v
		})
		c.Send("PRIVMSG #messages :poison")
		c.Expect("* 404 *")
		if n := attempts.Load(); n < 2 || n > 20 {
			t.Errorf("%d attempts", n)
		}
		fake.OnFrame(nil)
		fake.OnREST(nil)
		c.Send("PRIVMSG #messages :fine", "PRIVMSG #messages :fine too")
		c.Refute("* 404 *")
		c.Close()
	})
}

// A Directus that is slow is not taken for one that is silent for ever.
func TestSlowAfterSilence(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, _, c := unmarked(t)
		for _, delay := range []time.Duration{20 * time.Second, 5 * time.Second} {
			fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
				if r.Method == "POST" && r.Path == "/items/messages" {
					return directustest.RESTVerdict{Delay: delay}
				}
				return directustest.RESTVerdict{}
			})
			c.Send("PRIVMSG #messages :hello")
			refused := strings.Contains(strings.Join(c.Sync(), "\n"), " 404 ")
			if want := delay > 10*time.Second; refused != want {
				t.Errorf("answered after %v: refused %v, want %v", delay, refused, want)
			}
			time.Sleep(2 * time.Minute)
			c.Sync()
		}
		c.Close()
	})
}

// To choose a key is a help that sending can do without.
func TestRightsUnanswered(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ch := messages("keyed")
		ch.Fields.Nonce = ""
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, ch)
		fake.AddCollection("keyed", directustest.FakeCollection{Fields: []string{"text"}, UUIDKey: true})
		ada := addFake(fake, "ada")
		fake.Insert("keyed", ada, map[string]any{"text": "older"})
		c := rejoin(t, l, "ada")
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			return directustest.RESTVerdict{Hang: r.Path == "/permissions/me"}
		})
		begin := time.Now()
		for i := range 5 {
			c.Send(fmt.Sprintf("PRIVMSG #messages :pasted %d", i))
		}
		lines := c.Sync()
		if n := len(fake.Items("keyed")); n != 6 {
			t.Errorf("%d stored, %q", n, lines)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("PING waited %v", took)
		}
		c.Close()
	})
}

// While names cannot be read, messages are held back, and nobody is told time
// and again that all is well.
func TestNamesUnanswered(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		addFake(fake, "ada")
		bob := addFake(fake, "bob")
		c := rejoin(t, l, "ada")
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/users" {
				return directustest.RESTVerdict{Delay: time.Second, Status: 503, Code: "SERVICE_UNAVAILABLE"}
			}
			return directustest.RESTVerdict{}
		})
		fake.Insert("messages", bob, map[string]any{"text": "hello"})
		time.Sleep(20 * time.Minute)
		if n := strings.Count(strings.Join(c.Sync(), "\n"), " NOTICE "); n != 1 {
			t.Errorf("told %d times", n)
		}
		fake.OnREST(nil)
		time.Sleep(5 * time.Minute)
		c.Expect("* NOTICE #messages :*is back*")
		c.Expect("* PRIVMSG #messages :*hello")
		c.Close()
	})
}

// A right that was given back is noticed by the next JOIN, though another
// connection keeps the feed that was refused.
func TestJoinAfterTheRightIsBack(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := addFake(fake, "ada")
		first := rejoin(t, l, "ada")
		fake.Deny(ada, "messages", "read")
		fake.Insert("messages", ada, map[string]any{"text": "hidden"})
		first.Expect("* KICK #messages * :*does not allow*")
		second := l.Dial(t)
		second.LoginPass("x", "ada@example.com:ada")
		second.Send("JOIN #messages")
		second.Expect("* 473 *")
		time.Sleep(5 * time.Minute)
		fake.Allow(ada, "messages", "read")
		second.Send("JOIN #messages")
		second.Expect("* 366 *")
		second.Refute("* 473 *", "* KICK *")
	})
}
