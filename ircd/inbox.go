package ircd

import "sync"

// presenceKind tells the presence events apart.
type presenceKind int

const (
	joined presenceKind = iota
	parted
	quit
	awayChanged
	renamed
	online  // for those who wait for the nick
	offline // the same
	invited
	typing
)

// presenceEvent is something that others see of a user. It is immutable and
// shared by all who are told.
type presenceEvent struct {
	kind    presenceKind
	user    User
	channel string // joined, parted, invited, typing: empty if to the user alone
	text    string // parted, quit: the reason; typing: the state
	away    string // joined, awayChanged: the away message, empty if here
	guest   User   // invited: who is
	watched bool   // awayChanged, renamed: for those who share no channel, but wait for the nick
	// in are the folded names of the channels that the user was in, of awayChanged,
	// renamed and quit: who has left them all since is not to see it any more.
	in map[string]struct{}
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

// inbox brings presence events to a connection. Nobody ever waits at it. What a
// command that waits for the backend, or a client that reads slowly, leaves in it
// is compacted: its size is bounded by the users and channels that there are, not
// by how often somebody comes and goes.
type inbox struct {
	bell chan struct{} // rung by add, and when the client has read what held the events up; cap 1

	mu     sync.Mutex       // a leaf lock
	events []*presenceEvent // guarded by mu
	limit  int              // guarded by mu: as many are compacted
}

func newInbox() *inbox {
	return &inbox{bell: make(chan struct{}, 1), limit: compactAt}
}

// add is for events of which the last ones say it all, see compact.
func (in *inbox) add(ev *presenceEvent) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events = append(in.events, ev)
	in.compactIfMany()
	in.ring()
}

// addIfRoom is for what others can send at will: it is left out while as much as
// room waits already.
func (in *inbox) addIfRoom(ev *presenceEvent, room int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.events) < room {
		in.events = append(in.events, ev)
		in.ring()
	}
}

// take returns what waits, oldest first; compacted for a client that is behind.
func (in *inbox) take(behind bool) []*presenceEvent {
	in.mu.Lock()
	defer in.mu.Unlock()
	events := in.events
	in.events, in.limit = nil, compactAt
	if behind {
		return compact(events)
	}
	return events
}

func (in *inbox) len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.events)
}

// putBack returns the end of what was taken, which is for another time.
func (in *inbox) putBack(events []*presenceEvent) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events = append(events, in.events...)
	in.compactIfMany()
	in.ring()
}

// compactIfMany compacts the events if so many wait again. The caller holds mu.
func (in *inbox) compactIfMany() {
	if len(in.events) >= in.limit {
		in.events = compact(in.events)
		in.limit = max(compactAt, 2*len(in.events))
	}
}

// ring has the connection look into the inbox.
func (in *inbox) ring() {
	select {
	case in.bell <- struct{}{}:
	default:
	}
}
