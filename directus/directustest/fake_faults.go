package directustest

import (
	"slices"
	"time"
)

// locked calls do with the lock held.
func (f *Fake) locked(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// A FakeFrame is a frame of a client, for OnFrame.
type FakeFrame struct {
	Type    string         // auth, items, subscribe, unsubscribe, ping, pong
	Action  string         // of items: create, update, delete
	UID     any            // as sent
	Message map[string]any // the whole frame
}

// A FrameVerdict says how a frame is treated. The zero verdict processes it as
// usual. The parts can be combined: {Mute: true, Cut: true} stores an item and
// breaks the socket before the answer.
type FrameVerdict struct {
	Delay time.Duration  // wait first; later frames of the socket wait too
	Skip  bool           // do not process it
	Mute  bool           // process it, but do not answer it; its events are sent
	Twice bool           // answer it twice
	Reply map[string]any // send this instead of the answer
	Cut   bool           // then break the socket
}

// OnFrame sets the hook that judges the frames of clients; nil removes it. It
// runs on the goroutine of the socket.
func (f *Fake) OnFrame(hook func(FakeFrame) FrameVerdict) { f.locked(func() { f.onFrame = hook }) }

// A RESTRequest is a REST call or an upgrade, for OnREST.
type RESTRequest struct{ Method, Path string }

// A RESTVerdict says how a REST call is treated. The zero verdict processes it as
// usual.
type RESTVerdict struct {
	Delay      time.Duration // wait first
	Hang       bool          // never answer
	Lose       bool          // process it, then break the connection without an answer, or answer Status
	Drop       bool          // break the connection without processing it
	Status     int           // answer with this status instead of processing the call
	Code       string        // code of that answer; empty: an answer that is not one of Directus
	Empty      bool          // that answer has no body
	RetryAfter time.Duration // Retry-After of that answer, in whole seconds; 0: none
}

// OnREST sets the hook that judges REST calls and upgrades; nil removes it.
func (f *Fake) OnREST(hook func(RESTRequest) RESTVerdict) { f.locked(func() { f.onREST = hook }) }

// OnStore sets a hook that may change what a create stores, as a trigger of the database
// does; nil removes it. It must not call the fake.
func (f *Fake) OnStore(hook func(collection string, item map[string]any)) {
	f.locked(func() { f.onStore = hook })
}

// Cut breaks every socket without a close frame, as a killed process does.
func (f *Fake) Cut() { f.CutUser("") }

// CutUser breaks the sockets of one user; an empty id means all.
func (f *Fake) CutUser(id string) {
	for _, s := range f.openSockets(id) {
		s.cut()
	}
}

// Send sends any frame to the sockets of a user; an empty id means all.
func (f *Fake) Send(user string, frame map[string]any) {
	for _, s := range f.openSockets(user) {
		s.send(frame)
	}
}

// ExpireSockets ends the tokens of all sockets now: each gets TOKEN_EXPIRED, is
// treated as the public role (Directus 11: with all rights), and is closed with
// AUTH_TIMEOUT after 10 s unless it authenticates anew. The tokens stay valid for
// REST.
func (f *Fake) ExpireSockets() {
	for _, s := range f.openSockets("") {
		s.expire()
	}
}

// openSockets lists the sockets of a user, or all.
func (f *Fake) openSockets(user string) []*socket {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.sockets), func(s *socket) bool {
		return s.closed || user != "" && s.user != user
	})
}

// Database connects or disconnects the database. Without it, item requests are
// never answered, REST answers 500 and authentication fails, but pings are
// answered.
func (f *Fake) Database(up bool) { f.locked(func() { f.noDatabase = !up }) }

// HoldEvents delays all events until ReleaseEvents.
func (f *Fake) HoldEvents() { f.locked(func() { f.holding = true }) }

// ReleaseEvents ends HoldEvents and sends the delayed events, in reverse order if
// reverse is true.
func (f *Fake) ReleaseEvents(reverse bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holding = false
	if reverse {
		slices.Reverse(f.held)
	}
	for _, emit := range f.held {
		emit()
	}
	f.held = nil
}

// LoseEvents drops all events while it is on. Directus loses an event when it cannot
// read its items.
func (f *Fake) LoseEvents(on bool) { f.locked(func() { f.losing = on }) }

// RepeatEvents sends each event twice while it is on, as may happen when several nodes
// of Directus share their events.
func (f *Fake) RepeatEvents(on bool) { f.locked(func() { f.repeating = on }) }

// Deny takes a right from a user: action is read, create, update or delete.
// "directus_users" is a collection too.
func (f *Fake) Deny(user, collection, action string) {
	f.locked(func() { f.denied[permission{user, collection, action}] = true })
}

// Allow gives a right back, without restriction.
func (f *Fake) Allow(user, collection, action string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.denied, permission{user, collection, action})
	delete(f.restricted, permission{user, collection, action})
}

// Restrict limits reading to the items that match a filter.
func (f *Fake) Restrict(user, collection string, filter map[string]any) {
	f.locked(func() { f.restricted[permission{user, collection, "read"}] = normal(filter).(map[string]any) })
}

// OnlyFields limits the fields that a user may read, or set when creating an item.
func (f *Fake) OnlyFields(user, collection, action string, fields ...string) {
	f.locked(func() { f.fields[permission{user, collection, action}] = fields })
}

// SetMode changes WEBSOCKETS_REST_AUTH without a restart.
func (f *Fake) SetMode(mode string) { f.locked(func() { f.opts.Mode = mode }) }

// A FakeChange is a change of what is stored, for OnChange: the items as they are now, or the keys of deleted ones.
type FakeChange struct {
	Collection string
	Event      string // create, update or delete
	Items      []map[string]any
	Keys       []string
}

// OnChange sets the hook that is called for every change, whoever makes it and even if its event is not sent; nil
// removes it. It runs with the lock of the Fake held, so it must not call the Fake.
func (f *Fake) OnChange(hook func(FakeChange)) { f.locked(func() { f.onChange = hook }) }
