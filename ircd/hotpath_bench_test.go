package ircd

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// What one line costs on its way through the server, with allocations: go test ./ircd -run '^$' -bench .

func benchMessage(n int) *Message {
	return &Message{
		ID: fmt.Sprint(n), Time: time.Now(), From: testUser("alice"), Target: "#messages",
		Text: "good morning, everybody, this is a message of the usual length",
	}
}

func BenchmarkRender(b *testing.B) {
	m := benchMessage(1)
	for name, caps := range map[string]capSet{
		"plain": 0, "modern": capServerTime | capMessageTags | capAccountTag | capMultiline,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f := form{caps: caps, zone: time.UTC}
			for b.Loop() {
				if r := newRendering(render(m, f, nil)); len(r.lines) != 1 {
					b.Fatal("not one line")
				}
			}
		})
	}
}

// pollStub is a Session that has the same news for everybody.
type pollStub struct {
	Session
	events []Event
}

func (s *pollStub) Knows(string) Acquaintance             { return Stranger }
func (s *pollStub) AskReceipt() bool                      { return false }
func (s *pollStub) Poll(context.Context) ([]Event, error) { return s.events, nil }

// BenchmarkFanOut brings one message at a time, and several at once, into the send queues of 200 connections.
func BenchmarkFanOut(b *testing.B) {
	const connections = 200
	for _, together := range []int{1, 16} {
		b.Run(fmt.Sprintf("together=%d", together), func(b *testing.B) {
			b.ReportAllocs()
			delivered := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: prometheus.DefBuckets})
			s := NewServer(newFakeChat(), Options{Name: "irc.test", Logger: zerolog.Nop(), Delivered: delivered})
			news := &pollStub{}
			conns := make([]*conn, connections)
			for i := range conns {
				c := newConn(s, nil, netip.Addr{}, ListenOptions{})
				c.caps, c.registered, c.session = capServerTime|capMessageTags, true, news
				c.channels["#messages"] = &joinedChannel{name: "#messages"}
				c.out.start = func() {}
				conns[i] = c
			}
			lines := 0
			for b.Loop() {
				news.events = news.events[:0]
				for range together {
					lines++
					news.events = append(news.events, benchMessage(lines))
				}
				for _, c := range conns {
					if err := c.poll(b.Context()); err != nil {
						b.Fatal(err)
					}
					if err := c.settle(b.Context()); err != nil {
						b.Fatal(err)
					}
					taken, _ := c.out.take(nil)
					c.out.take(taken) // and the writer ends
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(lines*connections), "ns/line")
		})
	}
}
