package bridge

import (
	"sync"

	"directus-ircd/ircd"
)

// A stored text is plain, Markdown or HTML, as its channel's Format says. On IRC
// it is text with mIRC formatting; both ways keep its words. An action is stored as
// "/me text" in every format.

const (
	// maxRecent and maxRecentText bound the texts that a channel remembers, and
	// the bytes of each.
	maxRecent     = 64
	maxRecentText = 16 << 10
)

// recentTexts remembers what the latest texts of a channel are shown as: what is
// said goes to everybody who is connected, and each of them has a feed.
type recentTexts struct {
	mu    sync.Mutex
	known map[string]shownAs // guarded by mu
}

type shownAs struct {
	kind ircd.Kind
	text string
}

// shown is what IRC sees of a text that is stored in the channel.
func (c *channel) shown(stored string) (ircd.Kind, string) {
	if len(stored) > maxRecentText || c.Format == "" || c.Format == FormatPlain {
		return shownText(stored, c.Format)
	}
	r := &c.recent
	r.mu.Lock()
	s, ok := r.known[stored]
	r.mu.Unlock()
	if ok {
		return s.kind, s.text
	}
	s.kind, s.text = shownText(stored, c.Format)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= maxRecent {
		r.known = map[string]shownAs{}
	}
	r.known[stored] = s
	return s.kind, s.text
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
