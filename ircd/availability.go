package ircd

import (
	"sync"

	"directus-ircd/ircd/bell"
)

// SetLogins says whether users can log in at the moment; at first they can. While they
// cannot, sasl is not offered, and clients without credentials are asked to come back
// later instead of to log in. Clients with cap-notify are told of a change (CAP DEL, CAP
// NEW). Credentials are checked regardless. It may be called from any goroutine and does
// not block.
func (s *Server) SetLogins(available bool) { s.logins.set(available) }

// availability is whether users can log in, and whom to wake when that, or anything else
// about the server, changes.
type availability struct {
	mu    sync.Mutex             // a leaf lock
	down  bool                   // guarded by mu: users cannot log in
	bells map[bell.Bell]struct{} // guarded by mu: one for each connection
}

func (l *availability) available() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.down
}

func (l *availability) set(available bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down == !available {
		return
	}
	l.down = !available
	for b := range l.bells {
		b.Ring()
	}
}

// ring wakes every connection.
func (l *availability) ring() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for b := range l.bells {
		b.Ring()
	}
}

// watch has a bell rung at every change until stop is called.
func (l *availability) watch(b bell.Bell) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bells[b] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.bells, b)
	}
}

// loginsChanged tells a client with cap-notify whether sasl is offered, if that has
// changed since it was told.
func (c *conn) loginsChanged() {
	now := c.srv.logins.available()
	if now == c.logins || !c.caps.has(capNotify) {
		return
	}
	before := c.offered()
	c.logins = now
	c.offersChanged(before, c.offered())
}
