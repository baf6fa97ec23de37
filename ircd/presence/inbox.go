package presence

import "sync"

// Kind tells the presence events apart.
type Kind int

const (
	Joined Kind = iota
	Parted
	Quit
	AwayChanged
	Renamed
	Online  // for those who wait for the nick
	Offline // the same
	Invited
	Typing
)

// Event is something that others see of a user. It is immutable and
// shared by all who are told.
type Event struct {
	Kind    Kind
	User    User
	Channel string // joined, parted, invited, typing: empty if to the user alone
	Text    string // parted, quit: the reason; typing: the state
	Away    string // joined, awayChanged: the away message, empty if here
	Guest   User   // invited: who is
	Watched bool   // awayChanged, renamed: for those who share no channel, but wait for the nick
	// In are the folded names of the channels that the user was in, of awayChanged,
	// renamed and quit: who has left them all since is not to see it any more.
	In map[string]struct{}
}

const (
	// compactAt is how many events wait for one connection before they are
	// compacted: again whenever there are twice as many as compacting left, so
	// that an event costs the same however many wait.
	compactAt = 256
	// typingRoom and inviteRoom are how many events may wait for one more of what
	// others can send at will and compact does not merge.
	typingRoom = 2048
	inviteRoom = 4096
)

// Inbox brings presence events to a connection. Nobody ever waits at it. What a
// command that waits for the backend, or a client that reads slowly, leaves in it
// is compacted: its size is bounded by the users and channels that there are, not
// by how often somebody comes and goes.
type Inbox struct {
	Bell chan struct{} // rung by add, and when the client has read what held the events up; cap 1

	mu     sync.Mutex // a leaf lock
	events []*Event   // guarded by mu
	limit  int        // guarded by mu: as many are compacted
}

func NewInbox() *Inbox {
	return &Inbox{Bell: make(chan struct{}, 1), limit: compactAt}
}

// add is for events of which the last ones say it all, see compact.
func (in *Inbox) add(ev *Event) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events = append(in.events, ev)
	in.compactIfMany()
	in.ring()
}

// addIfRoom is for what others can send at will: it is left out while as much as
// room waits already.
func (in *Inbox) addIfRoom(ev *Event, room int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.events) < room {
		in.events = append(in.events, ev)
		in.ring()
	}
}

// Take returns what waits, oldest first; compacted for a client that is behind.
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

func (in *Inbox) len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.events)
}

// PutBack returns the end of what was taken, which is for another time.
func (in *Inbox) PutBack(events []*Event) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events = append(events, in.events...)
	in.compactIfMany()
	in.ring()
}

// compactIfMany compacts the events if so many wait again. The caller holds mu.
func (in *Inbox) compactIfMany() {
	if len(in.events) >= in.limit {
		in.events = compact(in.events)
		in.limit = max(compactAt, 2*len(in.events))
	}
}

// ring has the connection look into the inbox.
func (in *Inbox) ring() {
	select {
	case in.Bell <- struct{}{}:
	default:
	}
}
