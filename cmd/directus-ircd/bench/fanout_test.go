package bench

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkLastReader is the time from a create to the last of N readers, who are N users: on sockets of their own, and
// on IRC.
func BenchmarkLastReader(b *testing.B) {
	c := newRealChat(b)
	for _, n := range []int{1, 10, 100, 300, 600, 1000} {
		b.Run(fmt.Sprintf("readers=%d", n), func(b *testing.B) {
			for range b.N {
				report(b, lastReader(b, c, n, max(15, 60/n)))
			}
		})
	}
}

// lastReader has the builds take turns.
func lastReader(tb testing.TB, c chat, n, messages int) metrics {
	people := c.people(n)
	last := func(open connect, messages int) []time.Duration {
		r := startReaders(tb, people, open)
		defer r.close()
		latencies(tb, c, r, min(3, messages)) // names are read for the first message of an author
		return latencies(tb, c, r, messages)
	}
	raw := median(last(socketReader(c.address(), flat), messages))
	page := median(last(socketReader(c.address(), named), messages))
	const rounds = 3
	all, took := builds(), map[build][]time.Duration{}
	daemons := map[build]*daemon{}
	for _, of := range all {
		daemons[of] = of.start(tb, c.address())
	}
	for range rounds {
		for _, of := range all {
			took[of] = append(took[of], last(ircReader(daemons[of].addr), max(1, messages/rounds))...)
		}
	}
	m := metrics{"raw-ms": milliseconds(raw), "named-ms": milliseconds(page)}
	for _, of := range all {
		irc := median(took[of])
		m[of.name+"-ms"], m["raw/"+of.name], m["named/"+of.name] = milliseconds(irc), float64(raw)/float64(irc), float64(page)/float64(irc)
		daemons[of].stop()
	}
	return m
}

// latencies are the times from before a create until the last reader has it. Each message waits for the one before.
func latencies(tb testing.TB, c chat, r *readers, messages int) []time.Duration {
	tb.Helper()
	t := r.watch(messages)
	var all []time.Duration
	for n := range messages {
		start := time.Now()
		c.post(text(n))
		all = append(all, t.wait(tb, n).Sub(start))
	}
	return all
}

// BenchmarkSteadyRate is how many messages a second Directus stores that are created one by one, as fast as it answers:
// while nobody reads them, and while 1000 people read them on IRC, until the last of these has the last one. To as many
// sockets it offers what they can take.
func BenchmarkSteadyRate(b *testing.B) {
	c := newRealChat(b)
	for range b.N {
		report(b, steadyRate(b, c, 1000, 3, 300, 10))
	}
}

// steadyRate has the ways take turns, so that what else the machine does falls on all of them.
func steadyRate(tb testing.TB, c chat, n, rounds, messages, few int) metrics {
	people := c.people(n)
	raw := startReaders(tb, people, socketReader(c.address(), flat))
	start := time.Now()
	slow := float64(few) / flow(tb, c, raw, few).Sub(start).Seconds()
	raw.close()

	all := builds()
	took := make([]time.Duration, len(all)+1) // the last are the bare creates
	irc := make([]*readers, len(all))
	for range rounds {
		for i, of := range all {
			if irc[i] == nil {
				irc[i] = startReaders(tb, people, ircReader(of.start(tb, c.address()).addr))
			}
		}
		for i := range took {
			r := &readers{} // nobody
			if i < len(all) {
				r = irc[i]
			}
			start := time.Now()
			took[i] += flow(tb, c, r, messages).Sub(start)
		}
	}
	rate := func(i int) float64 { return float64(rounds*messages) / took[i].Seconds() }
	m := metrics{"raw-msg/s": slow, "bare-msg/s": rate(len(all))}
	for i, of := range all {
		m[of.name+"-msg/s"], m[of.name+"/bare"] = rate(i), rate(i)/rate(len(all))
	}
	return m
}

// creators is how many create messages at the same time.
const creators = 4

// flow creates messages and returns when the last reader has the last of them, or, if there are none, when they are stored.
func flow(tb testing.TB, c chat, r *readers, messages int) time.Time {
	tb.Helper()
	t := r.watch(messages)
	var next atomic.Int64
	var posting sync.WaitGroup
	for range creators {
		posting.Go(func() {
			for n := int(next.Add(1)) - 1; n < messages; n = int(next.Add(1)) - 1 {
				c.post(text(n))
			}
		})
	}
	posting.Wait()
	end := time.Now()
	for n := range messages {
		if len(r.conns) == 0 {
			break
		}
		if at := t.wait(tb, n); at.After(end) {
			end = at
		}
	}
	return end
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// metrics are what a benchmark has to say, by their units.
type metrics map[string]float64

// report replaces the time of an operation, which says nothing here.
func report(b *testing.B, m metrics) {
	b.ReportMetric(0, "ns/op")
	for unit, value := range m {
		b.ReportMetric(value, unit)
	}
}
