package text

import (
	"bytes"
	"strings"
	"testing"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// What people on IRC type without a thought of Markdown is shown character by character: to
// others on IRC, and on a web page.
func TestTypedTextIsShownAsTyped(t *testing.T) {
	page := goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Linkify))
	for _, typed := range []string{
		"__init__.py",
		"look at __init__, please",
		"if __name__ == \"__main__\":",
		"(__all__)",
		"snake_case, _private and _more",
		"a*b*c is not a_b_c",
		"2**3**4",
		"f(*args, **kwargs)",
		"(*a)*(*b)",
		"*.go|*.md",
		"src/**/x/**/y",
		"/usr/lib/*.so and /opt/*.so",
		"/srv/_build_/x",
		`C:\_temp_\*x*\b`,
		"~a~/bin/~b",
		"x~1~2",
		"-_- no, not today -_-",
		"^_^ hello ^_^",
		"https://e.org/_a_/b_c_?x=*y*",
		"http://localhost:8055/_a_/*b*",
		"e.org/_a_/index.html",
		"ada_b_c@e.org",
		"arr[i](x) and map[a](b)",
		"[1](2)",
		"*",
		"* one",
		"+ one",
		"- one",
		"+",
		"-",
		"5.",
		"7. Seven",
		"a\n=",
		"a\n---",
		"&amp; and &#42;",
		"<b>not bold</b>",
		"`",
		"it's `",
		"\\*",
		"***",
		"~~~",
		"#channel #1",
		"> :) well",
		"| a | b |",
	} {
		for _, format := range []Format{Plain, Markdown, HTML} {
			stored := format.Store(ircd.Outgoing{Text: typed})
			if _, shown := format.Show(stored, ""); shown != typed {
				t.Errorf("%s: %q is stored as %q and shown as %q", format, typed, stored, shown)
			}
			if format != Markdown {
				continue
			}
			var b bytes.Buffer
			if err := page.Convert([]byte(stored), &b); err != nil {
				t.Fatal(err)
			}
			// A page may show the mark of a list in its own way.
			if shown := wire.Plain(htmlToIRC(b.String(), "")); strings.TrimLeft(shown, "-+*> ") != strings.TrimLeft(typed, "-+*> ") {
				t.Errorf("%q is stored as %q, of which a page shows %q", typed, stored, shown)
			}
		}
	}
}
