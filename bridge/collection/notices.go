package collection

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxNotices is how many rows are remembered to be NOTICEs, the latest.
	maxNotices = 1024
	// noticeDoubt is how long the row of a NOTICE is awaited whose storing was not confirmed.
	noticeDoubt = time.Minute
)

// notices remembers which rows clients of this daemon have sent as a NOTICE, so that others
// are shown it as one even where Fields.Kind is not configured: bots that answer each other's
// messages, but no NOTICE, would never come to an end. It is safe for concurrent use. The zero
// value is ready for use.
type notices struct {
	mu      sync.Mutex
	sending []*sentNotice // whose keys are not known yet; guarded by mu
	rows    []string      // keys, the oldest first; guarded by mu
}

// sentNotice is a NOTICE whose row is not known yet. It is guarded by notices.mu.
type sentNotice struct {
	author, text string
	until        time.Time // zero: until its row is known
}

// Sending notes that a user is about to store a NOTICE, whose event may come before the answer.
// The caller then calls stored with the key of the row; empty if it is not known.
func (n *notices) Sending(author, text string) (stored func(id string)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &sentNotice{author: author, text: text}
	n.sending = append(slices.DeleteFunc(n.sending, (*sentNotice).isOver), s)
	return func(id string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if id == "" {
			s.until = time.Now().Add(noticeDoubt)
			return
		}
		n.sending = slices.DeleteFunc(n.sending, func(other *sentNotice) bool { return other == s })
		n.rows = append(n.rows, id)
		n.rows = slices.Delete(n.rows, 0, max(0, len(n.rows)-maxNotices))
	}
}

func (s *sentNotice) isOver() bool { return !s.until.IsZero() && time.Now().After(s.until) }

// has reports whether a row is known to be a NOTICE.
func (n *notices) has(r Row) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.rows, r.ID) || slices.ContainsFunc(n.sending, func(s *sentNotice) bool {
		return s.author == r.Author && r.Says(s.text) && !s.isOver()
	})
}
