package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"directus-ircd/ircd/ircdtest"

	irc "gopkg.in/irc.v4"
)

// readAll returns the lines of a stream; an over-long one reads as "!".
func readAll(t *testing.T, lr *Reader) []string {
	t.Helper()
	var lines []string
	for {
		line, err := lr.ReadLine()
		switch {
		case errors.Is(err, ErrTooLong):
			lines = append(lines, "!")
		case err == io.EOF:
			return lines
		case err != nil:
			t.Fatalf("ReadLine: %v", err)
		default:
			lines = append(lines, line)
		}
	}
}

func TestLineReader(t *testing.T) {
	const maxLine, maxTags = 10, 8
	tests := []struct {
		name, in string
		want     []string
	}{
		{"every line end", "a\nb\r\nc\rd\n", []string{"a", "b", "c", "d"}},
		{"blank lines", "\r\n\n  \r\na\n \n", []string{"a"}},
		{"blanks around stay", " a b \n", []string{" a b "}},
		{"nul is dropped", "a\x00b\x00\n\x00\n", []string{"ab"}},
		{"other bytes stay", "a\x01\xff\n", []string{"a\x01\xff"}},
		{"byte order mark", utf8BOM + "NICK\n" + utf8BOM + "x\n", []string{"NICK", utf8BOM + "x"}},
		{"byte order mark before tags", utf8BOM + "@a=12 0123456789\n", []string{"@a=12 0123456789"}},
		{"byte order mark behind blank lines", "\n" + utf8BOM + "a\n", []string{"a"}},
		{"only one byte order mark", utf8BOM + utf8BOM + "a\n", []string{utf8BOM + "a"}},
		{"short first line", "a\n" + utf8BOM + "\n", []string{"a", utf8BOM}},
		{"the limit", "0123456789\n", []string{"0123456789"}},
		{"over the limit", "0123456789a\nb\n", []string{"!", "b"}},
		{"far over the limit", strings.Repeat("x", 100_000) + "\nb\n", []string{"!", "b"}},
		{"nul does not count", "01234\x0056789\n", []string{"0123456789"}},
		{"tags at their limit", "@123456 0123456789\n", []string{"@123456 0123456789"}},
		{"tags over their limit", "@1234567 b\nc\n", []string{"!", "c"}},
		{"tags without an end", "@12345678901234567890\nc\n", []string{"!", "c"}},
		{"body over its limit", "@123456 0123456789a\nc\n", []string{"!", "c"}},
		{"tags are no room for the body", "@a 0123456789a\nc\n", []string{"!", "c"}},
		{"a body is no room for tags", "@12345678\n", []string{"!"}},
		{"limits of the next line", "@123456 b\n0123456789\n", []string{"@123456 b", "0123456789"}},
		{"half a line at the end", "a\nb", []string{"a"}},
		{"half a long line at the end", "a\n0123456789a", []string{"a"}},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		for name, r := range map[string]io.Reader{
			"whole":    strings.NewReader(tt.in),
			"bytewise": iotest.OneByteReader(strings.NewReader(tt.in)),
		} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				if got := readAll(t, NewReader(r, maxLine, maxTags)); !reflect.DeepEqual(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
	}
}

// A deadline that passes in the middle of a line, as in waiting for the first
// half of a registration, costs nothing of it.
func TestLineReaderGoesOnAfterTimeout(t *testing.T) {
	in := iotest.TimeoutReader(io.MultiReader(strings.NewReader("NICK ke"), strings.NewReader("vin\n")))
	lr := NewReader(in, MaxInputBody, MaxInputTags)
	if line, err := lr.ReadLine(); err != iotest.ErrTimeout {
		t.Fatalf("got %q, %v, want the time-out", line, err)
	}
	if line, err := lr.ReadLine(); line != "NICK kevin" || err != nil {
		t.Errorf("got %q, %v, want the whole line", line, err)
	}
}

func TestLineReaderTLS(t *testing.T) {
	lr := NewReader(strings.NewReader("\x16\x03\x01\x02\x00\x01"), MaxInputBody, MaxInputTags)
	if line, err := lr.ReadLine(); err != errTLS {
		t.Errorf("got %q, %v, want errTLSHandshake", line, err)
	}
	lr = NewReader(strings.NewReader("NICK a\n\x16\x03\x01\n"), MaxInputBody, MaxInputTags)
	if got, want := readAll(t, lr), []string{"NICK a", "\x16\x03\x01"}; !reflect.DeepEqual(got, want) {
		t.Errorf("later in the stream: got %q, want %q", got, want)
	}
}

// endless is a stream of n bytes without a line end.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	for i := range p {
		p[i] = '@'
	}
	e.n -= len(p)
	return len(p), nil
}

