package ircd

import (
	"errors"
	"testing"

	"directus-ircd/ircd/ircdtest"
)

// Why a session ended is told to its own client. Others learn that it did, in a
// channel that one of the user's connections is still in as well.
func TestQuitTellsNoReason(t *testing.T) {
	ends := map[string]error{
		"a changed password":   &Error{Text: "password changed"},
		"a suspended account":  &LoginError{Reason: Rejected, Text: "account suspended"},
		"a fault":              errors.New("a secret"),
		"a fault in a session": ErrPanic,
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				chat := newFakeChat()
				s := newTestServer(t, chat, nil)
				bob, other := s.inChannel("bob", "#messages"), s.user("alice")
				alice := s.inChannel("alice", "#messages")
				synced(bob)
				told := endSession(chat, "alice", end)
				want := "ERROR :Closing link: " + told
				for _, c := range []*ircdtest.Client{alice, other} {
					if lines := c.Closed(); lines[len(lines)-1] != want {
						t.Errorf("the client is told %q, want %q", lines[len(lines)-1], want)
					}
				}
				got := synced(bob)
				for _, l := range got {
					if l != ":alice!u@directus QUIT :Connection closed" && l != ":alice!u@directus PART #messages :Connection closed" {
						t.Errorf("others are told %q", l)
					}
				}
				if len(got) != 1 {
					t.Errorf("others are told %q", got)
				}
			})
		})
	}
}

// endSession ends the sessions of a user and returns what their clients are to be told.
func endSession(chat *fakeChat, name string, end error) string {
	chat.mu.Lock()
	defer chat.mu.Unlock()
	for s := range chat.sessions {
		if s.user.Nick == name {
			s.err = end
			s.wake.Ring()
		}
	}
	var e *Error
	var le *LoginError
	switch {
	case errors.As(end, &e):
		return e.Text
	case errors.As(end, &le):
		return le.Text
	}
	return internalError
}
