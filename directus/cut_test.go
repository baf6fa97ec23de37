package directus

import (
	"encoding/json"
	"errors"
	"io"
	"runtime"
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
			c := cutter{limit: 4}
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

// What no limit touches is passed on byte by byte.
func FuzzCutter(f *testing.F) {
	f.Add(`{"a":"b\"\\ \u00e9 é"}`, 4)
	f.Add(`["\u`, 1)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		c := cutter{limit: len(in) + 1}
		c.take([]byte(in))
		if string(c.out) != in {
			t.Errorf("%q became %q", in, c.out)
		}
		short := cutter{limit: max(limit, 1)}
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
	out, err := readCut(long(), 1<<20)
	runtime.ReadMemStats(&after)
	if err != nil || len(out) > MaxString+100 {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8*MaxString {
		t.Errorf("%d bytes were allocated", used)
	}
	if _, err := readCut(long(), MaxString/2); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, err := readWhole(long(), 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, err := readCut(iotest.TimeoutReader(long()), 1<<20); err == nil {
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
		if out, err := readCut(strings.NewReader(frame), maxKept); err != nil || string(out) != frame {
			t.Fatalf("got %q, %v", out, err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 2<<10 {
		t.Errorf("%d bytes for a frame of %d", each, len(frame))
	}
}