func TestLineReaderMemory(t *testing.T) {
	const stream = 32 << 20
	lr := NewReader(&endless{stream}, MaxInputBody, MaxInputTags)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := lr.ReadLine(); err != os.ErrDeadlineExceeded {
		t.Fatalf("got %v", err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10 {
		t.Errorf("%d bytes allocated for a line of %d bytes", got, stream)
	}
	if cap(lr.buf) > 2*(MaxInputBody+MaxInputTags) {
		t.Errorf("buffer of %d bytes", cap(lr.buf))
	}
}

func TestParseLine(t *testing.T) {
	tests := []struct {
		in      string
		command string
		params  []string
		tags    irc.Tags
	}{
		{"NICK kevin", "NICK", []string{"kevin"}, nil},
		{"nick kevin", "NICK", []string{"kevin"}, nil},
		{"QUIT", "QUIT", nil, nil},
		{"QUIT ", "QUIT", nil, nil},
		{"001 a", "001", []string{"a"}, nil},
		{"  PRIVMSG   #a    :b  c ", "PRIVMSG", []string{"#a", "b  c "}, nil},
		{"JOIN #messages  ", "JOIN", []string{"#messages"}, nil},
		{"WHO #messages ", "WHO", []string{"#messages"}, nil},
		{"JOIN :", "JOIN", []string{""}, nil},
		{"CAP LS :302", "CAP", []string{"LS", "302"}, nil},
		{"CAP :END", "CAP", []string{"END"}, nil},
		{"PRIVMSG #a ::)", "PRIVMSG", []string{"#a", ":)"}, nil},
		{"PRIVMSG #a b:c :d :e", "PRIVMSG", []string{"#a", "b:c", "d :e"}, nil},
		{"PRIVMSG #a : ", "PRIVMSG", []string{"#a", " "}, nil},
		{"PRIVMSG #a :Grüße\x02\x01", "PRIVMSG", []string{"#a", "Grüße\x02\x01"}, nil},
		{":claimed!u@h PRIVMSG #a b", "PRIVMSG", []string{"#a", "b"}, nil},
		{":  PRIVMSG #a b", "PRIVMSG", []string{"#a", "b"}, nil},
		{"@label=1 CAP :END", "CAP", []string{"END"}, irc.Tags{"label": "1"}},
		{"@a=b\\sc;+d;e= :x PING  y", "PING", []string{"y"}, irc.Tags{"a": "b c", "+d": "", "e": ""}},
		{"  @a   PING x", "PING", []string{"x"}, irc.Tags{"a": ""}},
		{"@ PING x", "PING", []string{"x"}, nil},
		{"@;;=x;a=1; PING x", "PING", []string{"x"}, irc.Tags{"a": "1"}},
		{"@a=1;a=2 PING x", "PING", []string{"x"}, irc.Tags{"a": "2"}},
	}
	for _, tt := range tests {
		m, err := Parse(tt.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.in, err)
			continue
		}
		if m.Command != tt.command || !reflect.DeepEqual(m.Params, tt.params) {
			t.Errorf("Parse(%q) = %q %q, want %q %q", tt.in, m.Command, m.Params, tt.command, tt.params)
		}
		if len(m.Tags) != len(tt.tags) || len(tt.tags) > 0 && !reflect.DeepEqual(m.Tags, tt.tags) {
			t.Errorf("Parse(%q): tags %q, want %q", tt.in, m.Tags, tt.tags)
		}
		if m.Prefix == nil || *m.Prefix != (irc.Prefix{}) {
			t.Errorf("Parse(%q): source %q, want none", tt.in, m.Prefix)
		}
	}
}

func TestParseLineErrors(t *testing.T) {
	for in, want := range map[string]error{
		"":                       errNoCommand,
		"   ":                    errNoCommand,
		"@":                      errNoCommand,
		"@ ":                     errNoCommand,
		"@a":                     errNoCommand,
		"@a ":                    errNoCommand,
		"@a    ":                 errNoCommand,
		":":                      errNoCommand,
		": ":                     errNoCommand,
		":a":                     errNoCommand,
		":a  ":                   errNoCommand,
		"@a :b":                  errNoCommand,
		"@a :b ":                 errNoCommand,
		":a :b c":                errBadCommand,
		"@a @b c":                errBadCommand,
		"12 a":                   errBadCommand,
		"1234 a":                 errBadCommand,
		"a1":                     errBadCommand,
		"Grüße":                  errBadCommand,
		"NICK\tkevin":            errBadCommand,
		"\x16\x03\x01":           errBadCommand,
		strings.Repeat("A", 33):  errBadCommand,
		"PING a\rQUIT":           errLineBreak,
		"PING a\nQUIT":           errLineBreak,
		"PING a\x00":             errLineBreak,
		"@a=\r\n PING :a":        errLineBreak,
		"PRIVMSG #a :b\r\nQUIT:": errLineBreak,
	} {
		if m, err := Parse(in); !errors.Is(err, want) {
			t.Errorf("Parse(%q) = %v, %v, want %v", in, m, err, want)
		}
	}
}

func TestRawParams(t *testing.T) {
	for in, want := range map[string]string{
		"PASS kevin@example.com:pw-kevin":  "kevin@example.com:pw-kevin",
		"PASS :kevin@example.com:pw-kevin": "kevin@example.com:pw-kevin",
		"PASS a b  c ":                     "a b  c ",
		"PASS : a":                         " a",
		"PASS ::a":                         ":a",
		"PASS a :b":                        "a :b",
		"PASS   a":                         "a",
		"  @t=1  :x!y@z  pass  :a b":       "a b",
		"PASS":                             "",
		"PASS ":                            "",
		"PASS :":                           "",
		"@a":                               "",
		":a":                               "",
		"":                                 "",
	} {
		if got := RawParams(in); got != want {
			t.Errorf("RawParams(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLooksLikeHTTP(t *testing.T) {
	for in, want := range map[string]bool{
		"GET / HTTP/1.1":                        true,
		"GET /":                                 true,
		"POST /x HTTP/1.0":                      true,
		"HEAD / HTTP/1.1":                       true,
		"PUT /x HTTP/1.1":                       true,
		"DELETE /x HTTP/1.1":                    true,
		"OPTIONS * HTTP/1.1":                    true,
		"PATCH /x HTTP/1.1":                     true,
		"PRI * HTTP/2.0":                        true,
		"PROPFIND / HTTP/1.1":                   true,
		"CONNECT irc.example.com:6667 HTTP/1.1": true,
		"CONNECT irc.example.com 6667":          false,
		"TRACE / HTTP/1.1":                      true,
		"TRACE irc.example.com":                 false,
		"GET":                                   false,
		"NICK GET":                              false,
		"USER a 0 * :HTTP/1.1":                  false,
		"":                                      false,
	} {
		if got := LooksLikeHTTP(in); got != want {
			t.Errorf("LooksLikeHTTP(%q) = %v, want %v", in, got, want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for _, s := range []string{
		"", "@a ", "@ ", ":", ": ", ":a ", "@a :b ", "@a=b\\:\\s\\\\;c :d!e@f PRIVMSG #a :b c",
		"PASS :a b", "JOIN :", "USER root vm 127.0.0.1 :Kevin", "\x16\x03\x01", "a :b :c", "001",
		"@label=e3d469b3-bb05-46e1-b76f-2a91168fe362 CAP :END", "PRIVMSG #a :\xff", "@\xff=\xff PING",
	} {
		f.Add(s)
	}
	for _, lines := range ircdtest.ClientLines(f, "../testdata/*.txt") {
		for _, s := range lines {
			f.Add(s)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		RawParams(s)
		LooksLikeHTTP(s)
		m, err := Parse(s)
		if (m == nil) == (err == nil) {
			t.Fatalf("Parse(%q) = %v, %v", s, m, err)
		}
		if err != nil {
			return
		}
		if !isCommand(m.Command) || m.Command != strings.ToUpper(m.Command) {
			t.Errorf("Parse(%q): command %q", s, m.Command)
		}
		for i, p := range m.Params {
			if strings.ContainsAny(p, "\r\n\x00") || i < len(m.Params)-1 && (p == "" || strings.Contains(p, " ")) {
				t.Errorf("Parse(%q): parameter %q", s, p)
			}
		}
		if _, ok := m.Tags[""]; ok {
			t.Errorf("Parse(%q): tag without a name", s)
		}
	})
}

func FuzzLineReader(f *testing.F) {
	f.Add([]byte(utf8BOM+"NICK a\r\n\r\nUSER a\n@a=b c\r@123456789 a\n01234567890123456789\nx"), uint8(10), uint8(8))
	f.Add([]byte("\x16\x03\x01\x02\x00\n"), uint8(1), uint8(1))
	f.Add([]byte("@@@ @@@\n\x00\x00@ @\n"), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, maxLine, maxTags uint8) {
		lr := NewReader(bytes.NewReader(in), int(maxLine), int(maxTags))
		calls, kept := 0, 0
		for {
			line, err := lr.ReadLine()
			if calls++; calls > len(in)+2 {
				t.Fatal("does not come to an end")
			}
			if err == io.EOF {
				break
			}
			if cap(lr.buf) > 4096 {
				t.Fatalf("buffer of %d bytes", cap(lr.buf))
			}
			if err == ErrTooLong || err == errTLS {
				continue
			}
			if err != nil {
				t.Fatalf("ReadLine: %v", err)
			}
			kept += len(line) + 1
			checkLine(t, line, int(maxLine), int(maxTags))
		}
		if kept > len(in) {
			t.Errorf("%d bytes in, %d out", len(in), kept)
		}
	})
}

func checkLine(t *testing.T, line string, maxLine, maxTags int) {
	t.Helper()
	if strings.Trim(line, " ") == "" || strings.ContainsAny(line, "\r\n\x00") {
		t.Errorf("line %q", line)
	}
	tags, body := "", line
	if line[0] == '@' {
		i := strings.IndexByte(line, ' ') + 1
		if i == 0 {
			i = len(line)
		}
		tags, body = line[:i], line[i:]
	}
	if len(tags) > maxTags || len(body) > maxLine {
		t.Errorf("line %q is over the limits %d, %d", line, maxTags, maxLine)
	}
}

func BenchmarkParseLine(b *testing.B) {
	const line = "@label=e3d469b3-bb05-46e1 PRIVMSG #messages :limnoria says 6phu8a: Grüße and ok"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLineReader(b *testing.B) {
	in := strings.Repeat("PRIVMSG #messages :limnoria says 6phu8a: Grüße and ok\r\n", 1000)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		lr := NewReader(strings.NewReader(in), MaxInputBody, MaxInputTags)
		for {
			if _, err := lr.ReadLine(); err != nil {
				break
			}
		}
	}
}
