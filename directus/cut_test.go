package directus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCutter(t *testing.T) {
	for _, test := range []struct {
		in, text string
		more     int
	}{
		{"", "", 0},
		{"abcd", "abcd", 0},
		{"abcde", "abcd", 1},
		{"abc\"\\\n", "abc\"", 2},
		{"abcd\"\\\n\"", "abcd", 4},
		{"abcé", "abcé", 0},
		{"abcéé", "abcé", 2},
		{"ab\u0002\u0003\u2028x", "ab\u0002\u0003", 4},
		{"ab\u20ac", "ab\u20ac", 0},
		{"a\\\"u0041", "a\\\"u", 4},
		{"abcd😀", "abcd", 4},
	} {
		in, err := json.Marshal(map[string]any{"a\"": test.in, "n": 12.5, "l": []any{test.in, true, nil}})
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range []int{1, 3, len(in)} {
			c := cutter{limit: 4, related: 4}
			for rest := in; len(rest) > 0; {
				n := min(piece, len(rest))
				c.take(rest[:n])
				rest = rest[n:]
			}
			var out map[string]any
			if err := json.Unmarshal(c.out, &out); err != nil {
				t.Errorf("%q in pieces of %d: %v: %s", test.in, piece, err, c.out)
				continue
			}
			text, more := CutText(out["a\""].(string))
			if again, _ := CutText(out["l"].([]any)[0].(string)); text != test.text || more != test.more || again != text || out["n"] != 12.5 {
				t.Errorf("%q in pieces of %d: %q and %d more, want %q and %d", test.in, piece, text, more, test.text, test.more)
			}
		}
	}
}

// A text is cut sooner where it is that of an item in an item, of which there may be many.
func TestCutterOfRelated(t *testing.T) {
	const in = `{"a":"abcdefg","data":[{"text":"abcdefg","of":{"text":"abcdefg","list":[{"x":"ab"}]}},{"of":["abcdefg"],"text":"}}]]abcd"}]}`
	for _, piece := range []int{1, 3, len(in)} {
		c := cutter{limit: 6, related: 4}
		for rest := in; len(rest) > 0; {
			n := min(piece, len(rest))
			c.take([]byte(rest[:n]))
			rest = rest[n:]
		}
		want := strings.NewReplacer("~1", mark(1), "~2", mark(2), "~3", mark(3)).Replace(
			`{"a":"abcdef~1","data":[{"text":"abcdef~1","of":{"text":"abcd~3","list":[{"x":"ab"}]}},{"of":["abcd~3"],"text":"}}]]ab~2"}]}`)
		if string(c.out) != want {
			t.Errorf("in pieces of %d: %s", piece, c.out)
		}
	}
}

func mark(more int) string { return fmt.Sprintf(`\u0000%s%d%s`, cutMark[1:], more, cutEnd) }

// What no limit touches is passed on byte by byte.
func FuzzCutter(f *testing.F) {
	f.Add(`{"a":"b\"\\ \u00e9 é"}`, 4)
	f.Add(`["\u`, 1)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		c := cutter{limit: len(in) + 1, related: len(in) + 1}
		c.take([]byte(in))
		if string(c.out) != in {
			t.Errorf("%q became %q", in, c.out)
		}
		short := cutter{limit: max(limit, 1), related: max(limit/2, 1)}
		short.take([]byte(in))
		if json.Valid([]byte(in)) && !json.Valid(short.out) {
			t.Errorf("%q became %q", in, short.out)
		}
	})
}

func TestCutTextWithoutMark(t *testing.T) {
	for _, s := range []string{"", "text", cutMark, cutMark + "]", cutMark + "0]", cutMark + "-1]", cutMark + "12", "x [bytes not shown: 3]"} {
		if text, more := CutText(s); text != s || more != 0 {
			t.Errorf("%q: %q and %d", s, text, more)
		}
	}
}

