package presence

import (
	"sync"

	"directus-ircd/ircd/bell"
)

// Kind is the type of an Event.
type Kind int

const (
	Joined Kind = iota
	Parted
	Quit
	AwayChanged
	Renamed
	Online  // only for those who monitor the nick
	Offline // only for those who monitor the nick
	Invited
	Typing
)

// Event is something that others see a user do. It is immutable and shared by all
// inboxes that hold it.
type Event struct {
	Kind    Kind
	User    User
	Channel string // of Joined, Parted, Invited and Typing: the key; empty for private typing
	Name    string // of Invited: the channel's, as the inviting user knows it
	Text    string // of Parted and Quit: the reason; of Typing: the state
	Away    string // of Joined and AwayChanged: the away message, empty if present
	Guest   User   // of Invited: who is invited
	Watched bool   // of AwayChanged and Renamed: told because the nick is monitored
	// In holds the keys of the channels that the user was in at the time of
	// AwayChanged, Renamed and Quit: a client that has left all of them meanwhile is
	// not to see the event.
	In map[string]struct{}
}

const (
	// compactAt is how many events an inbox holds before it is compacted. It is
	// compacted again at twice the size that was left, so the cost per event stays
	// constant.
	compactAt = 256
	// typingRoom and inviteRoom are how full an inbox may be to take another typing or
	// invitation, which others can send at will and compact does not merge.
	typingRoom = 2048
	inviteRoom = 4096
)

// Inbox queues presence events for one connection. Adding to it never blocks. While its
// connection waits for the backend or for a slow client, the queue is compacted: its size
// is bounded by the number of users and channels, not by how often users come and go.
type Inbox struct {
	bell.Pull // rung when there are events to take

	late bool // guarded by Roster.mu: the inbox is among Roster.late

	mu     sync.Mutex // a leaf lock
	events []*Event   // guarded by mu
	limit  int        // guarded by mu: the length at which events are compacted
}

// NewInbox returns an empty inbox that rings b.
func NewInbox(b bell.Bell) *Inbox {
	return &Inbox{Pull: bell.Pull{Bell: b}, limit: compactAt}
}

// add queues an event of a kind that compact can merge: all but Invited and Typing. The caller
// rings.
func (in *Inbox) add(ev *Event) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events = append(in.events, ev)
	in.compactIfMany()
}

// addIfRoom queues an event that others can send at will, unless room events wait
// already.
func (in *Inbox) addIfRoom(ev *Event, room int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.events) < room {
		in.events = append(in.events, ev)
		in.Ring()
	}
}

// Take empties the inbox and returns its events, oldest first. For a client that is
// behind they are compacted.
func (in *Inbox) Take(behind bool) []*Event {
	in.mu.Lock()
	defer in.mu.Unlock()
	events := in.events
	in.events, in.limit = nil, compactAt
	if behind {
		return compact(events)
	}
	return events
}

// Len is how many events wait.
func (in *Inbox) Len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.events)
}

// PutBack puts the last of the events that Take returned back to the front.
func (in *Inbox) PutBack(events []*Event) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events = append(events, in.events...)
	in.compactIfMany()
	in.Ring()
}

// compactIfMany compacts the events at the limit and sets the next one. The caller holds
// mu.
func (in *Inbox) compactIfMany() {
	if len(in.events) >= in.limit {
		in.events = compact(in.events)
		in.limit = max(compactAt, 2*len(in.events))
	}
}
