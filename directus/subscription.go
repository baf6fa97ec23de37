package directus

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
)

// An EventKind is what happened to items.
type EventKind string

// The kinds of events.
const (
	EventCreate EventKind = "create"
	EventUpdate EventKind = "update"
	EventDelete EventKind = "delete"
)

// Limits on what a Subscription keeps until Drain. Events beyond them are dropped, and
// Drain reports a gap.
const (
	maxEvents     = 256
	maxEventBytes = 8 << 20 // counted by the sizes of the frames
)

// A SubscriptionQuery says which events of a collection to deliver, and with which fields.
// It has no limit on purpose: Directus would apply a limit to events and lose some.
type SubscriptionQuery struct {
	Fields []string
	// Filter applies to create and update events. Directus sends the delete events of
	// the whole collection, whatever the filter and the user's rights are. It sends no
	// event for an update that moves an item out of the filter.
	Filter Filter
	// Events are the wanted kinds; empty means EventCreate. At Directus each kind is a
	// subscription of its own.
	Events []EventKind
}

// An Event says that items of a collection were created, updated or deleted. Directus may
// send events out of order, and an update event shows the items as they were when it was
// sent, which may be after a later update.
type Event struct {
	Kind  EventKind
	Items []json.RawMessage // of create (normally one item) and update
	Keys  []string          // of delete, as strings whatever type the key has
}

// A Subscription delivers the events of a collection over all the links that a
// Realtime opens in its life. It is safe for concurrent use.
type Subscription struct {
	// Static after construction.
	realtime   *Realtime
	collection string
	query      SubscriptionQuery
	kinds      []EventKind
	wake       chan struct{}

	mu      sync.Mutex // guards what follows; no other lock is taken under it
	events  []Event
	bytes   int // sizes of the frames of events
	gap     bool
	stood   bool // Directus has answered for all kinds, on some link
	closed  bool
	settled map[EventKind]error // answers of Directus on the present link: nil, or the refusal
}

func newSubscription(r *Realtime, collection string, q SubscriptionQuery) *Subscription {
	var kinds []EventKind
	for _, k := range q.Events {
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		kinds = []EventKind{EventCreate}
	}
	return &Subscription{
		realtime: r, collection: collection, query: q, kinds: kinds,
		wake: make(chan struct{}, 1), settled: map[EventKind]error{},
	}
}

// Wake is readable when Drain may return something. One value may stand for many events.
func (s *Subscription) Wake() <-chan struct{} { return s.wake }

// Drain returns the events since the last Drain, in the order in which they came. gap says
// that events may be missing among or before them, so the caller must read the collection.
// It is set
//
//   - when a link has subscribed to all kinds, the first link included, and with every event
//     that comes before that;
//   - when more than 256 events or 8 MiB waited;
//   - when Directus sent an error in place of an event, as it does when the user may not
//     read the collection.
func (s *Subscription) Drain() (events []Event, gap bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, gap = s.events, s.gap
	s.events, s.bytes, s.gap = nil, 0, false
	return events, gap
}

// Active reports whether Directus has confirmed all kinds of events on the link that is up
// now. Nothing falls between a read of the collection that begins after that and the events.
func (s *Subscription) Active() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.settled) < len(s.kinds) {
		return false
	}
	for _, err := range s.settled {
		if err != nil {
			return false
		}
	}
	return true
}

// Err is the refusal of Directus to subscribe on the link that is up now; nil if there is
// none. The link asks again every 30 s.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.settled {
		if err != nil {
			return err
		}
	}
	return nil
}

// Close ends the subscription; events not yet drained are dropped. It does not
// wait for Directus.
func (s *Subscription) Close() {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.events, s.bytes, s.gap = nil, 0, false
	s.mu.Unlock()
	if !already {
		s.realtime.unsubscribe(s)
	}
}

// settle notes the answer of Directus for one kind on the present link. With the last one
// it reports a gap, because events before it may have been missed.
func (s *Subscription) settle(kind EventKind, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled[kind] = err
	if len(s.settled) == len(s.kinds) {
		if s.stood && !s.closed {
			s.gaps().reconnected.Add(1)
		}
		s.stood = true
		s.ring(true)
	}
}

// gaps are the counters of the client.
func (s *Subscription) gaps() *gaps { return &s.realtime.account.client.gaps }

// linkDown forgets the answers that came on a link that has ended.
func (s *Subscription) linkDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.settled)
}

// lost notes that an event did not arrive.
func (s *Subscription) lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps().lost.Add(1)
	s.ring(true)
}

// deliver queues the event of a frame of the given size in bytes. It never blocks: an event
// for which there is no room is dropped and reported as a gap.
func (s *Subscription) deliver(e Event, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) >= maxEvents || s.bytes+size > maxEventBytes {
		s.gaps().dropped.Add(1)
		s.ring(true)
		return
	}
	if !s.closed {
		s.events = append(s.events, e)
		s.bytes += size
	}
	s.ring(len(s.settled) < len(s.kinds)) // events of another kind may still be missed
}

// Gaps counts how often the subscriptions of all accounts of a Client have missed events, or
// may have.
type Gaps struct {
	// Reconnected: a new link has subscribed again after another had ended.
	Reconnected int64
	// Dropped: an event found no room, see Drain.
	Dropped int64
	// Lost: Directus sent an error in place of an event, or one too large to be read.
	Lost int64
}

// Gaps returns the counts so far. It may be called from any goroutine.
func (c *Client) Gaps() Gaps {
	return Gaps{Reconnected: c.gaps.reconnected.Load(), Dropped: c.gaps.dropped.Load(), Lost: c.gaps.lost.Load()}
}

// gaps are the counters behind Gaps.
type gaps struct{ reconnected, dropped, lost atomic.Int64 }

// ring makes Wake readable, and makes Drain report a gap if gap is true. Callers hold mu.
func (s *Subscription) ring(gap bool) {
	if s.closed {
		return
	}
	s.gap = s.gap || gap
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
