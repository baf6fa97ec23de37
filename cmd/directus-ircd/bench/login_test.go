package bench

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkLogin is the time in which N users who come at once are ready for messages: on sockets of their own, and on
// IRC, where they have joined a channel, with a daemon that has just started. The time of few varies, so that it is
// that of several turns.
func BenchmarkLogin(b *testing.B) {
	c := newRealChat(b)
	for _, n := range []int{1, 100, 300, 1000} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			for range b.N {
				report(b, login(b, c, n, max(1, 10/n)))
			}
		})
	}
}

func login(tb testing.TB, c chat, n, rounds int) metrics {
	people := c.people(n)
	took := map[string]time.Duration{}
	measure := func(name string, open connect) {
		start := time.Now()
		r := startReaders(tb, people, open)
		took[name] += time.Since(start)
		r.close()
	}
	for range rounds {
		measure("raw", socketReader(c.address(), flat))
		for _, of := range builds() {
			d := of.start(tb, c.address())
			measure(of.name, ircReader(d.addr))
			d.stop()
		}
	}
	m := metrics{}
	for name, all := range took {
		m[name+"-ms"] = milliseconds(all) / float64(rounds)
		if name != "raw" {
			m[name+"/raw"] = float64(all) / float64(took["raw"])
		}
	}
	return m
}
