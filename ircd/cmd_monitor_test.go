package ircd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// hide makes a user one who cannot be looked up.
func (f *fakeChat) hide(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.accounts, name+"@example.com:pw-"+name)
	delete(f.offline, name)
}

// TestMonitor: who may be looked up is told online and offline, without a
// channel in common.
func TestMonitor(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		bob := s.user("bob")
		alice := s.user("alice")
		alice.Send("MONITOR + Bob,kevin,nobody,not*a*nick")
		expectAll(t, synced(alice), []string{":irc.test 730 alice :bob!u@directus", ":irc.test 731 alice :not*a*nick,kevin,nobody"})
		alice.Send("MONITOR L", "MONITOR S", "MONITOR + bob")
		expectAll(t, synced(alice), []string{
			":irc.test 732 alice :Bob,kevin,nobody", ":irc.test 733 alice :End of MONITOR list",
			":irc.test 730 alice :bob!u@directus", ":irc.test 731 alice :kevin,nobody",
			":irc.test 730 alice :bob!u@directus",
		})
		second := s.user("bob")
		kevin := s.user("kevin")
		expectAll(t, synced(alice), []string{":irc.test 730 alice :kevin!u@directus"})
		bob.Close()
		expectAll(t, synced(alice), nil)
		second.Close()
		expectAll(t, synced(alice), []string{":irc.test 731 alice :Bob"})
		alice.Send("MONITOR - kevin,bob,bob")
		synced(alice)
		kevin.Close()
		s.user("bob")
		expectAll(t, synced(alice), nil)
		alice.Send("MONITOR + kevin", "MONITOR C", "MONITOR L", "MONITOR S")
		expectAll(t, synced(alice), []string{":irc.test 731 alice :kevin", ":irc.test 733 alice :End of MONITOR list"})
		if n := s.roster.Stats().Watched; n != 0 {
			t.Errorf("%d nicks are still waited for", n)
		}
		alice.Send("MONITOR + bob,kevin")
		synced(alice)
		alice.Close()
		synctest.Wait()
		if n := s.roster.Stats().Watched; n != 0 {
			t.Errorf("%d nicks are waited for by nobody", n)
		}
	})
}

// TestMonitorStrangers: who cannot be looked up is online only while a channel
// is shared.
func TestMonitorStrangers(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		bob, kevin := s.inChannel("bob", "#dev"), s.inChannel("kevin", "#messages")
		chat.hide("bob")
		chat.hide("kevin")
		alice := s.inChannel("alice", "#messages", "extended-monitor", "away-notify")
		alice.Send("MONITOR + bob,kevin")
		expectAll(t, synced(alice), []string{":irc.test 730 alice :kevin!u@directus", ":irc.test 731 alice :bob"})
		bob.Send("AWAY :secretly")
		expectAll(t, synced(alice), nil)
		// They come to where the client is, and go.
		bob.Send("JOIN #messages")
		expectAll(t, synced(alice), []string{":bob!u@directus JOIN :#messages", ":bob!u@directus AWAY :secretly", ":irc.test 730 alice :bob!u@directus"})
		bob.Send("PART #messages")
		expectAll(t, synced(alice), []string{":bob!u@directus PART #messages", ":irc.test 731 alice :bob"})
		// The client goes to where they are, and away.
		alice.Send("JOIN #dev")
		expectAll(t, synced(alice)[3:], []string{":irc.test 730 alice :bob!u@directus"})
		alice.Send("PART #dev,#messages")
		expectAll(t, synced(alice), []string{":alice!u@directus PART #dev", ":alice!u@directus PART #messages", ":irc.test 731 alice :bob,kevin"})
		kevin.Close()
		expectAll(t, synced(alice), nil)
	})
}

