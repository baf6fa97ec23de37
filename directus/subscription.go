package directus

import (
	"encoding/json"
	"slices"
	"sync"
)

// An EventKind is what happened to items.
type EventKind string

// The kinds of events.
const (
	EventCreate EventKind = "create"
	EventUpdate EventKind = "update"
	EventDelete EventKind = "delete"
)

// Bounds of what a Subscription keeps until Drain.
const (
	maxEvents     = 256
	maxEventBytes = 8 << 20
)

// A SubscriptionQuery says which events of a collection to deliver, and with
// what. There is no limit on purpose: Directus would apply it to events and
// lose some.
type SubscriptionQuery struct {
	Fields []string
	// Filter applies to create and update events. Directus sends the delete
	// events of the whole collection whatever the filter and the rights; an
	// item that an update moves out of the filter gives no event at all.
	Filter Filter
	// Events are the kinds wanted, each a subscription of its own at Directus;
	// empty means EventCreate.
	Events []EventKind
}

// An Event is news of a collection. Directus may send events out of order, and
// an update event shows the items as they were when it was sent.
type Event struct {
	Kind  EventKind
	Items []json.RawMessage // of create (normally one) and update
	Keys  []string          // of delete, as strings whatever the type of the key
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

	mu      sync.Mutex // a leaf: nothing else is locked under it
	events  []Event
	bytes   int
	gap     bool
	closed  bool
	settled map[EventKind]error // this link's answers: nil for init, or the refusal
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

// Wake is readable when Drain may have something. Its capacity is one, so it
// rings once for many events.
func (s *Subscription) Wake() <-chan struct{} { return s.wake }

// Drain takes the events since the last Drain, in the order of their arrival,
// and whether something may be missing among or before them: then read the
// collection. gap is set when a link has subscribed (the first one too) and with
// every event that comes before it has subscribed to all kinds, when more than 256
// events or 8 MiB waited, and when Directus sent an error in the place of an event,
// which is what a missing right looks like.
func (s *Subscription) Drain() (events []Event, gap bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, gap = s.events, s.gap
	s.events, s.bytes, s.gap = nil, 0, false
	return events, gap
}

// Active reports whether Directus has confirmed all kinds of events on the link
// that is up now. What is read from then on overlaps with the events.
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

// Err is the refusal of Directus to subscribe on the link that is up now, or
// nil. It is asked again from time to time.
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

// settle notes the answer to one kind on the present link. When the last one
// is in, everything before it may have been missed.
func (s *Subscription) settle(kind EventKind, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled[kind] = err
	if len(s.settled) == len(s.kinds) {
		s.ring(true)
	}
}

// linkDown forgets the answers of a link that is gone.
func (s *Subscription) linkDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.settled)
}

// lost notes that an event did not arrive.
func (s *Subscription) lost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring(true)
}

// deliver queues the event of a frame of the given size. It never blocks: what
// has no room is dropped and leaves a gap.
func (s *Subscription) deliver(e Event, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) >= maxEvents || s.bytes+size > maxEventBytes {
		s.ring(true)
		return
	}
	if !s.closed {
		s.events = append(s.events, e)
		s.bytes += size
	}
	s.ring(len(s.settled) < len(s.kinds)) // this link may still bring none of another kind
}

// ring wakes the consumer. Callers hold mu.
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
