package ircd

import "sync"

// SetLogins says whether anybody can log in at the moment: sasl is offered only
// while that is so, and every connection that asked to be told is told of a change
// (CAP DEL and CAP NEW). Who finds no way to log in is asked to come again.
// Credentials that are given all the same are checked as ever. It may be called
// from any goroutine and returns at once; at first logins are available.
func (s *Server) SetLogins(available bool) { s.logins.set(available) }

// logins is whether anybody can log in, and whom to tell.
type logins struct {
	mu    sync.Mutex                 // a leaf lock
	down  bool                       // guarded by mu
	bells map[chan struct{}]struct{} // guarded by mu: one for each connection
}

func newLogins() *logins { return &logins{bells: make(map[chan struct{}]struct{})} }

func (l *logins) available() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.down
}

func (l *logins) set(available bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down == !available {
		return
	}
	l.down = !available
	for bell := range l.bells {
		ring(bell)
	}
}

// ring has every connection look at the server.
func (l *logins) ring() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for bell := range l.bells {
		ring(bell)
	}
}

// watch rings a bell at every change until stop is called.
func (l *logins) watch(bell chan struct{}) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bells[bell] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.bells, bell)
	}
}

// loginsChanged tells a client with cap-notify whether sasl is offered, if that is
// not what it knows already.
func (c *conn) loginsChanged() {
	now := c.srv.logins.available()
	if now == c.logins || !c.caps.has(capNotify) {
		return
	}
	c.logins = now
	sasl := capabilityNamed("sasl")
	if now {
		c.capLine("NEW", sasl.word(c, c.reg.cap302))
		return
	}
	c.caps &^= sasl.bit
	c.capLine("DEL", sasl.name)
}
