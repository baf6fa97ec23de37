package bench

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkMemory is the resident memory of the daemon for each of some connections that have joined a channel and are
// silent: of one user, and of as many users with Directus sessions of their own.
func BenchmarkMemory(b *testing.B) {
	const calm = 40 * time.Second
	b.Run("users=1", func(b *testing.B) {
		for range b.N {
			c := newFastChat(b)
			report(b, memory(b, startDaemon(b, c.address()), ircReader, slices.Repeat(c.people(1), 5000), calm))
		}
	})
	b.Run("users=1-tls", func(b *testing.B) {
		for range b.N {
			c := newFastChat(b)
			report(b, memory(b, startSecureDaemon(b, c.address()), secureReader, slices.Repeat(c.people(1), 5000), calm))
		}
	})
	b.Run("users=5000", func(b *testing.B) {
		for range b.N {
			c := newFastChat(b)
			report(b, memory(b, startDaemon(b, c.address()), ircReader, c.people(5000), calm))
		}
	})
	b.Run("real-users=1000", func(b *testing.B) {
		for range b.N {
			c := newRealChat(b)
			report(b, memory(b, startDaemon(b, c.address()), ircReader, c.people(1000), calm))
		}
	})
}

// memory looks when no more is given back to the system: when it has not become less for a time. The daemon looks every
// half minute for what it can give back.
func memory(tb testing.TB, d *daemon, reader func(address string) connect, people []string, calm time.Duration) metrics {
	startReaders(tb, people[:1], reader(d.addr))
	before := settled(d, calm)
	start := time.Now()
	startReaders(tb, people[1:], reader(d.addr))
	took := time.Since(start)
	peak := d.resident()
	after := settled(d, calm)
	each := float64(len(people)-1) * 1024
	return metrics{
		"KiB/conn": (after - before) / each, "KiB/conn-peak": (peak - before) / each, "connect-s": took.Seconds(),
	}
}

func settled(d *daemon, calm time.Duration) float64 {
	least, since := d.resident(), time.Now()
	for time.Since(since) < calm {
		time.Sleep(calm / 20)
		if now := d.resident(); now < 0.99*least {
			least, since = now, time.Now()
		}
	}
	return d.resident()
}
