package ircd

import (
	"errors"
	"net/netip"
	"sync"
)

// slots counts the open connections, in all and by address.
type slots struct {
	mu     sync.Mutex           // a leaf lock
	max    int                  // guarded by mu; 0: no limit, here and below
	maxPer int                  // guarded by mu: of one address
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

// take counts a connection. The caller calls release when it ends, or gets the
// reason why there is no room. An invalid address is counted in the total only.
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

// limit takes over other limits, which those who are there do not feel.
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

// addressKey is what shares one allowance: an IPv4 address, or an IPv6 /64,
// which is what one subscriber gets.
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