// TestExtendedMonitor: what happens to somebody in no channel in common is told
// once, to those who asked for it.
func TestExtendedMonitor(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		bob := s.inChannel("bob", "#dev")
		full := s.user("alice", "extended-monitor", "away-notify", "setname")
		noaway := s.user("alice", "extended-monitor")
		plain := s.user("kevin", "away-notify", "setname")
		both := s.inChannel("kevin", "#dev", "extended-monitor", "away-notify", "setname")
		for _, c := range []*ircdtest.Client{full, noaway, plain, both} {
			c.Send("MONITOR + bob")
			c.Expect("* 730 *")
		}
		bob.Send("AWAY :lunch")
		synced(bob)
		bob.Send("MONITOR + bob", "CAP REQ :extended-monitor away-notify setname")
		chat.pushTo("bob", &Profile{Realname: "Bob Newname"})
		news := []string{":bob!u@directus AWAY :lunch", ":bob!u@directus SETNAME :Bob Newname"}
		expectAll(t, synced(full), news)
		expectAll(t, synced(both), news)
		expectAll(t, synced(noaway), nil)
		expectAll(t, synced(plain), nil)
		bob.Expect("* CAP * ACK *")
		bob.Send("AWAY")
		expectAll(t, synced(bob)[1:], nil) // the 305, and nothing about oneself
	})
}

// TestMonitorLimits: a list that is full says what it did not take, and long
// answers are folded.
func TestMonitorLimits(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		alice := s.user("alice")
		var nicks []string
		for i := range maxMonitor + 20 {
			nicks = append(nicks, fmt.Sprintf("somebody-with-a-long-name-%03d", i))
		}
		alice.Send("MONITOR + " + strings.Join(nicks, ","))
		told := make(map[string][]string)
		for _, l := range synced(alice) {
			f := strings.Fields(l)
			if len(l) > wire.MaxBody {
				t.Errorf("%d bytes: %s", len(l), l)
			}
			list := strings.TrimPrefix(f[3], ":")
			if f[1] == "734" {
				list = f[4]
			}
			told[f[1]] = append(told[f[1]], strings.Split(list, ",")...)
		}
		expectAll(t, told["731"], nicks[:maxMonitor])
		expectAll(t, told["734"], nicks[maxMonitor:])
	})
}

// slowLookup is a session whose Lookup is down, or takes its time.
type slowLookup struct {
	Session
	lookup func(ctx context.Context, nick string) (*User, error)
}

func (s slowLookup) Lookup(ctx context.Context, nick string) (*User, error) {
	return s.lookup(ctx, nick)
}

// TestMonitorBackendDown: a backend that fails, or does not answer, costs the
// client a short wait, and nobody is lost for ever.
func TestMonitorBackendDown(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		type lookup func(ctx context.Context, nick string) (*User, error)
		var asked atomic.Int32
		var answer atomic.Value
		answer.Store(lookup(func(ctx context.Context, nick string) (*User, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		chat.login = func(_ context.Context, cred Credentials) (Session, error) {
			s := chat.open(testUser(cred.Nick))
			if cred.Nick != "alice" {
				return s, nil
			}
			return slowLookup{s, func(ctx context.Context, nick string) (*User, error) {
				asked.Add(1)
				return answer.Load().(lookup)(ctx, nick)
			}}, nil
		}
		s := newTestServer(t, chat, nil)
		login := func(nick string) *ircdtest.Client {
			c := s.client()
			c.LoginPass(nick, "x")
			return c
		}
		login("bob")
		login("kevin")
		alice := login("alice")
		start := time.Now()
		alice.Send("MONITOR + bob,kevin,nobody")
		expectAll(t, synced(alice), []string{":irc.test 731 alice :bob,kevin,nobody"})
		if d := time.Since(start); d != monitorTimeout || asked.Load() != 1 {
			t.Errorf("asked %d times in %v", asked.Load(), d)
		}
		answer.Store(lookup(func(context.Context, string) (*User, error) { return nil, errors.New("down") }))
		time.Sleep(2 * monitorRetry)
		synced(alice)
		if asked.Load() < 3 {
			t.Errorf("asked %d times", asked.Load())
		}
		answer.Store(lookup(func(_ context.Context, nick string) (*User, error) { u := testUser(nick); return &u, nil }))
		time.Sleep(2 * monitorRetry)
		expectAll(t, synced(alice), []string{":irc.test 730 alice :bob!u@directus,kevin!u@directus"})
		n := asked.Load()
		time.Sleep(time.Hour)
		alice.Refute("* 730 *", "* 731 *")
		if asked.Load() != n {
			t.Errorf("asked %d times more", asked.Load()-n)
		}
	})
}
