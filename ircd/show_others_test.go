package ircd

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// TestPresence: all connections of a user are one presence.
func TestPresence(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		bob := s.inChannel("bob", "#messages")
		bob.Send("JOIN #dev")
		bob.Sync()

		first := s.inChannel("alice", "#messages")
		expectAll(t, synced(bob), []string{":alice!u@directus JOIN :#messages"})
		// The second connection is nobody new.
		second := s.inChannel("alice", "#messages")
		expectAll(t, synced(bob), nil)
		expectAll(t, synced(first), nil)
		second.Send("NAMES #messages")
		second.ExpectNext(":irc.test 353 alice = #messages :alice bob")
		// It alone is in another channel.
		second.Send("JOIN #dev")
		second.Sync()
		expectAll(t, synced(bob), []string{":alice!u@directus JOIN :#dev"})
		second.Send("PART #messages :one of two")
		second.Sync()
		expectAll(t, synced(bob), nil)
		// When it goes, the other one stays: a PART, no QUIT.
		second.Send("QUIT :bye")
		second.Closed()
		expectAll(t, synced(bob), []string{":alice!u@directus PART #dev :Quit: bye"})
		first.Send("QUIT")
		first.Closed()
		expectAll(t, synced(bob), []string{":alice!u@directus QUIT :Quit"})
		bob.Send("NAMES #messages,#dev")
		bob.ExpectNext(":irc.test 353 bob = #messages :bob")
		bob.Expect(":irc.test 353 bob = #dev :bob")
	})
}

// synced is Sync once everything in flight has arrived.
func synced(c interface{ Sync() []string }) []string {
	synctest.Wait()
	return c.Sync()
}

// TestQuitOnce: who shares several channels with a user sees one QUIT.
func TestQuitOnce(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		alice, bob, kevin := s.inChannel("alice", "#dev"), s.inChannel("bob", "#dev"), s.user("kevin")
		alice.Send("JOIN #messages")
		bob.Send("JOIN #messages")
		synced(alice)
		synced(bob)
		bob.Close()
		expectAll(t, synced(alice), []string{":bob!u@directus QUIT :Connection closed"})
		if lines := kevin.Refute("* QUIT *", "* JOIN *"); len(lines) > 0 {
			t.Errorf("kevin got %q", lines)
		}
	})
}

func TestAwayNotify(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		watcher, plain := s.inChannel("bob", "#messages", "away-notify", "extended-join"), s.inChannel("kevin", "#messages")
		synced(watcher)
		first, second := s.inChannel("alice", "#messages"), s.user("alice")
		expectAll(t, synced(watcher), []string{":alice!u@directus JOIN #messages acc-alice :Alice Example"})
		away := func(text string) func(c interface{ Send(...string) }) {
			return func(c interface{ Send(...string) }) { c.Send("AWAY :" + text) }
		}
		// Away when all are.
		away("lunch")(first)
		expectAll(t, synced(watcher), nil)
		away("dinner")(second)
		expectAll(t, synced(watcher), []string{":alice!u@directus AWAY :dinner"})
		watcher.Send("WHOIS alice", "WHO alice")
		watcher.Expect(":irc.test 301 bob alice :dinner")
		watcher.Expect(":irc.test 352 bob #messages u directus irc.test alice G :0 Alice Example")
		watcher.Sync()
		// Another channel: the joiner is away.
		first.Send("JOIN #dev")
		watcher.Send("JOIN #dev")
		synced(watcher)
		first.Send("PART #dev")
		synced(first)
		synced(watcher)
		first.Send("JOIN #dev")
		expectAll(t, synced(watcher), []string{":alice!u@directus JOIN #dev acc-alice :Alice Example", ":alice!u@directus AWAY :dinner"})
		// Here as soon as one is; told once, though two channels are shared.
		away("")(second)
		expectAll(t, synced(watcher), []string{":alice!u@directus AWAY"})
		away("tea")(second)
		expectAll(t, synced(watcher), []string{":alice!u@directus AWAY :tea"})
		// A new connection is here, and gone again.
		third := s.user("alice")
		expectAll(t, synced(watcher), []string{":alice!u@directus AWAY"})
		third.Close()
		expectAll(t, synced(watcher), []string{":alice!u@directus AWAY :tea"})
		second.Close()
		expectAll(t, synced(watcher), []string{":alice!u@directus AWAY :lunch"})
		plain.Refute("* AWAY *")
	})
}

// TestUnattended: a client that nobody sits at does not make its user be here, nor
// take away the words of one that was left on purpose.
func TestUnattended(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		watcher := s.inChannel("bob", "#messages", "away-notify")
		first := s.inChannel("alice", "#messages")
		first.Send("AWAY :lunch")
		first.Expect("* 306 *")
		synced(watcher)
		phone := s.client()
		phone.Send("CAP REQ :draft/pre-away sasl", "AWAY *", "NICK alice", "USER alice 0 * :x", "AUTHENTICATE PLAIN",
			"AUTHENTICATE "+ircdtest.Plain("alice@example.com", "pw-alice"), "CAP END")
		phone.Welcome()
		phone.Send("JOIN #messages")
		phone.Expect("* 366 *")
		expectAll(t, synced(watcher), nil)
		first.Close()
		watcher.ExpectNext(":alice!u@directus AWAY :Away")
		phone.Send("AWAY")
		phone.Expect("* 305 *")
		expectAll(t, synced(watcher), []string{":alice!u@directus AWAY"})
	})
}

