package ircd

import (
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// TestWhowas: who left is told, newest first, to those who might have known them.
func TestWhowas(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		alice, kevin := s.inChannel("alice", "#messages"), s.user("kevin")
		for range 2 {
			bob := s.inChannel("bob", "#messages")
			time.Sleep(time.Minute)
			bob.Close()
			synced(alice)
		}
		chat.hide("bob")
		entry := func(nick, at string) []string {
			return []string{
				":irc.test 314 " + nick + " bob u directus * :Bob Example",
				":irc.test 312 " + nick + " bob irc.test :Sat, 01 Jan 2000 " + at + " +0000",
				":irc.test 330 " + nick + " bob acc-bob :was logged in as",
			}
		}
		end := func(nick, asked string) string { return ":irc.test 369 " + nick + " " + asked + " :End of WHOWAS" }
		alice.Send("WHOWAS BOB", "WHOWAS bob 1 irc.test", "WHOWAS bob 0")
		all := append(append(entry("alice", "00:02:00"), entry("alice", "00:01:00")...), end("alice", "BOB"))
		want := append(append(all, append(entry("alice", "00:02:00"), end("alice", "bob"))...), all...)
		want[len(want)-1] = end("alice", "bob")
		expectAll(t, synced(alice), want)
		// Who is in another channel now, and may not look bob up, never heard of him.
		kevin.Send("JOIN #dev", "WHOWAS bob")
		kevin.Expect(":irc.test 406 kevin bob :*")
		kevin.ExpectNext(end("kevin", "bob"))
		chat.mu.Lock()
		chat.offline["bob"] = testUser("bob")
		chat.mu.Unlock()
		kevin.Send("WHOWAS bob 1")
		expectAll(t, synced(kevin), append(entry("kevin", "00:02:00"), end("kevin", "bob")))
		// Somebody else who is called so now is not he.
		chat.mu.Lock()
		chat.offline["bob"] = User{ID: "another", Nick: "bob"}
		chat.mu.Unlock()
		kevin.Send("WHOWAS bob")
		kevin.Expect(":irc.test 406 kevin bob :*")
		time.Sleep(12 * time.Hour)
		alice.Send("WHOWAS bob")
		alice.Expect(":irc.test 406 alice bob :*")
	})
}
