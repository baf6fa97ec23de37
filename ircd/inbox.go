package ircd

import (
	"errors"
	"sync"
)

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

// maxInbox is how many presence events may wait for one connection. A command may
// wait for the backend for as long as commandTime, and meanwhile, after a restart,
// thousands come back.
const maxInbox = 8192

var errInboxFull = errors.New("too many events are waiting for your client")

// inbox brings presence events to a connection. Nobody ever waits at it: when
// it is full, the connection has not done anything for long, and is closed.
type inbox struct {
	bell chan struct{}   // rung by add; cap 1
	full func(err error) // ends the connection; called at most once, must not block

	mu       sync.Mutex       // a leaf lock
	events   []*presenceEvent // guarded by mu
	overflow bool             // guarded by mu
}

func newInbox(full func(error)) *inbox {
	return &inbox{bell: make(chan struct{}, 1), full: full}
}

func (in *inbox) add(ev *presenceEvent) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.overflow:
	case len(in.events) == maxInbox:
		in.overflow, in.events = true, nil
		in.full(errInboxFull)
	default:
		in.events = append(in.events, ev)
		ring(in.bell)
	}
}

// Whatever others can send at will leaves room for what they cannot.
const (
	typingRoom = maxInbox / 4
	inviteRoom = maxInbox / 2
)

// addIfRoom is add for what others can send at will: it is left out while as much
// as room waits already, and never closes a connection.
func (in *inbox) addIfRoom(ev *presenceEvent, room int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.overflow && len(in.events) < room {
		in.events = append(in.events, ev)
		ring(in.bell)
	}
}

// take returns what waits, oldest first.
func (in *inbox) take() []*presenceEvent {
	in.mu.Lock()
	defer in.mu.Unlock()
	events := in.events
	in.events = nil
	return events
}
