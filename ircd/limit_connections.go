package ircd

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// slots counts open connections, in total and per address.
type slots struct {
	mu     sync.Mutex           // a leaf lock
	max    int                  // guarded by mu: in total; 0 means no limit
	maxPer int                  // guarded by mu: per address; 0 means no limit
	open   int                  // guarded by mu
	byAddr map[netip.Prefix]int // guarded by mu; no zero values
}

func newSlots(max, maxPerAddr int) *slots {
	return &slots{max: max, maxPer: maxPerAddr, byAddr: make(map[netip.Prefix]int)}
}

var (
	errServerFull  = errors.New("the server is full, try again later")
	errAddressFull = errors.New("too many connections from your address")
)

// take counts a connection until release is called. An error says which limit has been
// reached. An invalid address counts in the total only.
func (s *slots) take(addr netip.Addr) (release func(), err error) {
	key := addressKey(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.max > 0 && s.open >= s.max {
		return nil, errServerFull
	}
	if key.IsValid() {
		if s.maxPer > 0 && s.byAddr[key] >= s.maxPer {
			return nil, errAddressFull
		}
		s.byAddr[key]++
	}
	s.open++
	return func() { s.release(key) }, nil
}

// limit changes the limits. Open connections stay.
func (s *slots) limit(max, maxPerAddr int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max, s.maxPer = max, maxPerAddr
}

func (s *slots) release(key netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if !key.IsValid() {
		return
	}
	if s.byAddr[key]--; s.byAddr[key] == 0 {
		delete(s.byAddr, key)
	}
}

func (s *slots) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// addressKey is what shares one limit: an IPv4 address, or an IPv6 /64, which is what one
// subscriber gets.
func addressKey(addr netip.Addr) netip.Prefix {
	if !addr.IsValid() {
		return netip.Prefix{}
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	// Prefix fails only for a length beyond the address's.
	p, _ := addr.Prefix(bits)
	return p
}

const (
	// shortConnection is how long a connection must last not to count as one of a
	// client that reconnects in a loop.
	shortConnection = 10 * time.Second
	// maxReconnectPause is how long a connection waits at most, so that clients with a
	// bad network, or behind a shared address, still get in.
	maxReconnectPause = 2 * time.Second
	// maxReconnecting is how many addresses are remembered. Beyond it all are forgotten,
	// and none of them waits.
	maxReconnecting = 10000
)

// reconnects delays addresses that connect again and again: each connection costs the
// server handshakes and a login, for which others have to wait.
type reconnects struct {
	mu        sync.Mutex                     // a leaf lock
	perMinute int                            // guarded by mu; 0: no limit
	byAddr    map[netip.Prefix]*rate.Limiter // guarded by mu
}

func newReconnects(perMinute int) *reconnects {
	return &reconnects{perMinute: perMinute, byAddr: make(map[netip.Prefix]*rate.Limiter)}
}

func (r *reconnects) limit(perMinute int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.perMinute != perMinute {
		clear(r.byAddr)
	}
	r.perMinute = perMinute
}

// ended records how long a connection from an address has lasted. Invalid addresses do not
// count.
func (r *reconnects) ended(key netip.Prefix, lasted time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.perMinute <= 0 || !key.IsValid() || lasted >= shortConnection {
		return
	}
	bucket := r.byAddr[key]
	if bucket == nil {
		if len(r.byAddr) >= maxReconnecting {
			clear(r.byAddr)
		}
		bucket = rate.NewLimiter(rate.Limit(float64(r.perMinute)/60), r.perMinute)
		r.byAddr[key] = bucket
	}
	if pauseOf(bucket) < maxReconnectPause {
		bucket.Reserve()
	}
}

// pause is how long the next connection from an address has to wait.
func (r *reconnects) pause(key netip.Prefix) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	bucket := r.byAddr[key]
	if bucket == nil {
		return 0
	}
	if bucket.Tokens() >= float64(bucket.Burst()) {
		delete(r.byAddr, key)
	}
	return pauseOf(bucket)
}

// pauseOf is how long it takes until an overdrawn bucket is at zero again.
func pauseOf(bucket *rate.Limiter) time.Duration {
	missing := -bucket.Tokens() / float64(bucket.Limit())
	return min(max(time.Duration(missing*float64(time.Second)), 0), maxReconnectPause)
}
