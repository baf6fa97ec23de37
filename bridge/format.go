package bridge

import (
	"sync"

	"directus-ircd/ircd"
)

// A stored text is plain, Markdown or HTML, as its channel's Format says. On IRC
// it is text with mIRC formatting; both ways keep its words. An action is stored as
// "/me text" in every format.

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
	known map[digest]*shownAs // guarded by mu
	bytes int                 // guarded by mu: of what is known
}

// shownAs is static once its text was converted.
type shownAs struct {
	once sync.Once
	done bool // else it panicked
	kind ircd.Kind
	text string
}

// shown is what IRC sees of a text that is stored in the channel.
func (c *channel) shown(stored string) (ircd.Kind, string) {
	if len(stored) <= maxQuoted && (c.Format == "" || c.Format == FormatPlain) {
		return shownText(stored, c.Format)
	}
	s := c.recent.of(digestOf(stored))
	s.once.Do(func() {
		s.kind, s.text = shownText(stored, c.Format)
		s.done = true
		c.recent.count(len(s.text))
	})
	if !s.done {
		return shownText(stored, c.Format) // so it does here
	}
	return s.kind, s.text
}

func (r *recentTexts) of(d digest) *shownAs {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.known[d]
	if s != nil {
		return s
	}
	if r.known == nil || len(r.known) >= maxRecent || r.bytes > maxRecentBytes {
		r.known, r.bytes = map[digest]*shownAs{}, 0
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

// valid reports whether there is such a format.
func (f Format) valid() bool {
	switch f {
	case "", FormatPlain, FormatMarkdown, FormatHTML:
		return true
	}
	return false
}

// toIRC makes IRC text of a stored text.
func (f Format) toIRC(stored string) string {
	switch f {
	case FormatMarkdown:
		return markdownToIRC(stored)
	case FormatHTML:
		return htmlToIRC(stored)
	}
	return unformatted(stored)
}

// fromIRC makes a text to be stored of IRC text; it is empty if that shows
// nothing.
func (f Format) fromIRC(text string) string {
	switch f {
	case FormatMarkdown:
		return markdownFromIRC(text)
	case FormatHTML:
		return htmlFromIRC(text)
	}
	return unformatted(text)
}
