package bench

import (
	"fmt"
	"slices"
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

// BenchmarkSteadyRate offers 50 messages a second to 300 readers on IRC, and to as many sockets what they can take.
func BenchmarkSteadyRate(b *testing.B) {
	c := newRealChat(b)
	for range b.N {
		report(b, steadyRate(b, c, 300, 10, time.Second/5, 50))
	}
}

// steadyRate posts messages, a few at once in each period and so many times.
func steadyRate(tb testing.TB, c chat, n, few int, period time.Duration, times int) metrics {
	people := c.people(n)
	raw := startReaders(tb, people, socketReader(c.address(), flat))
	start := time.Now()
	slow := float64(few) / burst(tb, c, raw, few, 0, 1).Sub(start).Seconds()
	raw.close()

	irc := startReaders(tb, people, ircReader(startDaemon(tb, c.address()).addr))
	start = time.Now()
	end := burst(tb, c, irc, few, period, times)
	irc.close()
	return metrics{
		"raw-msg/s": slow, "irc-msg/s": float64(few*times) / end.Sub(start).Seconds(),
		"irc-behind-ms": milliseconds(end.Sub(start) - time.Duration(times-1)*period),
	}
}

// burst posts messages and returns when the last reader had the last of them.
func burst(tb testing.TB, c chat, r *readers, few int, period time.Duration, times int) time.Time {
	tb.Helper()
	t := r.watch(few * times)
	start := time.Now()
	for i := range times {
		time.Sleep(time.Until(start.Add(time.Duration(i) * period)))
		texts := make([]string, few)
		for n := range texts {
			texts[n] = text(i*few + n)
		}
		c.post(texts...)
	}
	var end time.Time
	for n := range few * times {
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
