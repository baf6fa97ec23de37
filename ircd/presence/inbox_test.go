package presence

import (
	"fmt"
	"testing"

	"directus-ircd/ircd/bell"
)

// TestInboxIsBounded: what one user does leaves no more in an inbox than what of it
// matters, in whatever order it comes.
func TestInboxIsBounded(t *testing.T) {
	in := NewInbox(bell.New())
	u, room := User{ID: "1", Nick: "alice"}, map[string]struct{}{"#a": {}}
	for n := range 50_000 {
		channel := fmt.Sprintf("#%d", n%8)
		in.add(&Event{Kind: Joined, User: u, Channel: channel})
		in.add(&Event{Kind: AwayChanged, User: u, Away: fmt.Sprint(n), In: room})
		in.add(&Event{Kind: Parted, User: u, Channel: channel})
		if n%7 == 0 {
			in.add(&Event{Kind: Quit, User: u, In: room})
		}
		in.addIfRoom(&Event{Kind: Typing, User: u, Channel: channel}, typingRoom)
		if len(in.events) > compactAt {
			t.Fatalf("%d events wait", len(in.events))
		}
	}
	last := ""
	for _, ev := range in.Take(true) {
		if ev.Kind == AwayChanged {
			last = ev.Away
		}
	}
	if last != "49999" {
		t.Errorf("the last away message is %q", last)
	}
}

// TestTypingFlood: typing never fills the inbox of somebody slow.
func TestTypingFlood(t *testing.T) {
	in := NewInbox(bell.New())
	for range 2 * typingRoom {
		in.addIfRoom(&Event{Kind: Typing}, typingRoom)
	}
	if n := len(in.Take(false)); n != typingRoom {
		t.Errorf("%d wait", n)
	}
}
