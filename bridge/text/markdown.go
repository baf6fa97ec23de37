package text

import (
	"html"
	"regexp"
	"strconv"
	"strings"

	"directus-ircd/ircd/wire"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// The parser takes time that grows with the square of the length of some texts, or worse.
// Within these bounds the worst take some milliseconds. A text beyond one is not parsed, but
// shown as it is stored.
const (
	maxMarkdown   = 16 << 10 // bytes
	maxBrackets   = 400      // "[", as each may begin a link
	maxDelimiters = 2000     // "*", "_" and "~"
	maxContainers = 32       // marks of quotes and lists at the beginning of one line
)

// markdownParser reads CommonMark with strike-through and bare URLs, but without raw HTML,
// which is text, and without tables, which are readable as they are written.
var markdownParser = parser.NewParser(
	parser.WithBlockParsers(
		util.Prioritized(parser.NewSetextHeadingParser(), 100),
		util.Prioritized(parser.NewThematicBreakParser(), 200),
		util.Prioritized(parser.NewListParser(), 300),
		util.Prioritized(parser.NewListItemParser(), 400),
		util.Prioritized(parser.NewCodeBlockParser(), 500),
		util.Prioritized(parser.NewATXHeadingParser(), 600),
		util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
		util.Prioritized(parser.NewBlockquoteParser(), 800),
		util.Prioritized(parser.NewParagraphParser(), 1000),
	),
	parser.WithInlineParsers(
		util.Prioritized(parser.NewCodeSpanParser(), 100),
		util.Prioritized(parser.NewLinkParser(), 200),
		util.Prioritized(parser.NewAutoLinkParser(), 300),
		util.Prioritized(parser.NewEmphasisParser(), 500),
		util.Prioritized(extension.NewStrikethroughParser(), 500),
		util.Prioritized(extension.NewLinkifyParser(extension.WithLinkifyURLRegexp(urlAtStart)), 999),
	),
	parser.WithParagraphTransformers(util.Prioritized(parser.LinkReferenceParagraphTransformer, 100)),
)

// urlAtStart accepts any host, unlike most web pages, as marks within something that looks like
// a URL are not meant as formatting.
var urlAtStart = regexp.MustCompile(`^(?:https?|ftp)://[^\s<>\\]+`)

// pageParser reads Markdown as web pages do, to find out what they would show.
var pageParser = goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Linkify)).Parser()

// parseable reports whether a text is within the bounds of the parser.
func parseable(source string) bool {
	if len(source) > maxMarkdown || strings.Count(source, "[") > maxBrackets ||
		strings.Count(source, "*")+strings.Count(source, "_")+strings.Count(source, "~") > maxDelimiters {
		return false
	}
	for line := range strings.SplitSeq(source, "\n") {
		containers := 0
		for i := 0; i < len(line) && strings.IndexByte(" \t>-+*.)0123456789", line[i]) >= 0; i++ {
			if line[i] == '>' || i > 0 && (line[i] == ' ' || line[i] == '\t') && strings.IndexByte("-+*.)", line[i-1]) >= 0 {
				containers++
			}
		}
		if containers > maxContainers {
			return false
		}
	}
	return true
}

// markdownToIRC converts stored Markdown to IRC text. A text that would be invisible, or that
// cannot be parsed in time, is returned as it is stored.
func markdownToIRC(source, base string) string {
	source = wire.Plain(source)
	if !parseable(source) {
		return source
	}
	m := markdownText{ircText: ircText{base: base}, source: []byte(source)}
	m.blocks(markdownParser.Parse(text.NewReader(m.source)))
	if shown := m.finish(); Visible(shown) {
		return shown
	}
	return source
}

// markdownText writes IRC text node by node.
type markdownText struct {
	ircText
	source []byte
	// page means that the text stands for a web page, to find out which words that shows.
	// hides is set if the page hides something.
	page, hides bool
}

func (m *markdownText) blocks(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if n != parent.FirstChild() {
			m.newLine(1)
			if n.HasBlankPreviousLines() {
				m.newLine(2)
			}
		}
		m.block(n)
	}
}

