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
			report(b, stream(b, func(c chat) []string { return slices.Repeat(c.people(1), 200) }, 5, 2000))
		}
	})
	b.Run("users=200", func(b *testing.B) {
		for range b.N {
			report(b, stream(b, func(c chat) []string { return c.people(200) }, 5, 1000))
		}
	})
}

// window is how many messages are on their way at most: fewer than a feed holds.
const window = 128

// stream has the builds take turns.
func stream(tb testing.TB, people func(chat) []string, rounds, messages int) metrics {
	var sources []*source
	for _, of := range builds() {
		c := newFastChat(tb)
		sources = append(sources, sourceOf(tb, of, c, people(c), false))
	}
	took := make([]time.Duration, len(sources))
	for range rounds {
		for i, s := range sources {
			took[i] += s.rush(tb, messages)
		}
	}
	m := metrics{}
	for i, s := range sources {
		lines := float64(rounds * messages * len(s.readers.conns))
		m[s.name+"-lines/s"], m[s.name+"-µs/line"] = lines/took[i].Seconds(), s.used.Seconds()*1e6/lines
		if i > 0 {
			m["irc/"+s.name] = float64(sources[0].used) / float64(s.used)
		}
	}
	return m
}

// rush posts messages as fast as the last reader has them.
func (s *source) rush(tb testing.TB, messages int) time.Duration {
	tb.Helper()
	t := s.readers.watch(messages)
	used, start := s.cpu(), time.Now()
	var end time.Time
	for n := range messages + window {
		if n >= window {
			end = t.wait(tb, n-window)
		}
		if n < messages {
			s.say(text(n))
		}
	}
	s.used += s.cpu() - used
	return end.Sub(start)
}
