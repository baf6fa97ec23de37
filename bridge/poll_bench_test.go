package bridge

import (
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/ircd"
)

// BenchmarkPoll hands one new message to 200 sessions that read one feed.
func BenchmarkPoll(b *testing.B) {
	const sessions = 200
	b.ReportAllocs()
	c := &collection.Channel{Config: collection.Config{Name: "#messages"}}
	g := &collection.Group{Channels: []*collection.Channel{c}}
	g.Dates = &collection.Dates{}
	m := stillMember(b)
	f := stillFeed(m, feed.Key{Group: g, Audience: "all"})
	still, b0 := &plan{}, &Backend{}
	b0.plan.Store(still)
	all := make([]*session, sessions)
	for i := range all {
		s := newSession(b0, people.Person{}, device{})
		v := &view{feed: f, reader: f.Attach(m, s.wakeFor), uses: 1, sent: map[sentItem]time.Time{}, changes: map[string]struct{}{}}
		s.member, s.plan, s.views = m, still, append(s.views, v)
		s.nextLook = time.Now().Add(time.Hour)
		s.setJoined(c.Key(), &joined{Channel: c, view: v})
		all[i] = s
	}
	for b.Loop() {
		f.Bring(feed.Entry{Row: collection.Row{ID: "1"}, Channel: c, Event: &ircd.Message{Target: c.Name(), Text: "good morning"}})
		for _, s := range all {
			if events, err := s.Poll(b.Context()); err != nil || len(events) != 1 {
				b.Fatal(len(events), err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*sessions), "ns/session")
}