// A text of any length costs what is kept of it.
func TestReadCutHoldsNoMore(t *testing.T) {
	long := func() io.Reader {
		return io.MultiReader(strings.NewReader(`{"text":"`), io.LimitReader(letters{}, 60<<20), strings.NewReader(`"}`))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := readCut(long(), -1, 1<<20, MaxString)
	runtime.ReadMemStats(&after)
	if err != nil || len(out) > MaxString+100 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8*MaxString {
		t.Errorf("%d bytes were allocated", used)
	}
	if _, err := readCut(long(), -1, MaxString/2, MaxString); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, err := readWhole(long(), 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, err := readCut(iotest.TimeoutReader(long()), -1, 1<<20, MaxString); err == nil {
		t.Error("no error")
	}
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A small frame, as nearly all are, takes no more memory on its way in than it is worth.
func TestSmallFramesTakeLittle(t *testing.T) {
	const frame, times = `{"type":"subscription","event":"create","data":[{"id":1,"text":"hello"}],"uid":"r1"}`, 1000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		if out, err := readCut(strings.NewReader(frame), -1, maxKept, MaxRelated); err != nil || string(out) != frame {
			t.Fatalf("got %q, %v", out, err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 2<<10 {
		t.Errorf("%d bytes for a frame of %d", each, len(frame))
	}
}

// What Members and elements give is what encoding/json finds.
func TestMembers(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:    ``,
		` { } `: ``,
		`{"a":1,"b":"x\"},{","c":[{"d":"]"},2],"e":{"f":{}},"g":null}`: `a=1 b="x\"},{" c=[{"d":"]"},2] e={"f":{}} g=null `,
		"{ \"a\" :\t-1.5e3 ,\r\n\"b\": true }":                         `a=-1.5e3 b=true `,
		`{"\u0061\"b":"\\"}`:                                           `a"b="\\" `,
		`{"a":"ünï","a":2}`:                                            `a="ünï" a=2 `,
		`[]`:                                                           `none`, `7`: `none`, `null`: `none`, ``: `none`, `{`: `none`, `{"a"`: `none`, `{"a":`: `none`, `{"a":1`: `none`,
		`{"a":"b}`: `none`, `{"a":[1}`: `none`, `{"a":{"b":1}`: `none`, `{"a" 1}`: `none`, `{a:1}`: `none`, `{"a":1 "b":2}`: `none`, `{,}`: `none`, `{"a":1,}`: `none`,
	} {
		got := ""
		if !Members([]byte(text), func(name, value []byte) { got += string(name) + "=" + string(value) + " " }) {
			got = "none"
		}
		if got != want {
			t.Errorf("%s has %s, want %s", text, got, want)
		}
		if want == "none" || text == `{"a":"ünï","a":2}` {
			continue
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatal(text, err)
		}
		Members([]byte(text), func(name, value []byte) {
			if string(members[string(name)]) != string(value) {
				t.Errorf("%s: %s is %s, want %s", text, name, value, members[string(name)])
			}
		})
	}
	var got []string
	if !elements([]byte(` [1, "a,]" ,{"b":[]},[[2]] ]`), func(value []byte) { got = append(got, string(value)) }) {
		t.Error("a list is none")
	}
	if want := []string{`1`, `"a,]"`, `{"b":[]}`, `[[2]]`}; !slices.Equal(got, want) {
		t.Errorf("elements %q, want %q", got, want)
	}
	if elements([]byte(`{}`), func([]byte) {}) || elements([]byte(`[1`), func([]byte) {}) {
		t.Error("what is no list is one")
	}
}

// How long an answer says that it is changes nothing in what is read.
func TestCutOfASaidSize(t *testing.T) {
	text := `{"data":["` + strings.Repeat("x", 3*readChunk) + `"]}`
	for _, size := range []int64{-1, 0, 1, int64(len(text)), 1 << 40} {
		if out, err := readCut(strings.NewReader(text), size, 1<<20, MaxString); err != nil || string(out) != text {
			t.Errorf("%d bytes, said to be %d: %d, %v", len(text), size, len(out), err)
		}
		if _, err := readCut(strings.NewReader(text), size, len(text)-1, MaxString); !errors.Is(err, ErrTooLarge) {
			t.Errorf("more than may be, said to be %d: %v", size, err)
		}
	}
}
