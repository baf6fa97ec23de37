package text

import (
	"regexp"
	"strings"

	"directus-ircd/ircd/wire"

	"golang.org/x/net/html"
)

// maxOpen bounds the elements that are remembered as open; the formatting of what is
// deeper is ignored.
const maxOpen = 100

// htmlStyles are the elements that format text.
var htmlStyles = map[string]style{
	"b": bold, "strong": bold, "h1": bold, "h2": bold, "h3": bold, "h4": bold, "h5": bold, "h6": bold, "th": bold, "dt": bold,
	"i": italic, "em": italic, "cite": italic, "var": italic, "dfn": italic,
	"u": underline, "ins": underline,
	"s": strike, "strike": strike, "del": strike,
	"code": mono, "kbd": mono, "samp": mono, "tt": mono, "pre": mono,
	"span": 0, "font": 0, // may have a style of their own
}

// htmlBlocks are the elements that stand on lines of their own.
var htmlBlocks = wordSet("address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer form " +
	"h1 h2 h3 h4 h5 h6 header hr li main menu nav ol p pre section summary table tbody tfoot thead tr ul")

// htmlHidden are the elements whose content is no text, or stands for something that
// cannot be shown; a link to that takes its place.
var htmlHidden = wordSet("audio canvas iframe noembed noframes noscript object script style svg template title video")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// htmlTag matches what makes a text HTML.
var htmlTag = regexp.MustCompile(`<[A-Za-z/!?]`)

// noBreakSpace is how editors write spaces that are to be seen.
const noBreakSpace = "\u00a0"

var verbatimSpaces = strings.NewReplacer("\t", "    ", noBreakSpace, " ")

// htmlToIRC makes IRC text of HTML, as editors of web pages write it. It reads
// tokens, not a tree, so that the time it takes grows with the length of the
// text alone. The line breaks of a text without any element are its own.
func htmlToIRC(source string) string {
	source = wire.Plain(source)
	h := htmlText{tokens: html.NewTokenizer(strings.NewReader(source)), verbatim: !htmlTag.MatchString(source)}
	for h.next() {
	}
	h.endLink()
	for range h.margins {
		h.outdent()
	}
	return h.finish()
}

// htmlText writes what the tokens say.
type htmlText struct {
	ircText
	tokens   *html.Tokenizer
	verbatim bool
	space    bool     // white space was read and is due
	open     []styled // elements that format text
	nests    []nest   // elements that indent it
	pre      int      // <pre> that are open
	opened   bool     // one was just opened: a line break there is none
	hidden   string   // the element that is left out, and how often it is open
	depth    int
	cell     bool // of a table, and not the first in its row
	link     *openLink
}

// styled is an open element that formats text.
type styled struct {
	name  string
	style style
}

// nest is an open list, item or quote. number is that of the next item of an
// ordered list.
type nest struct {
	name   string
	number int
}

// openLink is a link whose text began at a place of what is written.
type openLink struct {
	start  int
	target string
}

// next handles a token; false at the end.
func (h *htmlText) next() bool {
	kind := h.tokens.Next()
	if kind == html.ErrorToken {
		return false
	}
	if h.hidden != "" {
		h.skip(kind)
		return true
	}
	switch kind {
	case html.TextToken:
		h.text(string(h.tokens.Text()))
	case html.StartTagToken, html.SelfClosingTagToken:
		name, more := h.tokens.TagName()
		h.startTag(string(name), more, kind == html.SelfClosingTagToken)
	case html.EndTagToken:
		name, _ := h.tokens.TagName()
		h.endTag(string(name))
	}
	return true
}

// skip leaves out what is in a hidden element.
func (h *htmlText) skip(kind html.TokenType) {
	if kind != html.StartTagToken && kind != html.EndTagToken {
		return
	}
	name, _ := h.tokens.TagName()
	if string(name) != h.hidden {
		return
	}
	if kind == html.StartTagToken {
		h.depth++
	} else if h.depth--; h.depth == 0 {
		h.hidden = ""
	}
}

// text writes text with its white space collapsed, as a page does.
func (h *htmlText) text(s string) {
	if h.verbatim || h.pre > 0 {
		if h.opened {
			s = strings.TrimPrefix(s, "\n")
		}
		h.opened = false
		h.flushSpace()
		h.write(verbatimSpaces.Replace(s))
		return
	}
	for s != "" {
		i := strings.IndexAny(s, " \t\n\f\r")
		if i < 0 {
			i = len(s)
		}
		if i > 0 {
			h.flushSpace()
			h.write(strings.ReplaceAll(s[:i], noBreakSpace, " "))
		}
		rest := strings.TrimLeft(s[i:], " \t\n\f\r")
		h.space = h.space || len(rest) < len(s)-i
		s = rest
	}
}

// flushSpace writes a space that is due. It is formatted only within what is.
func (h *htmlText) flushSpace() {
	if h.space && !h.atLineStart() {
		before := h.style
		h.style &= h.on
		h.write(" ")
		h.style = before
	}
	h.space = false
}

// breakLine begins a line.
func (h *htmlText) breakLine() {
	h.space = false
	h.newLine(1)
}
