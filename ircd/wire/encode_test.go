package wire

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	irc "gopkg.in/irc.v4"
)

func TestAppendLine(t *testing.T) {
	tests := []struct {
		name string
		in   Line
		want string
	}{
		{"command alone", Line{Command: "PING"}, "PING"},
		{"no command", Line{Source: "s", Params: []string{"a"}}, ""},
		{"command of nothing safe", Line{Command: "\r\n ", Params: []string{"a"}}, ""},
		{"numeric", Line{Source: "irc.example.com", Command: "329", Params: []string{"kevin", "#a", "1700000000"}},
			":irc.example.com 329 kevin #a 1700000000"},
		{"one word without a colon", Line{Command: "MODE", Params: []string{"#a", "+nt"}}, "MODE #a +nt"},
		{"one word with a colon", Line{Source: "a!b@c", Command: "PRIVMSG", Params: []string{"#a", "hi"}, Trailing: true},
			":a!b@c PRIVMSG #a :hi"},
		{"only parameter with a colon", Line{Command: "PING", Params: []string{"x"}, Trailing: true}, "PING :x"},
		{"space needs a colon", Line{Command: "A", Params: []string{"b c"}}, "A :b c"},
		{"tab becomes a space and needs a colon", Line{Command: "A", Params: []string{"b\tc"}}, "A :b c"},
		{"empty needs a colon", Line{Command: "A", Params: []string{""}}, "A :"},
		{"colon needs a colon", Line{Command: "A", Params: []string{":)"}}, "A ::)"},
		{"hidden colon needs a colon", Line{Command: "A", Params: []string{"\r\x00:)"}}, "A ::)"},
		{"nothing left needs a colon", Line{Command: "A", Params: []string{"\r\x00"}}, "A :"},
		{"empty middle", Line{Command: "A", Params: []string{"", "\x00", "b"}}, "A * * b"},
		{"spaces in a middle", Line{Command: "A", Params: []string{"a b\tc", "b"}}, "A a_b_c b"},
		{"colon before a middle", Line{Command: "A", Params: []string{":b", "\x02:c", "d"}}, "A _b _c d"},
		{"colon inside a middle", Line{Command: "A", Params: []string{"b:c", "d"}}, "A b:c d"},
		{"line breaks everywhere", Line{
			Tags: []Tag{{"a\r\n", "x"}, {"b", "c\r\nd\x00"}}, Source: "s\r\nQUIT", Command: "NOTICE\r\nQUIT",
			Params: []string{"#a\r\nQUIT", "b\r\nQUIT :\x00c"},
		}, `@b=c\r\nd :sQUIT NOTICEQUIT #aQUIT :b QUIT :c`},
		{"source", Line{Source: ":a b\x02", Command: "A"}, ":_a_b A"},
		{"source of nothing safe", Line{Source: "\r", Command: "A"}, "A"},
		{"formatting stays in the text", Line{Command: "A", Params: []string{"\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f"}},
			"A \x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f"},
		{"ctcp stays", Line{Command: "A", Params: []string{"\x01ACTION x\x01"}}, "A :\x01ACTION x\x01"},
		{"no formatting in a middle", Line{Command: "A", Params: []string{"\x02b\x01", "c"}}, "A b c"},
		{"terminal escapes", Line{Command: "A", Params: []string{"\x1b[2J\x07\u009b\x7f\x08\x0b\x0c"}}, "A [2J"},
		{"invalid utf-8", Line{Source: "\xff", Command: "A", Params: []string{"\xc3", "\xe2\x28"}}, ":\uFFFD A \uFFFD \uFFFD("},
		{"tags in order", Line{Tags: []Tag{{"time", "2026-01-02T03:04:05.678Z"}, {"msgid", "1.x"}, {"batch", "b"}}, Command: "A"},
			"@time=2026-01-02T03:04:05.678Z;msgid=1.x;batch=b A"},
		{"tag without a value", Line{Tags: []Tag{{"draft/bot", ""}}, Command: "A"}, "@draft/bot A"},
		{"escaped tag", Line{Tags: []Tag{{"+example.com/a-b", `; \` + "\r\n\x00ü\xff"}}, Command: "A"},
			`@+example.com/a-b=\:\s\\\r\nü` + "\uFFFD A"},
		{"tag keys that are none", Line{Tags: []Tag{{"", "x"}, {"a b", ""}, {"a;b", ""}, {"a=b", ""}, {"+", ""}, {"/a", ""},
			{"a/", ""}, {"ü", ""}, {"a", "1"}, {"a.b", ""}}, Command: "A"}, "@a=1 A"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want != "" {
				want += "\r\n"
			}
			if got := string(Append(nil, &tt.in)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := string(Append([]byte("before\r\n"), &tt.in)); got != "before\r\n"+want {
				t.Errorf("behind another line: got %q", got)
			}
		})
	}
}

func TestAppendLineClips(t *testing.T) {
	long := strings.Repeat("x", 600)
	for name, l := range map[string]Line{
		"text":       {Source: "a!b@c", Command: "PRIVMSG", Params: []string{"#a", long}, Trailing: true},
		"no colon":   {Source: "a!b@c", Command: "MODE", Params: []string{"#a", long}},
		"runes":      {Source: "a!b@c", Command: "PRIVMSG", Params: []string{"#a", strings.Repeat("€", 300)}, Trailing: true},
		"emoji":      {Source: "a!b@cd", Command: "PRIVMSG", Params: []string{"#a", strings.Repeat("😀", 300)}, Trailing: true},
		"tags":       {Tags: []Tag{{"a", long}}, Source: "a!b@c", Command: "A", Params: []string{long}},
		"middle":     {Command: "A", Params: []string{long, "b", "c d"}},
		"source":     {Source: strings.Repeat("é", 600), Command: "A", Params: []string{"b"}},
		"everything": {Source: long, Command: long, Params: []string{long, long, long}, Trailing: true},
	} {
		got := string(Append(nil, &l))
		tags, body := "", got
		if got[0] == '@' {
			tags, body, _ = strings.Cut(got, " ")
		}
		if len(body) > 512 || name != "source" && name != "middle" && len(body) < 512-3 || !strings.HasSuffix(body, "\r\n") {
			t.Errorf("%s: body of %d bytes: %q", name, len(body), body)
		}
		if !utf8.ValidString(got) || strings.Contains(got, "\uFFFD") {
			t.Errorf("%s: a rune was cut: %q", name, got)
		}
		m, err := irc.ParseMessage(got)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "middle" && (len(m.Params) != 3 || m.Params[2] != "c d") {
			t.Errorf("%s: what is behind it is lost: %q", name, got)
		}
		if name == "tags" && len(tags) != len("@a=")+600 {
			t.Errorf("%s: the tags count for the body: %q", name, got)
		}
	}
}

// The server and the clients whose tags it passes on have 4094 bytes each; of
// the server's some are kept for AppendTagged.
func TestAppendLineTagLimits(t *testing.T) {
	value := func(n int) string { return strings.Repeat("x", n) }
	const r = tagReserve
	tests := []struct {
		name string
		tags []Tag
		want []string // the keys that are written
		size int      // of the section, "@" and space included; 0 for whatever it is
	}{
		{"as much as fits", []Tag{{"a", value(4092 - r)}, {"+b", value(4091)}}, []string{"a", "+b"}, 8191 - r},
		{"one byte more for the server", []Tag{{"a", value(4093 - r)}, {"+b", value(4091)}}, []string{"+b"}, 4096},
		{"one byte more for clients", []Tag{{"a", value(4092 - r)}, {"+b", value(4092)}}, []string{"a"}, 4096 - r},
		{"what fits behind what does not", []Tag{{"a", value(4093 - r)}, {"b", "c"}}, []string{"b"}, 0},
		{"escaping counts", []Tag{{"a", strings.Repeat(" ", 2046-r/2)}, {"b", strings.Repeat(" ", 2047-r/2)}}, []string{"a"}, 0},
		{"separators count", []Tag{{"a", value(2000)}, {"b", value(2089 - r)}}, []string{"a", "b"}, 4096 - r},
		{"separators count, too much", []Tag{{"a", value(2000)}, {"b", value(2090 - r)}}, []string{"a"}, 0},
	}
	for _, tt := range tests {
		section, _, _ := strings.Cut(string(Append(nil, &Line{Tags: tt.tags, Command: "A"})), " ")
		var keys []string
		for _, t := range strings.Split(strings.TrimPrefix(section, "@"), ";") {
			key, _, _ := strings.Cut(t, "=")
			keys = append(keys, key)
		}
		if !reflect.DeepEqual(keys, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, keys, tt.want)
		}
		if tt.size > 0 && len(section)+1 != tt.size {
			t.Errorf("%s: %d bytes, want %d", tt.name, len(section)+1, tt.size)
		}
	}
}

func TestAppendLineAllocations(t *testing.T) {
	l := exampleLine()
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { dst = Append(dst[:0], l) }); n > 0 {
		t.Errorf("%v allocations for a line, want none", n)
	}
}

func exampleLine() *Line {
	return &Line{
		Tags:   []Tag{{"time", "2026-01-02T03:04:05.678Z"}, {"msgid", "8b2d.lx"}, {"account", "kevin"}},
		Source: "kevin!kevin@directus", Command: "PRIVMSG",
		Params: []string{"#messages", "limnoria says 6phu8a: Grüße and ok"}, Trailing: true,
	}
}

func BenchmarkAppendLine(b *testing.B) {
	l := exampleLine()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = Append(dst[:0], l)
	}
}

func FuzzAppendLine(f *testing.F) {
	f.Add("time", "2026", "kevin!k@h", "PRIVMSG", "#a", "hello world", true)
	f.Add("+a/b", "\r\n; \\", "a\r\nQUIT", "NOTICE", "", ":)", false)
	f.Add("", "", "", "005", ":x y", "", false)
	f.Add("a", strings.Repeat(" ", 3000), strings.Repeat("s", 300), "A", strings.Repeat("€", 200), strings.Repeat("😀", 200), true)
	f.Add("a", "\u202e", "\u2067a", "A", "\u202a", "\u202eevil\u2066", false)
	f.Add("a", "\xff", "\xff", "A\x00", "\xff\x1b", "\x01ACTION \x03\x7f\u0085\u009b\x01\t", false)
	f.Fuzz(func(t *testing.T, key, value, source, command, middle, last string, trailing bool) {
		l := &Line{Tags: []Tag{{key, value}, {"msgid", value}}, Source: source, Command: command, Params: []string{middle, last}, Trailing: trailing}
		got := string(Append(nil, l))
		if got == "" {
			if strings.ContainsFunc(command, func(r rune) bool { return isCommand(string(r)) }) {
				t.Errorf("%+v: nothing", l)
			}
			return
		}
		body, ok := strings.CutSuffix(got, "\r\n")
		if !ok || strings.ContainsAny(body, "\r\n\x00") || !utf8.ValidString(body) {
			t.Fatalf("%+v: not one line: %q", l, got)
		}
		if body[0] == '@' {
			var tags string
			tags, body, _ = strings.Cut(body, " ")
			if len(tags)+1 > 8191 {
				t.Errorf("%+v: %d bytes of tags", l, len(tags))
			}
		}
		if len(body) > 510 {
			t.Errorf("%+v: body of %d bytes: %q", l, len(body), body)
		}
		if i := strings.IndexFunc(body, func(r rune) bool { return isDirection(r) || isControl(r) && !isFormat(r) && r != 0x01 }); i >= 0 {
			t.Errorf("%+v: control byte %#x in %q", l, body[i], body)
		}
		checkParsesBack(t, l, got, len(body) < 500)
	})
}

// checkParsesBack checks that a client reads what was meant, unless the line had
// to be clipped.
func checkParsesBack(t *testing.T, l *Line, got string, whole bool) {
	t.Helper()
	m, err := irc.ParseMessage(got)
	if err != nil {
		t.Fatalf("%+v: %q: %v", l, got, err)
	}
	if id, ok := m.Tags["msgid"]; ok && l.Tags[0].Key != "msgid" {
		if want := strings.ReplaceAll(string([]rune(l.Tags[1].Value)), "\x00", ""); id != want {
			t.Errorf("%+v: msgid %q, want %q", l, id, want)
		}
	}
	if !whole {
		return
	}
	if len(m.Params) != len(l.Params) {
		t.Fatalf("%+v: %q: parameters %q", l, got, m.Params)
	}
	if want := string(appendText(nil, l.Params[1], MaxBody)); m.Params[1] != want {
		t.Errorf("%+v: %q: last parameter %q, want %q", l, got, m.Params[1], want)
	}
	if l.Trailing && !strings.HasSuffix(got, " :"+m.Params[1]+"\r\n") {
		t.Errorf("%+v: %q: no colon", l, got)
	}
}
