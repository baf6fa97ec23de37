package bench

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkLine is the processor time of a line at the rate at which people write: 20 messages a second to N readers,
// each a user of its own. It is compared with programs that do nothing but write such lines to as many sockets: see
// runFloor.
func BenchmarkLine(b *testing.B) {
	for _, n := range []int{200, 2000} {
		for transport, secure := range map[string]bool{"": false, secured: true} {
			b.Run(fmt.Sprintf("readers=%d%s", n, transport), func(b *testing.B) {
				for range b.N {
					report(b, line(b, n, secure, 5, 60, time.Second/20))
				}
			})
		}
	}
}

// source is a process that brings lines to readers.
type source struct {
	name string
	process
	say     func(text string)
	readers *readers
	used    time.Duration // of the processor, in all turns
}

// line has sources take turns, so that what else the machine does falls on all of them.
func line(tb testing.TB, n int, secure bool, rounds, messages int, period time.Duration) metrics {
	var sources []*source
	for _, d := range builds() {
		c := newFastChat(tb)
		sources = append(sources, sourceOf(tb, d, c, c.people(n), secure))
	}
	for _, kind := range []string{floorLoop, floorGoroutines} {
		if secure {
			kind += secured
		}
		sources = append(sources, floorSource(tb, kind, n))
	}
	for range rounds {
		for _, s := range sources {
			s.turn(tb, messages, period)
		}
	}
	m := metrics{}
	for _, s := range sources {
		m[s.name+"-µs/line"] = s.used.Seconds() * 1e6 / float64(n*rounds*messages)
		if s != sources[0] {
			m["irc/"+s.name] = float64(sources[0].used) / float64(s.used)
		}
	}
	return m
}

func (s *source) turn(tb testing.TB, messages int, period time.Duration) {
	tb.Helper()
	t := s.readers.watch(messages)
	used, start := s.cpu(), time.Now()
	for n := range messages {
		time.Sleep(time.Until(start.Add(time.Duration(n) * period)))
		s.say(text(n))
	}
	for n := range messages {
		t.wait(tb, n)
	}
	s.used += s.cpu() - used
}

// sourceOf starts a build with readers.
func sourceOf(tb testing.TB, of build, c chat, people []string, secure bool) *source {
	start, reader := of.start, ircReader
	if secure {
		start, reader = of.startSecure, secureReader
	}
	d := start(tb, c.address())
	s := &source{name: of.name, process: d.process, say: func(text string) { c.post(text) }}
	s.readers = startReaders(tb, people, reader(d.addr))
	latencies(tb, c, s.readers, 10) // warm
	return s
}
