package bench

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"
)

// clients is how many connections Memory measures: fewer show a difference between builds sooner.
var clients = flag.Int("clients", 5000, "how many connections Memory opens")

// BenchmarkMemory is the resident memory of the daemon for each of some connections that have joined a channel and are
// silent: of one user, and of as many users with Directus sessions of their own.
func BenchmarkMemory(b *testing.B) {
	const calm = 40 * time.Second
	fast := func() chat { return newFastChat(b) }
	for _, test := range []struct {
		name   string
		chat   func() chat
		users  int
		each   int // connections of a user
		secure bool
	}{
		{"users=1", fast, 1, *clients, false},
		{"users=1-tls", fast, 1, *clients, true},
		{fmt.Sprintf("users=%d", *clients), fast, *clients, 1, false},
		{fmt.Sprintf("real-users=%d", *clients/5), func() chat { return newRealChat(b) }, *clients / 5, 1, false},
	} {
		b.Run(test.name, func(b *testing.B) {
			for range b.N {
				m := metrics{}
				for _, of := range builds() {
					c := test.chat()
					start, reader := of.start, ircReader
					if test.secure {
						start, reader = of.startSecure, secureReader
					}
					d := start(b, c.address())
					people := slices.Repeat(c.people(test.users), test.each)
					for unit, value := range memory(b, d, reader, people, calm) {
						m[of.name+"-"+unit] = value
					}
					d.stop()
				}
				report(b, m)
			}
		})
	}
}

// memory looks when no more is given back to the system: when it has not become less for a time. The daemon looks every
// half minute for what it can give back.
func memory(tb testing.TB, d *daemon, reader func(address string) connect, people []string, calm time.Duration) metrics {
	defer startReaders(tb, people[:1], reader(d.addr)).close()
	before := settled(d, calm)
	start := time.Now()
	defer startReaders(tb, people[1:], reader(d.addr)).close()
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
