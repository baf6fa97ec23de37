package bench

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkStream brings messages to 200 readers of one channel as fast as they are taken.
func BenchmarkStream(b *testing.B) {
	b.Run("users=1", func(b *testing.B) {
		for range b.N {
			c := newFastChat(b)
			report(b, stream(b, c, slices.Repeat(c.people(1), 200), 10000))
		}
	})
	b.Run("users=200", func(b *testing.B) {
		for range b.N {
			c := newFastChat(b)
			report(b, stream(b, c, c.people(200), 2000))
		}
	})
}

// window is how many messages are on their way at most: fewer than a feed holds.
const window = 128

func stream(tb testing.TB, c chat, people []string, messages int) metrics {
	d := startDaemon(tb, c.address())
	r := startReaders(tb, people, ircReader(d.addr))
	latency(tb, c, r, 10) // warm
	t := r.watch(messages)
	used, start := d.cpu(), time.Now()
	var end time.Time
	for n := range messages + window {
		if n >= window {
			end = t.wait(tb, n-window)
		}
		if n < messages {
			c.post(text(n))
		}
	}
	used = d.cpu() - used
	lines := float64(messages * len(people))
	return metrics{
		"lines/s": lines / end.Sub(start).Seconds(), "cpu-µs/line": used.Seconds() * 1e6 / lines,
	}
}
