package bridge

import (
	"regexp"
	"strconv"
	"strings"

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
	source = unformatted(source)
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

func (h *htmlText) startTag(name string, attributes, closed bool) {
	if htmlHidden[name] {
		h.media(h.attributes(attributes)["src"])
		if !closed || name != "svg" { // only a foreign element can close itself
			h.hidden, h.depth = name, 1
		}
		return
	}
	if htmlBlocks[name] {
		h.breakLine()
	}
	switch name {
	case "br":
		h.space = false
		h.lineBreak()
	case "hr":
		h.write("---")
		h.newLine(1)
	case "a":
		h.endLink()
		h.flushSpace()
		h.link = &openLink{h.place(), h.attributes(attributes)["href"]}
	case "img":
		h.image(h.attributes(attributes))
	case "embed", "source":
		h.media(h.attributes(attributes)["src"])
	case "ul", "ol", "menu", "li", "blockquote":
		h.startNest(name, h.attributes(attributes && name == "ol"))
	case "tr":
		h.endCell()
		h.cell = false
	case "td", "th":
		h.endCell()
		if h.cell {
			h.space = false
			h.write(" | ")
		}
		h.cell = true
	}
	h.opened = name == "pre"
	if h.opened {
		h.pre++
	}
	if s, ok := htmlStyles[name]; ok && len(h.open) < maxOpen {
		if s == 0 {
			s = cssStyle(h.attributes(attributes)["style"])
		}
		h.open = append(h.open, styled{name, s})
		h.style |= s
	}
}

func (h *htmlText) endTag(name string) {
	switch name {
	case "a":
		h.endLink()
	case "pre":
		h.pre = max(0, h.pre-1)
	case "ul", "ol", "menu", "li", "blockquote":
		h.endNest(name)
	}
	h.endStyle(name)
	if htmlBlocks[name] {
		h.breakLine()
	}
}

// endStyle ends the innermost open element of a name, whatever was opened in it:
// that formats on, as it does on a page.
func (h *htmlText) endStyle(name string) {
	for i := len(h.open) - 1; i >= 0; i-- {
		if h.open[i].name == name {
			h.open = append(h.open[:i], h.open[i+1:]...)
			break
		}
	}
	h.style = 0
	for _, e := range h.open {
		h.style |= e.style
	}
}

// endCell ends the cell before: most people leave its end tag out.
func (h *htmlText) endCell() {
	h.endStyle("th")
}

// startNest begins a list, an item or a quote.
func (h *htmlText) startNest(name string, attributes map[string]string) {
	if name == "li" {
		h.endItem()
	}
	if len(h.nests) >= maxOpen {
		return
	}
	n := nest{name: name}
	switch name {
	case "ol":
		n.number = 1
		if start, err := strconv.Atoi(attributes["start"]); err == nil {
			n.number = start
		}
	case "blockquote":
		h.indent("> ", "> ")
	case "li":
		mark := "- "
		if i := len(h.nests) - 1; i >= 0 && h.nests[i].name == "ol" {
			mark = strconv.Itoa(h.nests[i].number) + ". "
			h.nests[i].number++
		}
		h.indent(mark, strings.Repeat(" ", len(mark)))
	}
	h.nests = append(h.nests, n)
}

// endItem ends the item before, if it is one of the present list.
func (h *htmlText) endItem() {
	for i := len(h.nests) - 1; i >= 0; i-- {
		switch h.nests[i].name {
		case "li":
			h.endNest("li")
			return
		case "ul", "ol", "menu":
			return
		}
	}
}

// endNest ends the innermost open element of a name and all in it.
func (h *htmlText) endNest(name string) {
	at := len(h.nests) - 1
	for at >= 0 && h.nests[at].name != name {
		at--
	}
	if at < 0 {
		return
	}
	for i := len(h.nests) - 1; i >= at; i-- {
		if n := h.nests[i].name; n == "li" || n == "blockquote" {
			h.outdent()
			h.breakLine()
		}
	}
	h.nests = h.nests[:at]
}

func (h *htmlText) endLink() {
	if h.link != nil {
		h.writeLink(h.link.start, h.link.target)
		h.link = nil
	}
}

// image writes an image as its description and where it is.
func (h *htmlText) image(attributes map[string]string) {
	h.flushSpace()
	start := h.place()
	h.write(strings.Join(strings.Fields(attributes["alt"]), " "))
	h.writeLink(start, attributes["src"])
	if h.b.Len() == start {
		h.write("[image]")
	}
}

// media writes where a video or the like is.
func (h *htmlText) media(source string) {
	if url, ok := linkTarget(source); ok {
		h.flushSpace()
		h.write(url)
		h.space = true
	}
}

// attributes reads the attributes of the present tag.
func (h *htmlText) attributes(any bool) map[string]string {
	if !any {
		return nil
	}
	attributes := map[string]string{}
	for more := true; more; {
		var key, value []byte
		key, value, more = h.tokens.TagAttr()
		switch string(key) {
		case "href", "src", "alt", "style", "start":
			if _, again := attributes[string(key)]; !again {
				attributes[string(key)] = string(value)
			}
		}
	}
	return attributes
}

// cssStyles are the declarations by which editors format text.
var cssStyles = []struct {
	pattern *regexp.Regexp
	style   style
}{
	{regexp.MustCompile(`(?i)text-decoration[^;]*underline`), underline},
	{regexp.MustCompile(`(?i)text-decoration[^;]*line-through`), strike},
	{regexp.MustCompile(`(?i)font-weight\s*:\s*(?:bold|[6-9]00)`), bold},
	{regexp.MustCompile(`(?i)font-style\s*:\s*(?:italic|oblique)`), italic},
}

func cssStyle(css string) style {
	var s style
	for _, c := range cssStyles {
		if css != "" && c.pattern.MatchString(css) {
			s |= c.style
		}
	}
	return s
}
