package bridge

import (
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// Of a client that fetches history a page leaves out what it was shown live, and nothing
// else: not what the feed finds of the past by reading, which the client is not shown.
func TestPagesLeaveOutWhatWasShown(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c, v := &collection.Channel{Config: collection.Config{Name: "#a"}}, &view{reader: &reader{}, feed: &feed{group: &collection.Group{Dates: &collection.Dates{}}}}
	j := &joined{Channel: c, view: v, at: at, fetches: true, floor: &collection.Row{Date: at}}
	s := &session{joined: map[string]*joined{"#a": j}, member: &member{account: modelAccount(t)}}
	for id, read := range map[string]bool{"found by reading": true, "brought by an event": false} {
		e := &entry{row: collection.Row{ID: id, Date: at.Add(-time.Second)}, channel: c, event: &ircd.Message{}, read: read}
		if shown := s.wants(v, j, e, 0); shown == read {
			t.Errorf("%s: shown: %v", id, shown)
		}
		if _, left := j.early[id]; left == read {
			t.Errorf("%s: left out of pages: %v", id, left)
		}
	}
}
