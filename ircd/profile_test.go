package ircd

import (
	"strings"
	"testing"
	"testing/synctest"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// pushTo gives the sessions of one user an event.
func (f *fakeChat) pushTo(name string, ev Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sessions {
		if s.user.Nick == name {
			s.queue = append(s.queue, ev)
			s.wake.Ring()
		}
	}
}

// TestProfile: a new real name is told once to everybody who has setname, to the
// user too, and is what everybody is shown from then on.
func TestProfile(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		bob, old := s.inChannel("bob", "#messages", "setname", "extended-join"), s.inChannel("kevin", "#messages")
		first, second := s.inChannel("alice", "#messages", "setname", "extended-join"), s.inChannel("alice", "#messages")
		bob.Send("JOIN #dev")
		first.Send("JOIN #dev")
		for _, c := range []*ircdtest.Client{bob, old, first, second} {
			synced(c)
		}
		chat.pushTo("alice", &Profile{Realname: "Alice Married-Name"})
		news := []string{":alice!u@directus SETNAME :Alice Married-Name"}
		expectAll(t, synced(bob), news)
		expectAll(t, synced(first), news)
		expectAll(t, synced(second), nil)
		expectAll(t, synced(old), nil)
		old.Send("WHO alice", "WHOIS alice")
		old.Expect(":irc.test 352 kevin #messages u directus irc.test alice H :0 Alice Married-Name")
		old.Expect(":irc.test 311 kevin alice u directus * :Alice Married-Name")
		second.Send("PART #messages", "JOIN #dev", "PART #dev")
		synced(second)
		first.Send("PART #dev", "JOIN #dev")
		first.Expect(":alice!u@directus JOIN #dev acc-alice :Alice Married-Name")
		bob.Expect(":alice!u@directus JOIN #dev acc-alice :Alice Married-Name")
		// Whoever logs in later has read a newer name.
		u := testUser("alice")
		u.Realname = strings.Repeat("ä", wire.NameLen)
		chat.mu.Lock()
		chat.accounts["alice@example.com:pw-alice"] = u
		chat.mu.Unlock()
		s.user("alice")
		bob.Expect(":alice!u@directus SETNAME :" + strings.Repeat("ä", wire.NameLen/2))
	})
}

// TestInvite: an invitation reaches the guest on all connections, and with
// invite-notify those in the channel.
func TestInvite(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		alice, second := s.inChannel("alice", "#dev", "invite-notify"), s.inChannel("alice", "#dev", "invite-notify")
		kevin, old := s.inChannel("kevin", "#dev", "invite-notify"), s.inChannel("kevin", "#dev")
		bob, elsewhere := s.user("bob"), s.inChannel("bob", "#messages", "invite-notify")
		for _, c := range []*ircdtest.Client{alice, second, kevin, old, bob, elsewhere} {
			synced(c)
		}
		alice.Send("INVITE Bob #Dev")
		expectAll(t, synced(alice), []string{":irc.test 341 alice bob #dev"})
		news := []string{":alice!u@directus INVITE bob #dev"}
		for _, c := range []*ircdtest.Client{second, kevin, bob, elsewhere} {
			expectAll(t, synced(c), news)
		}
		expectAll(t, synced(old), nil)
		// The guest is away; and then there already.
		bob.Send("AWAY :out")
		synced(bob)
		elsewhere.Send("AWAY :lunch")
		synced(elsewhere)
		alice.Send("INVITE bob #dev")
		expectAll(t, synced(alice), []string{":irc.test 341 alice bob #dev", ":irc.test 301 alice bob :lunch"})
		bob.Send("JOIN #dev")
		synced(bob)
		synced(alice)
		alice.Send("INVITE bob #dev")
		expectAll(t, synced(alice), []string{":irc.test 443 alice bob #dev :is in the channel already"})
		// A stranger is nobody.
		bob.Send("PART #dev")
		synced(bob)
		chat.hide("bob")
		alice.Send("INVITE bob #dev")
		alice.Expect(":irc.test 401 alice bob :No such nick")
		if lines := synced(bob); len(lines) > 0 {
			t.Errorf("bob got %q", lines)
		}
	})
}

// TestBot: a bot is somebody all of whose connections say so.
func TestBot(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		bob := s.inChannel("bob", "#messages")
		bot := s.inChannel("alice", "#messages")
		bot.Send("MODE alice +B", "MODE alice +B", "MODE alice", "WHOIS alice")
		for _, want := range []string{":alice!u@directus MODE alice +B", ":irc.test 221 alice +Bi", ":irc.test 221 alice +Bi"} {
			bot.ExpectNext(want)
		}
		bot.Expect(":irc.test 379 alice alice :is using modes +Bi")
		bob.Send("WHOIS alice", "WHO alice", "WHO alice %nf", "AWAY :x", "WHO #messages %nf")
		bob.Expect(":irc.test 335 bob alice :is a bot")
		bob.Expect(":irc.test 352 bob #messages u directus irc.test alice HB :0 Alice Example")
		bob.Expect(":irc.test 354 bob alice HB")
		bob.Expect(":irc.test 354 bob alice HB")
		bob.Expect(":irc.test 354 bob bob G")
		// The person behind it looks in.
		person := s.user("alice")
		person.Send("MODE alice")
		person.Expect(":irc.test 221 alice +i")
		bob.Send("WHO alice")
		bob.Expect(":irc.test 352 bob #messages u directus irc.test alice H :*")
		person.Close()
		synced(bob)
		bob.Send("WHO alice")
		bob.Expect(":irc.test 352 bob #messages u directus irc.test alice HB :*")
		// What it says is marked, for those who can be told.
		modern := s.inChannel("kevin", "#messages", "message-tags", "draft/multiline", "batch")
		synced(modern)
		synced(bob)
		bot.Send("CAP REQ message-tags", "PRIVMSG #messages :beep")
		modern.ExpectNext("@msgid=m1;bot :alice!u@directus PRIVMSG #messages :beep")
		s.chat.say(testUser("alice"), "#messages", "two\nlines")
		modern.ExpectNext("@msgid=m2;bot :alice!u@directus BATCH +*")
		modern.Expect("* BATCH -*")
		bot.Send("@+typing=active TAGMSG #messages")
		modern.ExpectNext("@bot;+typing=active :alice!u@directus TAGMSG #messages")
		bob.ExpectNext(":alice!u@directus PRIVMSG #messages :beep")
		synced(bob)
		bot.Send("MODE alice -B+i")
		bot.Expect(":alice!u@directus MODE alice -B")
		bob.Send("WHO alice")
		bob.Expect(":irc.test 352 bob #messages u directus irc.test alice H :*")
		bot.Send("MODE alice +B", "QUIT")
		bot.Closed()
		synctest.Wait()
		if s.roster.IsBot("id-alice") || s.roster.IsBot("id-bob") {
			t.Error("there are bots left")
		}
	})
}