func (m *markdownText) block(n ast.Node) {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock:
		m.inlines(n)
	case *ast.Heading:
		m.in(bold, func() { m.inlines(n) })
	case *ast.FencedCodeBlock:
		if m.page && n.Info != nil { // the page may hide the language without loss
			m.write(string(n.Info.Segment.Value(m.source)) + "\n")
		}
		m.hides = m.hides || n.Lines().Len() == 0
		m.code(n.Lines())
	case *ast.CodeBlock:
		m.code(n.Lines())
	case *ast.Blockquote:
		m.indent("> ", "> ")
		m.meant(func() { m.blocks(n) }) // not meant in ">:("
		m.outdent()
	case *ast.List:
		m.list(n)
	case *ast.ThematicBreak:
		m.hides = true
		m.write("---")
	case *ast.HTMLBlock:
		m.hides = true
	default:
		m.blocks(n)
	}
}

func (m *markdownText) list(n *ast.List) {
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		mark := string(rune(n.Marker)) + " "
		if n.IsOrdered() {
			mark = strconv.Itoa(number) + mark
			number++
		}
		m.hides = m.hides || item.FirstChild() == nil
		m.newLine(1)
		m.indent(mark, strings.Repeat(" ", len(mark)))
		m.blocks(item)
		m.outdent()
	}
}

// code writes the lines of a block of code, with their indentation.
func (m *markdownText) code(lines *text.Segments) {
	var b strings.Builder
	for i := range lines.Len() {
		segment := lines.At(i)
		b.Write(segment.Value(m.source))
	}
	code := strings.TrimRight(strings.ReplaceAll(b.String(), "\t", "    "), "\n")
	m.in(mono, func() { m.write(code) })
}

func (m *markdownText) inlines(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		m.inline(n)
	}
}

func (m *markdownText) inline(n ast.Node) {
	switch n := n.(type) {
	case *ast.Text:
		m.text(n)
	case *ast.String:
		m.write(string(n.Value))
	case *ast.CodeSpan:
		m.codeSpan(n)
	case *ast.Emphasis:
		s := italic
		if n.Level == 2 {
			s = bold
		}
		m.emphasis(s, n)
	case *extast.Strikethrough:
		m.emphasis(strike, n)
	case *ast.Link:
		m.link(n, n.Destination, n.Title)
	case *ast.Image:
		m.link(n, n.Destination, n.Title)
	case *ast.AutoLink:
		m.write(string(n.Label(m.source)))
	case *ast.RawHTML:
		m.hides = true
	default:
		m.inlines(n)
	}
}

// text writes text. Unlike on a page, each line break stays one: in a chat people mean them.
func (m *markdownText) text(n *ast.Text) {
	s := string(n.Value(m.source))
	if !n.IsRaw() {
		s = unescapeMarkdown(s)
	}
	m.write(s)
	if n.HardLineBreak() || n.SoftLineBreak() {
		m.lineBreak()
	}
}

func (m *markdownText) emphasis(s style, n ast.Node) {
	m.meant(func() { m.in(s, func() { m.inlines(n) }) }) // not meant in "^_^ ^_^"
}

// meant writes what is between marks of Markdown. If that has no words, the marks were not
// meant as such, and hiding them would lose them.
func (m *markdownText) meant(write func()) {
	start := m.b.Len()
	write()
	if m.page && !strings.ContainsFunc(wire.Plain(m.b.String()[start:]), isWord) {
		m.hides = true
	}
}

func (m *markdownText) codeSpan(n ast.Node) {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Value(m.source))
		}
	}
	code := strings.ReplaceAll(b.String(), "\n", " ")
	if m.page {
		code = " " + code + " " // the backticks separate words
	}
	m.in(mono, func() { m.write(code) })
}

// link writes a link or an image, with its title, which a page does not hide.
func (m *markdownText) link(n ast.Node, target, title []byte) {
	start := m.place()
	m.inlines(n)
	m.writeLink(start, unescapeMarkdown(string(target)))
	if m.page && len(title) > 0 {
		m.write(" " + unescapeMarkdown(string(title)))
	}
}

// entity matches a character reference of CommonMark.
var entity = regexp.MustCompile(`^&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});`)

// unescapeMarkdown resolves backslashes and character references.
func unescapeMarkdown(s string) string {
	if !strings.ContainsAny(s, `\&`) {
		return s
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, `\&`)
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		n := 1
		switch {
		case s[0] == '\\' && len(s) > 1 && util.IsPunct(s[1]):
			s = s[1:]
			b.WriteByte(s[0])
		case s[0] == '&':
			n = max(1, len(entity.FindString(s)))
			b.WriteString(html.UnescapeString(s[:n]))
		default:
			b.WriteByte(s[0])
		}
		s = s[n:]
	}
	b.WriteString(s)
	return b.String()
}