// TestAccountTag: whatever somebody does, the account is on the line for those
// who asked for it, and for nobody else.
func TestAccountTag(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		bob, old := s.inChannel("bob", "#messages", "account-tag", "away-notify", "setname"), s.inChannel("kevin", "#messages")
		synced(bob)
		alice := s.inChannel("alice", "#messages")
		alice.Send("AWAY :out", "TOPIC #messages :refused", "PART #messages :bye", "JOIN #messages", "INVITE bob #messages", "INVITE bob #dev", "JOIN #dev", "INVITE bob #dev", "MODE alice +B")
		alice.Expect(":alice!u@directus MODE alice +B")
		alice.Send("QUIT")
		alice.Closed()
		want := []string{
			"JOIN :#messages", "AWAY :out", "PART #messages :bye", "JOIN :#messages", "AWAY :out", "INVITE bob #dev", "QUIT :Quit",
		}
		for i, l := range want {
			want[i] = "@account=acc-alice :alice!u@directus " + l
		}
		expectAll(t, synced(bob), want)
		for _, l := range synced(old) {
			if strings.HasPrefix(l, "@") {
				t.Errorf("an old client is shown %q", l)
			}
		}
		bob.Send("MODE bob +B")
		bob.ExpectNext("@account=acc-bob :bob!u@directus MODE bob +B")
	})
}

// TestOwnMessageElsewhere: what one says on one connection appears once on the
// other, and not on the one without echo-message.
func TestOwnMessageElsewhere(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		first, second := s.inChannel("alice", "#messages"), s.inChannel("alice", "#messages")
		first.Send("PRIVMSG #messages :once")
		expectAll(t, synced(first), nil)
		expectAll(t, synced(second), []string{":alice!u@directus PRIVMSG #messages :once"})
	})
}

// TestStrangersStayUnknown: who shares no channel and cannot be looked up is not
// shown, though connected.
func TestStrangersStayUnknown(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		alice, bob := s.inChannel("alice", "#messages"), s.inChannel("bob", "#dev")
		chat.mu.Lock()
		delete(chat.accounts, "bob@example.com:pw-bob")
		chat.mu.Unlock()
		alice.Send("WHOIS bob", "WHO b*", "WHO #dev", "USERHOST bob", "ISON bob", "NAMES #dev", "PRIVMSG bob :hi")
		for _, l := range []string{"401 alice bob :*", "318 alice bob :*", "315 alice b* :*", "315 alice #dev :*", "302 alice :", "303 alice :", "366 alice #dev :*", "401 alice bob :*"} {
			alice.ExpectNext(":irc.test " + l)
		}
		// Who can be looked up is known to be connected.
		chat.mu.Lock()
		chat.offline["bob"] = testUser("bob")
		chat.mu.Unlock()
		alice.Send("WHO bob", "USERHOST bob", "ISON bob", "WHO b*")
		for _, l := range []string{"352 alice * u directus irc.test bob H :*", "315 alice bob :*", "302 alice :bob=+u@directus", "303 alice :bob", "315 alice b* :*"} {
			alice.ExpectNext(":irc.test " + l)
		}
		bob.Send("JOIN #messages")
		bob.Expect("* 366 *")
		alice.Send("WHOIS bob")
		alice.Expect(":irc.test 319 alice bob :#messages")
	})
}

// TestNamesFold: a full channel takes several lines, all within the limit.
func TestNamesFold(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		for i := range 60 {
			name := fmt.Sprintf("somebody-with-a-long-name-%03d", i)
			chat.accounts["token-"+name] = testUser(name)
		}
		s := newTestServer(t, chat, nil)
		for token, u := range chat.accounts {
			if strings.HasPrefix(token, "token-") {
				c := s.client()
				c.LoginPass(u.Nick, token)
				c.Send("JOIN #messages")
				c.Expect("* 366 *")
			}
		}
		alice := s.inChannel("alice", "#messages", "userhost-in-names")
		alice.Send("NAMES #messages")
		seen := make(map[string]bool)
		for _, l := range alice.Sync() {
			if len(l) > wire.MaxBody {
				t.Errorf("a line of %d bytes: %q", len(l), l)
			}
			if _, list, ok := strings.Cut(l, " 353 alice = #messages :"); ok {
				for name := range strings.FieldsSeq(list) {
					seen[name] = true
				}
			}
		}
		if len(seen) != 61 || !seen["alice!u@directus"] {
			t.Errorf("got %d names", len(seen))
		}
	})
}

// TestMOTD: lines are kept, long ones split.
func TestMOTD(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), func(o *Options) { o.MOTD = "Welcome\n\n" + strings.Repeat("word ", 150) + "\n" })
		c := s.user("alice")
		c.Send("MOTD")
		var got []string
		for _, l := range c.Sync() {
			if strings.Contains(l, " 37") {
				got = append(got, l[:min(len(l), 40)])
			}
		}
		expectAll(t, got, []string{
			":irc.test 375 alice :- irc.test Message ", ":irc.test 372 alice :- Welcome", ":irc.test 372 alice :- ",
			":irc.test 372 alice :- word word word wo", ":irc.test 372 alice :- word word word wo", ":irc.test 376 alice :End of /MOTD comman",
		})
	})
}
