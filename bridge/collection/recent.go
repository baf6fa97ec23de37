package collection

import (
	"crypto/sha256"
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

// recentTexts caches what the latest texts of a channel are shown as: each message goes to
// every user who is connected, and each of them may have a feed of their own. A text that
// another goroutine is converting is waited for.
type recentTexts struct {
	mu    sync.Mutex
	known map[Digest]*shownAs // guarded by mu
	bytes int                 // guarded by mu: of what is known
}

// shownAs is immutable once its text was converted.
type shownAs struct {
	once sync.Once
	done bool // the conversion came to its end and did not panic
	kind ircd.Kind
	text string
}

// Shown converts a text that is stored in the channel to what IRC shows of it. Do not
// call it with a lock held: a long text takes milliseconds.
func (c *Channel) Shown(stored string) (ircd.Kind, string) {
	if len(stored) <= text.MaxQuoted && (c.Format == "" || c.Format == text.Plain) {
		return c.Format.Show(stored, c.Base)
	}
	s := c.recent.of(DigestOf(stored))
	s.once.Do(func() {
		s.kind, s.text = c.Format.Show(stored, c.Base)
		s.done = true
		c.recent.mu.Lock()
		c.recent.bytes += len(s.text)
		c.recent.mu.Unlock()
	})
	if !s.done {
		return c.Format.Show(stored, c.Base) // panics here as well
	}
	return s.kind, s.text
}

func (r *recentTexts) of(d Digest) *shownAs {
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

// Digest tells texts apart without holding them. The zero one is that of no text.
type Digest [sha256.Size]byte

// DigestOf makes no copy of a text, which may be long.
func DigestOf(text string) (d Digest) {
	h := sha256.New()
	var chunk [1 << 10]byte
	for len(text) > 0 {
		n := copy(chunk[:], text)
		h.Write(chunk[:n])
		text = text[n:]
	}
	h.Sum(d[:0])
	return d
}
