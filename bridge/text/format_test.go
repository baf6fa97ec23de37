package text

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// readable writes mIRC codes as marks that a person can read in a table.
var readable = strings.NewReplacer("\x02", "{b}", "\x1d", "{i}", "\x1f", "{u}", "\x1e", "{s}", "\x11", "{m}",
	"\x0f", "{o}", "\x16", "{r}", "\x03", "{c}", "\x04", "{h}")

// coded is its inverse.
var coded = strings.NewReplacer("{b}", "\x02", "{i}", "\x1d", "{u}", "\x1f", "{s}", "\x1e", "{m}", "\x11",
	"{o}", "\x0f", "{r}", "\x16", "{c}", "\x03", "{h}", "\x04")

func TestMarkdownToIRC(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"hello", "hello"},
		{"**bold** *italic* _too_ ~~gone~~ `code`", "{b}bold{b} {i}italic{i} {i}too{i} {s}gone{s} {m}code{m}"},
		{"***both***", "{b}{i}both{b}{i}"},
		{"**a *b* c**", "{b}a {i}b{i} c{b}"},
		{"snake_case_name 2 * 3 * 4", "snake_case_name 2 * 3 * 4"},
		{"**two\nlines**", "{b}two{b}\n{b}lines{b}"},
		{"hard  \nbreak\\\nhere", "hard\nbreak\nhere"},
		{"a\n\nb\n\n\n\nc", "a\n\nb\n\nc"},
		{"# Title *x*\ntext", "{b}Title {i}x{b}{i}\ntext"},
		{"Title\n=====\ntext", "{b}Title{b}\ntext"},
		{"[text](https://e.org/x)", "text <https://e.org/x>"},
		{"**[text](https://e.org/x)**", "{b}text{b} <https://e.org/x>"},
		{"[https://e.org/x](https://e.org/x) [e.org](https://e.org/)", "https://e.org/x e.org"},
		{"<https://e.org/_a_> https://e.org/_a_b_ www.e.org", "https://e.org/_a_ https://e.org/_a_b_ www.e.org"},
		{"http://localhost:8055/_a_/*b*", "http://localhost:8055/_a_/*b*"},
		{"[mail](mailto:a@e.org) [a@e.org](mailto:a@e.org)", "mail <mailto:a@e.org> a@e.org"},
		{"[run](javascript:alert(1)) [rel](/a/b) [data](data:text/html,x)", "run rel data"},
		{"[a]( <https://e.org/a b> \"title\")", "a <https://e.org/a%20b>"},
		{"[a](https://e.org/?x=1&amp;y=2)", "a <https://e.org/?x=1&y=2>"},
		{"[a][1]\n\n[1]: https://e.org/x", "a <https://e.org/x>"},
		{"![cat](https://e.org/c.png) ![](https://e.org/d.png)", "cat <https://e.org/c.png> https://e.org/d.png"},
		{"![c](https://e.org/assets/1?access_token=secret&w=1) ![d](https://e.org/2?access_token=s)", "c <https://e.org/assets/1?w=1> d <https://e.org/2>"},
		{"- a\n- b\n  - c\n    more\n- d", "- a\n- b\n  - c\n    more\n- d"},
		{"* a\n\n* b\n\ntext", "* a\n* b\n\ntext"},
		{"3. a\n4. b\n   c\n\n1) x", "3. a\n4. b\n   c\n\n1) x"},
		{"- [https://e.org](https://e.org)", "- https://e.org"},
		{"> a\n> b\n>> c\n\nd", "> a\n> b\n> > c\n\nd"},
		{"> **a\n> b**", "> {b}a{b}\n> {b}b{b}"},
		{"-\n- a", "- \n- a"},
		{"```go\nfunc f() {\n\treturn 1\n\n\n}\n```", "{m}func f() {{m}\n{m}    return 1{m}\n\n\n{m}}{m}"},
		{"x\n\n    indented\n      more", "x\n\n{m}indented{m}\n{m}  more{m}"},
		{"```\nnot *closed*", "{m}not *closed*{m}"},
		{"`a  b` ``a`b`` `**`", "{m}a  b{m} {m}a`b{m} {m}**{m}"},
		{"<b>raw</b> <!-- c --> <script>x</script>", "<b>raw</b> <!-- c --> <script>x</script>"},
		{"<div>\n**x**\n</div>", "<div>\n{b}x{b}\n</div>"},
		{"| a | b |\n|---|---|\n| 1 | **2** |", "| a | b |\n|---|---|\n| 1 | {b}2{b} |"},
		{"&amp; &lt;b&gt; &#42;x&#x2a; &copy; &nosuch; &#0; AT&T &amp", "& <b> *x* © &nosuch; \uFFFD AT&T &amp"},
		{`\*a\* \\ \x \&amp;`, `*a* \ \x &amp;`},
		{"a\n\n---\nb", "a\n\n---\nb"},
		{"[ada]: hello", "[ada]: hello"}, // a page shows nothing
		{"```", "```"},
		{"{b}x{b} {c}04red", "x red"},
		{"&#2;x&#1;y&#10;z&#x2028;w", "xy\nz\nw"},
		{strings.Repeat("> ", 12) + "deep", strings.Repeat("> ", maxMargins) + "deep"},
	} {
		if got := readable.Replace(markdownToIRC(coded.Replace(c.in), "")); got != c.want {
			t.Errorf("%q:\ngot  %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestMarkdownFromIRC(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"hello", "hello"},
		// What is typed as Markdown stays Markdown.
		{"**now** and `make` _x_ ~~y~~ [a](https://e.org)", "**now** and `make` _x_ ~~y~~ [a](https://e.org)"},
		{"- a\n- b\n\nc\nd", "- a  \n- b\n\nc  \nd"},
		{"```go\na\n\nb\n```\nx\ny", "```go\na\n\nb\n```\nx  \ny"},
		{"https://e.org/_a_/x?a=1&b=2 > x", "https://e.org/_a_/x?a=1&b=2 > x"},
		{"I <3 C & x < y, 5 * 3, snake_case, `Foo`s", "I <3 C & x < y, 5 * 3, snake_case, `Foo`s"},
		// Unless a page would show less than that.
		{"2*3*4", `2\*3\*4`},
		{"arr[i](x)", `arr\[i\](x)`},
		{"List<String> x", `List\<String\> x`},
		{"<ada> hi", `\<ada\> hi`},
		{"[ada]: hello", `\[ada\]: hello`},
		{"&amp; means and", `\&amp; means and`},
		{`¯\_(ツ)_/¯`, `¯\\\_(ツ)\_/¯`},
		{`\\server\share *x*`, `\\\\server\\share \*x\*`},
		{"^_^ ^_^", `^\_^ ^\_^`},
		{"日本**語**です", "日本**語**です"},
		{">:(", `\>:(`},
		{"> :) well", "> :) well"},
		{"*", `\*`},
		{"5.", `5\.`},
		{"```", "\\`\\`\\`"},
		{"---", `\---`},
		{"1. a\n1. b <x>", "1\\. a  \n1\\. b \\<x\\>"},
		{"see https://e.org/_a_. <b>", "see <https://e.org/_a_>. \\<b\\>"},
		{"# x <b>", `\# x \<b\>`},
		// Formatting.
		{"{b}bold{b} {i}it{o} {s}gone{s} {m}a*b{m} {u}u{u} {c}04,05red{c} {h}FF0000hex {r}rev", "**bold** *it* ~~gone~~ `a*b` u red hex rev"},
		{"{b}a {i}b{i} c{b}", "**a *b* c**"},
		{"{b}{i}both{o}", "***both***"},
		{"{i}a {b}b{i}{b}", "*a **b***"},
		{"x{b} y {b}z", "x **y** z"},
		{"foo{b}(a){b}bar", "foo(**a**)bar"},
		{"{b}bold", "**bold**"},
		{"{b}a\nb{b}", "**a**  \nb"},
		{"{m}a`b{m} {m}`{m}", "``a`b`` `` ` ``"},
		{"{m}**{m} 2*3*4 {b}x{b}", "`**` 2\\*3\\*4 **x**"},
		{"{b} {b}x", " x"},
		{"{b}{b}", ""},
		{"{b}a{i}b{b}c{i}", "abc"}, // cannot be expressed
	} {
		if got := markdownFromIRC(coded.Replace(c.in)); got != c.want {
			t.Errorf("%q:\ngot  %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestHTMLToIRC(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"hello", "hello"},
		{"two\nlines &amp; no element", "two\nlines & no element"},
		{"<p>hello</p>", "hello"},
		{"<p>a</p>\n<p>b<br>c</p>\n<p>&nbsp;</p>\n<p>d</p>", "a\nb\nc\n \nd"},
		{"<p>a</p><p><br></p><p>b</p>", "a\n\nb"},
		{"<p><strong>b</strong> <em>i</em> <u>u</u> <s>s</s> <code>c</code></p>", "{b}b{b} {i}i{i} {u}u{u} {s}s{s} {m}c{m}"},
		{"<p>a <b> b </b> c</p>", "a {b}b{b} c"},
		{"<b>a<i>b</b>c</i>d", "{b}a{i}b{b}c{i}d"},
		{"<p><b>open<p>still", "{b}open{b}\n{b}still{b}"},
		{`<span style="text-decoration: underline;">u</span><span style="text-decoration: line-through">s</span><span style="color:red">r</span>`, "{u}u{u}{s}s{s}r"},
		{`<span style="font-weight:700">b</span><span style="font-style: italic">i</span>`, "{b}b{b}{i}i{i}"},
		{`<a href="https://e.org/x">text</a>`, "text <https://e.org/x>"},
		{`<b><a href="https://e.org/x">text</a> y</b>`, "{b}text{b} <https://e.org/x> {b}y{b}"},
		{`<ul><li><a href="https://e.org/?a=1&amp;b=2">https://e.org/?a=1&amp;b=2</a></li></ul>`, "- https://e.org/?a=1&b=2"},
		{`<a href="javascript:alert(1)">x</a> <a href="/rel">y</a> <a>z</a> <a href=" HTTPS://e.org ">w`, "x y z w <HTTPS://e.org>"},
		{`<a href="https://a.org">a<a href="https://b.org">b</a></a>`, "a <https://a.org>b <https://b.org>"},
		{`<p><img src="https://e.org/1" alt="a  cat"> <img src="https://e.org/2"> <img src="/x" alt="dog"> <img src="data:image/png;base64,AAAA"></p>`,
			"a cat <https://e.org/1> https://e.org/2 dog [image]"},
		{`<img src="https://e.org/assets/1?access_token=secret&amp;width=1" alt="c">`, "c <https://e.org/assets/1?width=1>"},
		{"<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><p>d</p>", "- a\n- b\n  - c\nd"},
		{"<ol start=3><li>a<li>b</ol>", "3. a\n4. b"},
		{"<ul>\n<li>\n<p>a</p>\n</li>\n<li></li>\n</ul>", "- a\n- "},
		{"<blockquote><p>a</p><p>b</p></blockquote><p>c</p>", "> a\n> b\nc"},
		{"<h1>T <em>x</em></h1>text", "{b}T {i}x{b}{i}\ntext"},
		{"<pre>\nfunc f() {\n\treturn  1\n\n\n}\n</pre>x", "{m}func f() {{m}\n{m}    return  1{m}\n\n\n{m}}{m}\nx"},
		{"<table><tr><th>a<th>b</tr><tr><td>1</td><td>2</td></tr></table>", "{b}a{b} | {b}b{b}\n1 | 2"},
		{"a<hr>b", "a\n---\nb"},
		{"<!DOCTYPE html><html><head><title>t</title><style>p{}</style></head><body>x<!-- c --><script>alert('<b>')</script>y</body></html>", "xy"},
		{`a <iframe src="https://v.org/1">no</iframe> b <video src="/x">no</video>c`, "a https://v.org/1 b c"},
		{"<svg><text>x</text></svg>y<svg/>z", "yz"},
		{"&lt;b&gt; &#2;x&#1;&copy;\u2028y", "<b> x©\ny"},
		{"<p></p>", ""},
		{"</b></p></ul></a></blockquote>x", "x"},
		{"x <", "x <"},
		{"a &nbsp; b", "a   b"},
		{"<b>{c}04x{b}</b>", "{b}x{b}"},
		{strings.Repeat("<blockquote>", 12) + "deep", strings.Repeat("> ", maxMargins) + "deep"},
	} {
		if got := readable.Replace(htmlToIRC(coded.Replace(c.in), "")); got != c.want {
			t.Errorf("%q:\ngot  %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestHTMLFromIRC(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"hello **x** <b>&", "hello **x** &lt;b&gt;&amp;"},
		{"a\nb", "a<br>b"},
		{"  a  b ", "&nbsp; a &nbsp;b "},
		{"{b}b{b} {i}i{i} {u}u{u} {s}s{s} {m}m{m} {c}04red{c} {r}r{r}", "<strong>b</strong> <em>i</em> <u>u</u> <s>s</s> <code>m</code> red r"},
		{"{b}a{i}b{b}c{i}", "<strong>a<em>b</em></strong><em>c</em>"},
		{"{b}open\nnot", "<strong>open</strong><br>not"},
		{"see https://e.org/a?b=1&c=2, (http://e.org/x_(y))", `see <a href="https://e.org/a?b=1&amp;c=2">https://e.org/a?b=1&amp;c=2</a>, (<a href="http://e.org/x_(y)">http://e.org/x_(y)</a>)`},
		{`https://e.org/"><script>`, `<a href="https://e.org/">https://e.org/</a>&#34;&gt;&lt;script&gt;`},
		{"{b}{b} ", ""},
	} {
		if got := htmlFromIRC(coded.Replace(c.in)); got != c.want {
			t.Errorf("%q:\ngot  %q\nwant %q", c.in, got, c.want)
		}
	}
}

// An action is one in every format, both ways.
func TestActionsInFormats(t *testing.T) {
	for f, want := range map[Format]string{
		Plain: "/me waves at 2*3*4", Markdown: `/me **waves** at 2\*3\*4`, HTML: "/me <strong>waves</strong> at 2*3*4",
	} {
		stored := f.Store(ircd.Outgoing{Kind: ircd.Action, Text: "\x02waves\x02 at 2*3*4"})
		kind, shown := f.Show(stored, "")
		if stored != want || kind != ircd.Action || wire.Plain(shown) != "waves at 2*3*4" {
			t.Errorf("%s: stored %q, shown %v %q", f, stored, kind, shown)
		}
	}
	if kind, shown := HTML.Show("<p>/me waves</p>", ""); kind != ircd.Action || shown != "waves" {
		t.Errorf("from an editor: got %v %q", kind, shown)
	}
}

// What converting costs does not run away, whatever the text.
func TestFormatTime(t *testing.T) {
	pieces := []string{"<b>", "**", "[[[[", ">>>>", "> ", "- ", "-\t", "*a ", "_a*b ", "~~a ", "`a``b ", "[a](", "![a](b", "[a](<b", "<a href=\"", "<!--", "<![CDATA[",
		"<blockquote>", "<ul><li>", "<li>", "<a href=https://e.org>", "</b>", "<script>", "<svg>", "&", "&#", "\\", "a\n", "\n", "- a\n", "1. a\n", "|a", "|a|\n|-|\n",
		"[a]: b\n", "https://", "https://a.b/(", "www.a", " a@b.c", "^_^ ", "\x02a", "\x1d\x02a ", "\x03", "\u2028", "é́", "<br>", "<p>", "<td>", "> a\n", "\t", "```\n", "@a ", "a:"}
	for _, piece := range pieces {
		long, short := strings.Repeat(piece, (64<<10)/len(piece)), strings.Repeat(piece, maxMarkdown/len(piece))
		for _, f := range []Format{Plain, Markdown, HTML} {
			begin := time.Now()
			f.toIRC(long, site)
			f.toIRC(short, site)
			f.FromIRC(short)
			// A tenth of a second at most without the race detector on an idle machine; minutes where
			// the time grows with the square.
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("%q, %s: took %v", piece, f, took)
			}
		}
	}
}

// checkIRC fails the test if a text is not what toIRC promises.
func checkIRC(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Fatalf("not UTF-8: %q", text)
	}
	for i, r := range text {
		if !unicode.IsControl(r) || r == '\n' {
			continue
		}
		if before, code, _ := wire.CutFormat(text[i:]); before != "" || code == "" {
			t.Fatalf("control character %q in %q", r, text)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if runs := mircRuns(line + "\x00"); runs[len(runs)-1].style != 0 {
			t.Fatalf("formatting is open at the end of %q", line)
		}
	}
}

func FuzzToIRC(f *testing.F) {
	f.Add("**a** [b](https://c) `d`\n> - 1. x")
	f.Add("<p><b>a<a href='https://x'>y</b><ul><li>&#2;z")
	f.Fuzz(func(t *testing.T, stored string) {
		for _, format := range []Format{Markdown, HTML} {
			_, got := format.Show(stored, site)
			checkIRC(t, strings.TrimRight(strings.ReplaceAll(got, "\t", " "), "\n"))
		}
	})
}

// What is typed on IRC comes back to IRC with all its words, in every format; in
// HTML, and in Markdown where it was escaped, with every character.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"**a** _b_ `c`", "2*3*4", "\x02a\x1db\x02c", "<b>&amp;", "- a\n- b", "[a](b)", "\x11a`b\x11", "a\n\n    b", "# x", "https://a.b/_c_)."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		typed = strings.TrimRight(wire.CleanText(typed), " \n")
		plain := wire.Plain(typed)
		if wire.Plain(plain) != plain || !Visible(typed) {
			return
		}
		for _, format := range []Format{Markdown, HTML} {
			stored := format.Store(ircd.Outgoing{Text: typed})
			_, shown := format.Show(stored, "")
			// The language of a block of code is hidden.
			whole := parseable(stored) && !strings.Contains(plain, "```") && !strings.Contains(plain, "~~~")
			want, got := wordsOf(plain), wordsOf(shown)
			if strings.Contains(plain, "`") { // "`Foo`s" becomes Foos
				want, got = []string{lettersOf(plain)}, []string{lettersOf(shown)}
			}
			if whole && !slices.Equal(got, want) {
				t.Errorf("%s: %q is stored as %q and shown as %q", format, typed, stored, shown)
			}
			if format == HTML && !sameWords(wire.Plain(shown), plain) {
				t.Errorf("%s: %q is stored as %q and shown as %q", format, typed, stored, shown)
			}
		}
		if escaped := escapeLines(plain); parseable(escaped) {
			if shown := wire.Plain(markdownToIRC(escaped, "")); !sameWords(shown, plain) {
				t.Errorf("%q, escaped as %q, is shown as %q", plain, escaped, shown)
			}
		}
	})
}

func lettersOf(text string) string {
	return strings.Map(func(r rune) rune {
		if isWord(r) {
			return r
		}
		return -1
	}, wire.Plain(text))
}

func escapeLines(plain string) string {
	lines := strings.Split(plain, "\n")
	for i := range lines {
		lines[i] = escapeMarkdown(lines[i], true)
	}
	return joinMarkdown(lines)
}
