package text

import (
	"strings"
	"unicode"

	"directus-ircd/ircd/wire"
)

// style is a set of the formattings that IRC, Markdown and HTML have in common.
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
	// maxMargins is how deep quotes and lists are shown in each other. What is
	// deeper is shown at that depth: a line of text must not cost a line of marks.
	maxMargins = 8
	// maxBreaks makes one blank line of many.
	maxBreaks = 2
)

// ircText writes IRC text with mIRC codes. Each of its lines stands for itself:
// formatting ends with the line and begins again in the next, and lines in a
// quote or a list all carry their mark or are indented. What it writes has no
// other control characters than line breaks and the codes, whatever it is given.
type ircText struct {
	b       strings.Builder
	style   style // of what is written next
	on      style // turned on at the end of what was written
	breaks  int   // line breaks due before anything else is written
	margins []margin
}

// margin is what the lines of a quote or an item of a list begin with.
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

// begin begins the line if that is due.
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

// lineBreak ends a line. Nothing begins with blank lines, and only code has more
// than one of them in a row.
func (t *ircText) lineBreak() {
	if t.b.Len() > 0 && (t.breaks < maxBreaks || t.style&mono != 0) {
		t.breaks++
	}
}

// newLine makes what follows stand on a line of its own; with 2, behind a blank
// one.
func (t *ircText) newLine(breaks int) {
	if t.b.Len() > 0 {
		t.breaks = max(t.breaks, breaks)
	}
}

// atLineStart reports that nothing was written in the present line.
func (t *ircText) atLineStart() bool { return t.breaks > 0 || t.b.Len() == 0 }

// indent puts a mark before the lines that follow; outdent ends that, after the
// mark was written at least once.
func (t *ircText) indent(first, rest string) {
	t.margins = append(t.margins, margin{first: first, rest: rest})
	if n := len(t.margins); n > maxMargins {
		t.margins[n-1] = margin{}
	}
}

func (t *ircText) outdent() {
	if n := len(t.margins); !t.margins[n-1].used {
		t.begin()
	}
	t.margins = t.margins[:len(t.margins)-1]
}

// in writes what f writes in one more style.
func (t *ircText) in(s style, f func()) {
	before := t.style
	t.style |= s
	f()
	t.style = before
}

// place is where the next text will stand in what is written.
func (t *ircText) place() int {
	t.begin()
	return t.b.Len()
}

// writeLink writes where the text behind start, which was written last, leads to,
// unless it says so itself.
func (t *ircText) writeLink(start int, target string) {
	url, ok := linkTarget(target)
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

// finish returns what was written.
func (t *ircText) finish() string {
	t.toggle(t.on)
	return t.b.String()
}
