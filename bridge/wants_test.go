package bridge

import (
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/ircd"
)

// Of a client that fetches history a page leaves out what it was shown live.
func TestPagesLeaveOutWhatWasShown(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := stillMember(t)
	c, f := &collection.Channel{Config: collection.Config{Name: "#a"}}, stillFeed(m, feed.Key{})
	v := &view{feed: f, reader: f.Attach(m, func(bool) {})}
	j := &joined{Channel: c, view: v, at: at, fetches: true}
	s := &session{joined: map[string]*joined{"#a": j}, member: m}
	for id, read := range map[string]bool{"found by reading": true, "brought by an event": false} {
		e := &feed.Entry{Row: collection.Row{ID: id, Date: at.Add(-time.Second)}, Channel: c, Event: &ircd.Message{}, Read: read}
		if !s.wants(v, j, e, 0) {
			t.Errorf("%s: not shown", id)
		}
		if _, left := j.early[id]; !left {
			t.Errorf("%s: not left out of pages", id)
		}
	}
}

// A channel that was joined alone is not shown a second time by the feed of a
// group that it belongs to as well.
func TestOneFeedForEachChannel(t *testing.T) {
	c := &collection.Channel{Config: collection.Config{Name: "#dev"}}
	alone, shared := &view{}, &view{}
	s, j := &session{}, &joined{Channel: c, view: alone}
	e := &feed.Entry{Row: collection.Row{ID: "1"}, Channel: c}
	if !s.wants(alone, j, e, 0) || s.wants(shared, j, e, 0) {
		t.Errorf("wanted from its own feed %v, from the other %v", s.wants(alone, j, e, 0), s.wants(shared, j, e, 0))
	}
}
