package text

import (
	"html"
	"strings"

	"directus-ircd/ircd/wire"
)

// htmlElements are the elements that stand for formatting.
var htmlElements = map[style]string{bold: "strong", italic: "em", underline: "u", strike: "s", mono: "code"}

// htmlFromIRC converts IRC text to HTML: formatting becomes elements, and everything else is
// escaped. Colours are dropped.
func htmlFromIRC(text string) string {
	if strings.TrimSpace(wire.Plain(text)) == "" {
		return ""
	}
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteString("<br>")
		}
		w := htmlLine{b: &b, space: true}
		n := nesting{
			styles: []style{bold, italic, underline, strike, mono},
			begin:  func(s style) { b.WriteString("<" + htmlElements[s] + ">") },
			end:    func(s style) { b.WriteString("</" + htmlElements[s] + ">") },
			text:   func(r run) { w.links(r.text) },
		}
		n.write(mircRuns(line))
	}
	return b.String()
}

// htmlLine writes one line. space means that the line is empty or ends with a space, where
// browsers show no further space unless it is written as &nbsp;.
type htmlLine struct {
	b     *strings.Builder
	space bool
}

// links writes text, with its URLs as links.
func (w *htmlLine) links(s string) {
	end := 0
	for _, place := range findURLs(s) {
		w.text(s[end:place[0]])
		url := html.EscapeString(s[place[0]:place[1]])
		w.b.WriteString(`<a href="` + url + `">` + url + "</a>")
		w.space = false
		end = place[1]
	}
	w.text(s[end:])
}

// text writes text with its spaces kept and everything else escaped.
func (w *htmlLine) text(s string) {
	for _, r := range s {
		switch {
		case r == ' ' && w.space, r == '\t' && w.space:
			w.b.WriteString("&nbsp;")
		case r == ' ', r == '\t':
			w.b.WriteByte(' ')
			w.space = true
			continue
		case strings.ContainsRune(`<>&"'`, r):
			w.b.WriteString(html.EscapeString(string(r)))
		default:
			w.b.WriteRune(r)
		}
		w.space = false
	}
}
