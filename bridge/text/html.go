package text

import (
	"regexp"
	"strings"

	"directus-ircd/ircd/wire"

	"golang.org/x/net/html"
)

// maxOpen bounds how deep elements are tracked; the formatting of deeper ones is ignored.
const maxOpen = 100

// htmlStyles are the elements that format text.
var htmlStyles = map[string]style{
	"b": bold, "strong": bold, "h1": bold, "h2": bold, "h3": bold, "h4": bold, "h5": bold, "h6": bold, "th": bold, "dt": bold,
	"i": italic, "em": italic, "cite": italic, "var": italic, "dfn": italic,
	"u": underline, "ins": underline,
	"s": strike, "strike": strike, "del": strike,
	"code": mono, "kbd": mono, "samp": mono, "tt": mono, "pre": mono,
	"span": 0, "font": 0, // formatted by a style attribute
}

// htmlBlocks are the elements that stand on lines of their own.
var htmlBlocks = wordSet("address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer form " +
	"h1 h2 h3 h4 h5 h6 header hr li main menu nav ol p pre section summary table tbody tfoot thead tr ul")

// htmlHidden are the elements whose content is not text, or only a substitute for media. A link
// to their source is shown instead.
var htmlHidden = wordSet("audio canvas iframe noembed noframes noscript object script style svg template title video")

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// htmlTag matches the beginning of a tag. A text without one is not HTML.
var htmlTag = regexp.MustCompile(`<[A-Za-z/!?]`)

// noBreakSpace is what editors write for a space that must not collapse.
const noBreakSpace = "\u00a0"

var verbatimSpaces = strings.NewReplacer("\t", "    ", noBreakSpace, " ")

// htmlToIRC converts HTML, as WYSIWYG editors write it, to IRC text. It reads tokens and builds
// no tree, so that its time grows linearly with the length of the text. In a text without any
// tag, line breaks are kept.
func htmlToIRC(source, base string) string {
	source = wire.Plain(source)
	h := htmlText{ircText: ircText{base: base}, tokens: html.NewTokenizer(strings.NewReader(source)), verbatim: !htmlTag.MatchString(source)}
	for h.next() {
	}
	h.endLink()
	for range h.margins {
		h.outdent()
	}
	return h.finish()
}

// htmlText writes IRC text token by token.
type htmlText struct {
	ircText
	tokens   *html.Tokenizer
	verbatim bool     // white space is kept everywhere: the text has no tags
	space    bool     // white space was read and is to be written before the next word
	open     []styled // open elements that format text
	nests    []nest   // open elements that indent text
	pre      int      // open <pre> elements
	opened   bool     // a <pre> was just opened: a line break that follows does not count
	hidden   string   // name of the hidden element that is being skipped; empty: none is
	depth    int      // how often hidden is open
	cell     bool     // a table cell is open, so that the next one needs a separator
	link     *openLink
}

// styled is an open element that formats text.
type styled struct {
	name  string
	style style
}

// nest is an open list, list item or quote. number is the number of the next item of an
// ordered list.
type nest struct {
	name   string
	number int
}

// openLink is an open <a>. Its text begins at start, an offset in what was written.
type openLink struct {
	start  int
	target string
}

// next handles the next token; it returns false at the end.
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

// skip handles a token within a hidden element.
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

// text writes text with white space collapsed, as browsers do.
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

// flushSpace writes a space that is due, with the formatting that the texts on both sides share.
func (h *htmlText) flushSpace() {
	if h.space && !h.atLineStart() {
		before := h.style
		h.style &= h.on
		h.write(" ")
		h.style = before
	}
	h.space = false
}

func (h *htmlText) breakLine() {
	h.space = false
	h.newLine(1)
}
