package ircd

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"directus-ircd/ircd/ircdtest"

	"github.com/rs/zerolog"
)

// calls counts the calls of a session's methods.
type calls struct {
	mu sync.Mutex
	of map[string]int // guarded by mu
}

func (c *calls) note(method, _ string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[method]++
}

func (c *calls) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.of
	c.of = map[string]int{}
	return of
}

// TestBring: messages reach clients that wait for nothing else without their own goroutine. What
// is no short message is left to that, with all that comes behind it.
func TestBring(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		seen := &calls{of: map[string]int{}}
		chat.crash = seen.note
		s := newTestServer(t, chat, nil)
		bob, alice := s.user("bob"), s.user("alice")
		bob.Send("JOIN #messages")
		bob.Expect("* 366 *")
		alice.Send("JOIN #messages")
		alice.Expect("* 366 *")
		for name, test := range map[string]struct {
			say  func()
			want string
			poll bool
		}{
			"a message": {func() { chat.say(testUser("dan"), "#messages", "one") }, "*PRIVMSG #messages *one", false},
			"a long message": {func() {
				chat.say(testUser("dan"), "#messages", strings.Repeat("long ", writeChunk/4))
				chat.say(testUser("dan"), "#messages", "two")
			}, "*PRIVMSG #messages *two", true},
			"another event": {func() {
				chat.push(&Topic{Channel: "#messages", Text: "news", By: testUser("dan")}, nil)
				chat.say(testUser("dan"), "#messages", "three")
			}, "*PRIVMSG #messages *three", true},
		} {
			synctest.Wait()
			seen.take()
			test.say()
			bob.Expect(test.want)
			alice.Expect(test.want)
			synctest.Wait()
			if got := seen.take(); got["News"] == 0 || got["Poll"] > 0 != test.poll {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

// TestBringPanic: a panic ends the connection that it is about, and no other one.
func TestBringPanic(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		var log lockedText
		chat := newFakeChat()
		s := newTestServer(t, chat, func(o *Options) { o.Logger = zerolog.New(&log) })
		bob, alice := s.user("bob"), s.user("alice")
		for _, c := range []*ircdtest.Client{bob, alice} {
			c.Send("JOIN #messages")
			c.Expect("* 366 *")
		}
		synctest.Wait() // until both wait for nothing else
		chat.mu.Lock()
		chat.crash = func(method, user string) {
			if method == "News" && user == testUser("bob").ID {
				panic("broken")
			}
		}
		chat.mu.Unlock()
		chat.say(testUser("dan"), "#messages", "one")
		alice.Expect("*PRIVMSG #messages *one")
		bob.Expect("ERROR :Closing link: *")
		bob.Closed()
		if text := log.String(); !strings.Contains(text, "bring_test.go") {
			t.Errorf("the log: %s", text)
		}
	})
}
