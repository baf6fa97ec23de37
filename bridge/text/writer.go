package text

import (
	"strings"
	"unicode"

	"directus-ircd/ircd/wire"
)

// style is a set of the kinds of formatting that IRC, Markdown and HTML have in common.
type style uint8

const (
	bold style = 1 << iota
	italic
	underline
	strike
	mono
)

// styleCodes are the mIRC codes that turn each style on and off.
var styleCodes = []struct {
	style style
	code  byte
}{{bold, 0x02}, {italic, 0x1d}, {underline, 0x1f}, {strike, 0x1e}, {mono, 0x11}}

const (
	// maxMargins is how deep nested quotes and lists are indented. Deeper ones are shown at
	// that depth, or their marks would take up whole lines.
	maxMargins = 8
	// maxBreaks is the most line breaks in a row, outside of code: one blank line.
	maxBreaks = 2
)

// ircText writes IRC text with mIRC codes. Each line is complete in itself: formatting ends
// with the line and begins again in the next, and each line of a quote or a list is marked or
// indented. The output has no control characters but line breaks and the codes, whatever the
// input.
type ircText struct {
	b       strings.Builder
	style   style // of the next text
	on      style // styles whose codes are on at the end of the output
	breaks  int   // line breaks to write before the next text
	margins []margin
	base    string // see Format.Show
}

// margin is what lines within a quote or a list item begin with: first for the first line, rest
// for the others.
type margin struct {
	first, rest string
	used        bool // first was written
}

// write writes text, which may hold line breaks.
func (t *ircText) write(s string) {
	for _, r := range s {
		switch {
		case r == '\n' || r == '\u2028' || r == '\u2029':
			t.lineBreak()
		case r == '\t':
			t.put(' ')
		case !unicode.IsControl(r):
			t.put(r)
		}
	}
}

func (t *ircText) put(r rune) {
	t.begin()
	t.toggle(t.on ^ t.style)
	t.b.WriteRune(r)
}

// begin writes line breaks that are due and the margins of the new line.
func (t *ircText) begin() {
	if t.breaks == 0 && t.b.Len() > 0 {
		return
	}
	t.toggle(t.on)
	for ; t.breaks > 0; t.breaks-- {
		t.b.WriteByte('\n')
	}
	for i := range t.margins {
		if m := &t.margins[i]; m.used {
			t.b.WriteString(m.rest)
		} else {
			t.b.WriteString(m.first)
			m.used = true
		}
	}
}

func (t *ircText) toggle(s style) {
	for _, c := range styleCodes {
		if s&c.style != 0 {
			t.b.WriteByte(c.code)
		}
	}
	t.on ^= s
}

// lineBreak ends a line. The output never begins with blank lines, and only code has more than
// one in a row.
func (t *ircText) lineBreak() {
	if t.b.Len() > 0 && (t.breaks < maxBreaks || t.style&mono != 0) {
		t.breaks++
	}
}

// newLine makes what follows begin on a new line; with 2 breaks, after a blank line.
func (t *ircText) newLine(breaks int) {
	if t.b.Len() > 0 {
		t.breaks = max(t.breaks, breaks)
	}
}

func (t *ircText) atLineStart() bool { return t.breaks > 0 || t.b.Len() == 0 }

// indent adds a margin to the lines that follow.
func (t *ircText) indent(first, rest string) {
	t.margins = append(t.margins, margin{first: first, rest: rest})
	if n := len(t.margins); n > maxMargins {
		t.margins[n-1] = margin{}
	}
}

// outdent removes the last margin, after its first part was written at least once.
func (t *ircText) outdent() {
	if n := len(t.margins); !t.margins[n-1].used {
		t.begin()
	}
	t.margins = t.margins[:len(t.margins)-1]
}

// in calls f with a style added to whatever it writes.
func (t *ircText) in(s style, f func()) {
	before := t.style
	t.style |= s
	f()
	t.style = before
}

// place returns the offset in the output at which the next text will begin.
func (t *ircText) place() int {
	t.begin()
	return t.b.Len()
}

// writeLink writes the target of a link whose text was written from the offset start on, unless
// the text is the URL already.
func (t *ircText) writeLink(start int, target string) {
	url, ok := linkTarget(target, t.base)
	if !ok {
		return
	}
	label := strings.TrimSpace(wire.Plain(t.b.String()[start:]))
	before := t.style
	t.style = 0
	switch {
	case label == "":
		t.write(url)
	case !names(label, url):
		t.write(" <" + url + ">")
	}
	t.style = before
}

// finish turns all styles off and returns the output.
func (t *ircText) finish() string {
	t.toggle(t.on)
	return t.b.String()
}
