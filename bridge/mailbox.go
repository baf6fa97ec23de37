package bridge

import (
	"sync"

	"directus-ircd/ircd"
)

// mailbox holds states that changed elsewhere until their session polls: a topic,
// a read marker. Of each only the latest counts, so it needs no more room than
// there are things to know of.
type mailbox struct {
	mu     sync.Mutex            // a leaf lock
	keys   []string              // guarded by mu: in the order of their first change
	events map[string]ircd.Event // guarded by mu
}

// put takes the place of what was put under the same key before. It never waits.
func (b *mailbox) put(key string, ev ircd.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.events == nil {
		b.events = map[string]ircd.Event{}
	}
	if _, again := b.events[key]; !again {
		b.keys = append(b.keys, key)
	}
	b.events[key] = ev
}

func (b *mailbox) take() []ircd.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	var events []ircd.Event
	for _, key := range b.keys {
		events = append(events, b.events[key])
	}
	b.keys, b.events = nil, nil
	return events
}

// tell leaves something for all sessions of the user but one, which may be nil.
func (m *member) tell(but *session, key string, ev ircd.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := range m.sessions {
		if s != but {
			s.mail.put(key, ev)
			s.ring()
		}
	}
}
