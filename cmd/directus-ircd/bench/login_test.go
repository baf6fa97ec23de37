package bench

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkLogin is the time in which N users who come at once are ready for messages: on sockets of their own, and on
// IRC, where they have joined a channel.
func BenchmarkLogin(b *testing.B) {
	c := newRealChat(b)
	for _, n := range []int{1, 100, 300, 1000} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			for range b.N {
				report(b, login(b, c, n))
			}
		})
	}
}

func login(tb testing.TB, c chat, n int) metrics {
	people := c.people(n)
	start := time.Now()
	raw := startReaders(tb, people, socketReader(c.address(), flat))
	slow := time.Since(start)
	raw.close()
	d := startDaemon(tb, c.address())
	start = time.Now()
	irc := startReaders(tb, people, ircReader(d.addr))
	fast := time.Since(start)
	irc.close()
	return metrics{"raw-ms": milliseconds(slow), "irc-ms": milliseconds(fast), "irc/raw": float64(fast) / float64(slow)}
}
