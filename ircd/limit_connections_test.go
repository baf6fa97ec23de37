package ircd

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// Who comes back in a loop waits; who stays, or comes from elsewhere, does not.
func TestReconnects(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newReconnects(60)
		loop, other := addressKey(netip.MustParseAddr("192.0.2.1")), addressKey(netip.MustParseAddr("2001:db8::1"))
		begin := time.Now()
		for range 60 + 120 {
			time.Sleep(r.pause(loop))
			r.ended(loop, time.Millisecond)
		}
		if took := time.Since(begin).Round(time.Second); took != 119*time.Second {
			t.Errorf("180 connections took %v", took)
		}
		// Fifty at a time are kept from much more.
		for range 50 {
			r.ended(loop, time.Millisecond)
		}
		if pause := r.pause(loop); pause < time.Second || pause > maxReconnectPause {
			t.Errorf("pause %v", pause)
		}
		for range 1000 {
			r.ended(other, shortConnection)
			r.ended(netip.Prefix{}, 0)
		}
		if r.pause(other) != 0 || r.pause(netip.Prefix{}) != 0 {
			t.Error("others wait")
		}
		time.Sleep(2 * time.Minute)
		if r.pause(loop) != 0 || len(r.byAddr) != 0 {
			t.Errorf("not forgotten: %v", r.byAddr)
		}
		for i := range 3 * maxReconnecting {
			r.ended(addressKey(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})), 0)
		}
		if len(r.byAddr) > maxReconnecting {
			t.Errorf("%d addresses are remembered", len(r.byAddr))
		}
		r.limit(0)
		r.ended(loop, 0)
		if len(r.byAddr) != 0 {
			t.Error("counted without a limit")
		}
	})
}

// Who is refused and comes back in a loop is not told again and again, which with TLS
// would cost a handshake each time; others are told, and so is a client that comes later.
func TestRefusedInALoop(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		const often = 20
		s := newTestServer(t, newFakeChat(), func(o *Options) {
			o.Limits.ConnectionsPerAddress, o.Limits.ReconnectsPerMinute = 1, often
		})
		told := func(ip string) bool {
			t.Helper()
			return len(ircdtest.New(t, s.connect(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1})).Closed()) > 0
		}
		for _, ip := range []string{"192.0.2.1", "192.0.2.2"} {
			ircdtest.New(t, s.connect(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1})).Sync()
		}
		n := 0
		for range 10 * often {
			if told("192.0.2.1") {
				n++
			}
		}
		if n != often {
			t.Errorf("%d were told, want %d", n, often)
		}
		if !told("192.0.2.2") {
			t.Error("others are not told")
		}
		time.Sleep(30 * time.Second)
		if !told("192.0.2.1") {
			t.Error("later ones are not told")
		}
	})
}
