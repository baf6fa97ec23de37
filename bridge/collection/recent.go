package collection

import (
	"sync"

	"directus-ircd/bridge/text"
	"directus-ircd/ircd"
)

// maxRecent and maxRecentBytes bound the texts that a channel remembers, and the bytes
// of all of them with what they are shown as.
const (
	maxRecent      = 64
	maxRecentBytes = 2 << 20
)

// recentTexts remembers what the latest texts of a channel are shown as: what is
// said goes to everybody who is connected, and each of them may have a feed. Whoever
// asks for a text that is being converted waits.
type recentTexts struct {
	mu    sync.Mutex
	known map[Digest]*shownAs // guarded by mu
	bytes int                 // guarded by mu: of what is known
}

// shownAs is static once its text was converted.
type shownAs struct {
	once sync.Once
	done bool // else it panicked
	kind ircd.Kind
	text string
}

// Shown is what IRC sees of a text that is stored in the channel.
func (c *Channel) Shown(stored string) (ircd.Kind, string) {
	if len(stored) <= text.MaxQuoted && (c.Format == "" || c.Format == text.Plain) {
		return c.Format.Show(stored)
	}
	s := c.recent.Of(DigestOf(stored))
	s.once.Do(func() {
		s.kind, s.text = c.Format.Show(stored)
		s.done = true
		c.recent.count(len(s.text))
	})
	if !s.done {
		return c.Format.Show(stored) // so it does here
	}
	return s.kind, s.text
}

func (r *recentTexts) Of(d Digest) *shownAs {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.known[d]
	if s != nil {
		return s
	}
	if r.known == nil || len(r.known) >= maxRecent || r.bytes > maxRecentBytes {
		r.known, r.bytes = map[Digest]*shownAs{}, 0
	}
	s = &shownAs{}
	r.known[d] = s
	return s
}

func (r *recentTexts) count(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes += bytes
}
