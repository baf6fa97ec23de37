package ircd

import (
	"context"
	"testing"
	"testing/synctest"

	"directus-ircd/ircd/ircdtest"
)

// RenameChannel implements RoomKeeper.
func (s *fakeSession) RenameChannel(_ context.Context, channel, name, reason string) error {
	s.chat.mu.Lock()
	s.chat.keys[name] = s.chat.keys[channel]
	for other := range s.chat.sessions {
		other.joined[name] = other.joined[channel]
		delete(other.joined, channel)
	}
	s.chat.mu.Unlock()
	ev := &Renaming{Old: channel, New: name}
	if reason != "" { // else it is as if somebody had done it in Directus
		ev.By, ev.Reason = s.User(), reason
	}
	s.chat.push(ev, nil)
	return nil
}

// Invite implements RoomKeeper.
func (s *fakeSession) Invite(_ context.Context, channel string, guest User) (bool, error) {
	if channel == "#closed" {
		return false, errorReply("482", "Directus does not allow you to add members", channel)
	}
	return channel == "#club", nil
}

func TestInvitingMembers(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.features = Features{Rooms: true}
		chat.topics["#club"], chat.topics["#closed"] = "", ""
		s := newTestServer(t, chat, nil)
		alice, bob := s.user("alice"), s.user("bob")
		alice.Send("JOIN #club,#closed,#dev")
		alice.Sync()
		alice.Send("INVITE bob #club")
		alice.Expect(":irc.test 341 alice bob #club")
		bob.Expect(":alice!u@directus INVITE bob #club")
		alice.Send("INVITE bob #closed")
		alice.Expect(":irc.test 482 alice #closed :Directus does not allow you to add members")
		alice.Send("INVITE bob #dev")
		alice.Expect("* 341 alice bob #dev")
		bob.ExpectNext(":alice!u@directus INVITE bob #dev")
		bob.Send("QUIT")
		synctest.Wait()
		alice.Sync()
		alice.Send("INVITE bob #dev")
		alice.Expect("* 401 alice bob *")
	})
}

func TestRenaming(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.features = Features{Rooms: true, Topics: true}
		chat.keys = map[string]string{"#dev": "room 1"}
		s := newTestServer(t, chat, nil)
		alice, bob := s.user("alice", "draft/channel-rename"), s.user("bob")
		for _, c := range []*ircdtest.Client{alice, bob} {
			c.Send("JOIN #dev")
			c.Expect("* 366 *")
		}
		synctest.Wait()
		alice.Sync()
		alice.Send("RENAME #dev #apollo")
		alice.Expect(":directus!service@irc.test RENAME #dev #apollo :The room is called #apollo now")
		bob.Expect(":bob!u@directus PART #dev :The room is called #apollo now")
		bob.ExpectNext(":bob!u@directus JOIN :#apollo")
		bob.Expect("* 366 bob #apollo *")
		synctest.Wait()
		alice.Refute("*JOIN*") // bob was there before
		bob.Send("RENAME #apollo #gemini :two are better")
		alice.Expect(":bob!u@directus RENAME #apollo #gemini :two are better")
		bob.Expect(":bob!u@directus PART #apollo :two are better")
		alice.Send("RENAME #gemini #apollo")
		bob.Expect("* 366 bob #apollo *")
		chat.say(testUser("kevin"), "#apollo", "hi")
		for _, c := range []*ircdtest.Client{alice, bob} {
			c.Expect(":kevin!u@directus PRIVMSG #apollo :hi")
		}
		alice.Send("NAMES #apollo")
		alice.Expect("* 353 alice = #apollo :alice bob")
		alice.Send("PRIVMSG #dev :x")
		alice.Expect("* 404 *")
		alice.Send("RENAME #messages #x")
		alice.Expect("* 442 *")
		alice.Send("RENAME #apollo x")
		alice.Expect("*That is not a channel name*")
		chat.mu.Lock()
		chat.topics["#apollo"] = ""
		chat.mu.Unlock()
		chat.join = func(_ context.Context, name string) error {
			if name == "#dev" {
				return &Moved{Name: "#apollo"}
			}
			return nil
		}
		alice.Send("PART #apollo")
		alice.Send("JOIN #dev")
		alice.Expect(":irc.test 470 alice #dev #apollo :This room is called #apollo now")
		alice.ExpectNext(":alice!u@directus JOIN :#apollo")
		bob.Send("JOIN #dev") // who is there
		bob.Expect("* 470 bob #dev #apollo *")
		kevin := s.user("kevin", "draft/channel-rename", "standard-replies")
		kevin.Send("JOIN #dev,#apollo")
		kevin.Expect(":irc.test FAIL JOIN CHANNEL_RENAMED #dev #apollo :This room is called #apollo now")
		kevin.ExpectNext(":kevin!u@directus JOIN :#apollo")
		if n := s.roster.Stats().Channels; n != 1 {
			t.Errorf("%d channels are known", n)
		}
		chat.pushTo("bob", &Invitation{Channel: "#tea"})
		bob.Expect(":directus!service@irc.test INVITE bob #tea")
	})
}

// A name may pass from one room to another, and some are told of that later than others. Nobody
// sees the people of one room in the other meanwhile.
func TestNamePassesToAnotherRoom(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.topics["#a"], chat.topics["#b"] = "", ""
		chat.features = Features{Rooms: true}
		chat.keys = map[string]string{"#a": "room 1", "#b": "room 2"}
		s := newTestServer(t, chat, nil)
		alice, bob := s.user("alice"), s.user("bob")
		alice.Send("JOIN #a")
		alice.Expect("* 366 *")
		bob.Send("JOIN #b")
		bob.Expect("* 366 *")
		synctest.Wait()
		alice.Sync()
		// The room #a is #c now and the room #b is #a; bob is told first.
		chat.pushTo("bob", &Renaming{Old: "#b", New: "#a"})
		bob.Expect("* 353 bob = #a :bob")
		alice.Send("NAMES #a")
		alice.Expect("* 353 alice = #a :alice")
		bob.Send("AWAY :gone", "@+typing=active TAGMSG #a", "PART #a", "JOIN #b")
		bob.Expect("* 366 bob #b *")
		synctest.Wait()
		alice.Refute("*bob*")
		chat.pushTo("alice", &Renaming{Old: "#a", New: "#c"})
		alice.Expect("* 353 alice = #c :alice")
	})
}
