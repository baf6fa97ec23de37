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

// What is parsed as Markdown is bounded, because some texts take a time that
// grows with the square of their length, or worse. These bounds let the worst
// take some milliseconds; other texts are shown as they are stored.
const (
	maxMarkdown   = 16 << 10 // bytes
	maxBrackets   = 400      // "[", each perhaps the beginning of a link
	maxDelimiters = 2000     // of emphasis
	maxContainers = 32       // marks of quotes and lists at the beginning of a line
)

// markdownParser reads CommonMark with strike-through and bare URLs. Raw HTML is
// no part of it, so that it is text. Tables are none either: they are readable as
// they are written.
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

// urlAtStart takes more for a URL than most web pages do: whatever its host, what is in it
// is no formatting.
var urlAtStart = regexp.MustCompile(`^(?:https?|ftp)://[^\s<>\\]+`)

// pageParser reads Markdown as a web page does.
var pageParser = goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Linkify)).Parser()

// parseable reports whether a text is within the bounds of what is parsed.
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

// markdownToIRC makes IRC text of stored Markdown. What shows nothing on a page,
// or cannot be parsed in time, is shown as it is stored.
func markdownToIRC(source string) string {
	source = wire.Plain(source)
	if !parseable(source) {
		return source
	}
	m := markdownText{source: []byte(source)}
	m.blocks(markdownParser.Parse(text.NewReader(m.source)))
	if shown := m.finish(); Visible(shown) {
		return shown
	}
	return source
}

func Visible(text string) bool { return strings.TrimSpace(wire.Plain(text)) != "" }

// markdownText writes what is parsed.
type markdownText struct {
	ircText
	source []byte
	// page says that every word counts that is not hidden on a page; hides
	// that something was.
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
		if m.page && n.Info != nil { // hidden, as it should be
			m.write(string(n.Info.Segment.Value(m.source)) + "\n")
		}
		m.hides = m.hides || n.Lines().Len() == 0
		m.code(n.Lines())
	case *ast.CodeBlock:
		m.code(n.Lines())
	case *ast.Blockquote:
		m.indent("> ", "> ")
		m.meant(func() { m.blocks(n) }) // hardly: ">:("
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
		mark := "- "
		if n.IsOrdered() {
			mark = strconv.Itoa(number) + string(rune(n.Marker)) + " "
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
		start := m.place()
		m.inlines(n)
		m.writeLink(start, unescapeMarkdown(string(n.Destination)))
		m.title(n.Title)
	case *ast.Image:
		start := m.place()
		m.inlines(n)
		m.writeLink(start, unescapeMarkdown(string(n.Destination)))
		m.title(n.Title)
	case *ast.AutoLink:
		m.write(string(n.Label(m.source)))
	case *ast.RawHTML:
		m.hides = true
	default:
		m.inlines(n)
	}
}

// text writes text. A line of it is a line on IRC: whoever writes in a chat means
// the line breaks.
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

// emphasis writes text in a style.
func (m *markdownText) emphasis(s style, n ast.Node) {
	m.meant(func() { m.in(s, func() { m.inlines(n) }) }) // hardly: "^_^ ^_^"
}

// meant writes what marks of Markdown are about. If that has no words, they were
// not meant as such, and those who typed them miss them.
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
		code = " " + code + " " // the marks are no part of the words beside them
	}
	m.in(mono, func() { m.write(code) })
}

// title is seen on a page by those who look for it.
func (m *markdownText) title(title []byte) {
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
