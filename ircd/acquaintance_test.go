package ircd

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// TestStrangers: whatever a client asks, and whatever somebody does whom its user may
// not know and shares no channel with, it is told nothing of them: not that they are
// there, nor their name. Of who is known by a pseudonym it is told no more than that.
func TestStrangers(t *testing.T) {
	for _, pseudonym := range []bool{false, true} {
		ircdtest.Bubble(t, func(t *testing.T) {
			chat := newFakeChat()
			chat.features.Private = true
			s := newTestServer(t, chat, nil)
			all := []string{"away-notify", "extended-monitor", "invite-notify", "setname", "message-tags", "echo-message"}
			alice, bob := s.user("alice", all...), s.inChannel("bob", "#dev")
			kevin := s.inChannel("kevin", "#messages", all...)
			alice.Send("JOIN #messages")
			alice.Expect("* 366 *")
			chat.hide("bob")
			if pseudonym {
				chat.mu.Lock()
				chat.offline["user-1"] = User{ID: "id-bob", Nick: "user-1", Username: "u", Host: "directus", Realname: "user-1"}
				chat.mu.Unlock()
			}
			synced(alice)
			bob.Send("AWAY :in a secret place")
			synced(bob)
			alice.Send("WHOIS bob", "WHO bob", "WHO bob %nra", "WHO * n%nra", "ISON bob", "USERHOST bob", "MONITOR + bob", "MONITOR S",
				"INVITE bob #messages", "@+typing=active TAGMSG bob", "WHOWAS bob", "VERSION bob", "LINKS bob")
			if pseudonym {
				alice.Send("WHOIS user-1", "WHO user-1", "ISON user-1", "USERHOST user-1", "MONITOR + user-1", "PRIVMSG user-1 :hi", "INVITE user-1 #messages")
			}
			bob.Send("AWAY", "AWAY :again", "JOIN #ops", "@+typing=active TAGMSG alice", "PART #dev", "JOIN #dev")
			synced(bob)
			lines := synced(alice)
			bob.Close()
			lines = append(lines, synced(alice)...)
			alice.Send("WHOWAS bob")
			for _, l := range append(lines, synced(alice)...) {
				for _, secret := range []string{"Bob", "secret", "again", ":bob!", "bob!", "bob=", "user-1=", " 303 alice :bob", " 303 alice :user-1", " 730 ", " 301 ", " 317 ", " 671 ", " 341 "} {
					if strings.Contains(l, secret) {
						t.Errorf("pseudonym %v: told of a stranger: %q", pseudonym, l)
					}
				}
			}
			expectAll(t, synced(kevin), []string{":alice!u@directus JOIN :#messages"})
		})
	}
}

// TestInvitedByStranger: who may not know the one who invites is invited by the service,
// and others in the channel do not learn of a guest whom they may not know.
func TestInvitedByStranger(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		alice, kevin, bob := s.inChannel("alice", "#messages"), s.inChannel("kevin", "#messages", "invite-notify"), s.user("bob")
		chat.knows = func(s *fakeSession, id string) Acquaintance {
			if s.user.Nick == "alice" {
				return Known
			}
			return Stranger
		}
		alice.Send("INVITE bob #messages")
		alice.Expect(":irc.test 341 alice bob #messages")
		synced(alice)
		bob.Expect(":directus!service@irc.test INVITE bob #messages")
		bob.Refute("*alice*")
		kevin.Refute("* INVITE *")
	})
}

// TestAcquaintanceEnds: what happens to somebody in a channel is not shown to who has
// left it in the meantime, and MONITOR says good-bye to who is a stranger now.
func TestAcquaintanceEnds(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		release := make(chan struct{})
		chat.send = func(*fakeSession, Outgoing) (*Message, error) {
			<-release
			return nil, &Error{Numeric: "404", Params: []string{"#messages"}, Text: "no"}
		}
		s := newTestServer(t, chat, nil)
		alice := s.inChannel("alice", "#messages", "away-notify", "extended-monitor")
		bob := s.inChannel("bob", "#messages")
		alice.Send("MONITOR + bob")
		alice.Expect(":irc.test 730 alice :bob!*")
		chat.hide("bob")
		alice.Send("PRIVMSG #messages :blocks", "PART #messages")
		bob.Send("AWAY :first", "JOIN #dev")
		synced(bob)
		close(release)
		// The AWAY came while the client was still there.
		lines := synced(alice)
		if got := lines[len(lines)-1]; got != ":irc.test 731 alice :bob" {
			t.Errorf("after leaving: %q", lines)
		}
		bob.Send("AWAY :second")
		synced(bob)
		bob.Send("QUIT")
		bob.Closed()
		alice.Send("WHOWAS bob")
		for _, l := range synced(alice) {
			if strings.Contains(l, "second") || strings.Contains(l, "Bob") || strings.Contains(l, "QUIT") {
				t.Errorf("told of a stranger: %q", l)
			}
		}
	})
}

// TestAcquaintancesEvent: when the backend says that acquaintances have changed, those
// whom a client monitors are looked at again.
func TestAcquaintancesEvent(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		alice, bob := s.user("alice", "extended-monitor", "away-notify"), s.user("bob")
		alice.Send("MONITOR + bob")
		alice.Expect(":irc.test 730 alice :bob!*")
		chat.hide("bob")
		chat.push(&Acquaintances{}, nil)
		alice.Expect(":irc.test 731 alice :bob")
		bob.Send("AWAY :x")
		synced(bob)
		time.Sleep(time.Second)
		alice.Refute("* AWAY *")
		chat.mu.Lock()
		chat.offline["bob"] = testUser("bob")
		chat.mu.Unlock()
		chat.push(&Acquaintances{}, nil)
		alice.Expect(":irc.test 730 alice :bob!*")
	})
}
