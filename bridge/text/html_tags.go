package text

import (
	"regexp"
	"strconv"
	"strings"
)

// startTag handles the start tag of an element. closed means that it ends with "/>".
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

// endStyle ends the innermost open element with a name. Elements opened within it stay open and
// keep formatting, as they do in browsers.
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

// endCell ends the cell before, as the end tag is usually left out.
func (h *htmlText) endCell() {
	h.endStyle("th")
}

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

// endItem ends the item before, if there is one in the current list.
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

// endNest ends the innermost open element with a name, and all within it.
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

// image writes the description of an image and its URL.
func (h *htmlText) image(attributes map[string]string) {
	h.flushSpace()
	start := h.place()
	h.write(strings.Join(strings.Fields(attributes["alt"]), " "))
	h.writeLink(start, attributes["src"])
	if h.b.Len() == start {
		h.write("[image]")
	}
}

// media writes the URL of a video or other medium.
func (h *htmlText) media(source string) {
	if url, ok := linkTarget(source, h.base); ok {
		h.flushSpace()
		h.write(url)
		h.space = true
	}
}

// attributes reads the attributes of the current tag, as far as they are used; any says that it
// has some. Of two with one name the first counts.
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
