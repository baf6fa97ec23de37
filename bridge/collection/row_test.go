package collection

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseRow(t *testing.T) {
	at := time.Date(2026, 11, 23, 13, 18, 39, 0, time.UTC)
	for item, want := range map[string]Row{
		`{"id":7,"text":"hi","user_created":"u1","date_created":"2026-11-23T13:18:39.984Z"}`: {
			ID: "7", Text: "hi", Author: "u1", Date: at.Add(984 * time.Millisecond)},
		`{"id":"k","text":null,"user_created":null,"date_created":null}`:                           {ID: "k"},
		`{"id":"k","user_created":{"id":"u2","first_name":"Ada"}}`:                                 {ID: "k", Author: "u2"},
		`{"id":9007199254740993,"text":5,"date_created":"2026-11-23T13:18:39"}`:                    {ID: "9007199254740993", Text: "5", Date: at},
		`{"id":1,"text":{"a":1},"user_created":{"name":"x"},"date_created":"yesterday"}`:           {ID: "1"},
		`{"id":1,"text":"micro","date_created":"2026-11-23T13:18:39.123456Z"}`:                     {ID: "1", Text: "micro", Date: at.Add(123 * time.Millisecond)},
		`{"id":1,"text":"zone","date_created":"2026-11-23T15:18:39+02:00"}`:                        {ID: "1", Text: "zone", Date: at},
		`{"id":1,"text":["x"],"user_created":[],"date_created":{"x":"2026-11-23T15:18:39+02:00"}}`: {ID: "1"},
	} {
		got, err := parseRow(json.RawMessage(item), guideFields, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", item, err)
		}
		if got.ID != want.ID || got.Text != want.Text || got.Author != want.Author || !got.Date.Equal(want.Date) {
			t.Errorf("%s: got %+v, want %+v", item, got, want)
		}
	}
	for _, item := range []string{``, `{}`, `[]`, `null`, `7`, `{"id":null}`, `{"id":{}}`, `{"id":1`} {
		if got, err := parseRow(json.RawMessage(item), guideFields, nil, nil); err == nil {
			t.Errorf("%s: got %+v, want an error", item, got)
		}
	}
}

func FuzzParseRow(f *testing.F) {
	f.Add(`{"id":7,"text":"hi","user_created":{"id":"u1"},"date_created":"2026-11-23T13:18:39.984Z"}`)
	f.Add(`{"id":"\u0000 :x","text":"a\r\nQUIT"}`)
	f.Add(`{"id":"3f6b2c3e-0000-4000-8000-000000000000","text":null,"user_created":null,"date_created":null}`)
	f.Add(`{"id":1e400,"text":{"a":1},"user_created":[7],"date_created":"99999-01-01T00:00:00Z","reply_to":{"id":2,"text":"q"}}`)
	f.Fuzz(func(t *testing.T, item string) {
		r, err := parseRow(json.RawMessage(item), guideFields, nil, nil)
		if err != nil {
			return
		}
		if !r.Date.IsZero() && !r.Date.Equal(r.Date.Truncate(time.Millisecond)) {
			t.Fatalf("date %v", r.Date)
		}
		if r.Text != strings.ToValidUTF8(r.Text, "") || !strings.Contains(item, "id") {
			t.Fatalf("%q is read as %+v", item, r)
		}
		for i := range len(MessageID(r)) {
			if c := MessageID(r)[i]; c <= ' ' || c >= 0x7f || c == ':' || c == ';' || c == ',' {
				t.Fatalf("msgid %q", MessageID(r))
			}
		}
	})
}

func TestCompareRows(t *testing.T) {
	at := time.Now()
	rows := []Row{{ID: "9", Date: at}, {ID: "10", Date: at}, {ID: "2", Date: at.Add(time.Second)}}
	for i := range rows[1:] {
		if CompareRows(rows[i], rows[i+1]) >= 0 || CompareRows(rows[i+1], rows[i]) <= 0 {
			t.Errorf("%v is not before %v", rows[i], rows[i+1])
		}
	}
	numbers := []string{"-18446744073709551616", "-10", "-9", "0", "9", "10", "9223372036854775807", "9223372036854775808", "18446744073709551615"}
	if !slices.IsSortedFunc(numbers, CompareIDs) || CompareIDs("9", "-9") <= 0 {
		t.Error("numbers do not compare by their values")
	}
	if CompareIDs("b", "a") <= 0 || CompareIDs("a", "a") != 0 {
		t.Error("text keys do not compare as text")
	}
}

// A row is remembered without what is long in it and decides nothing, of which others store as
// much as they like.
func TestRowKeepsLittle(t *testing.T) {
	long, file := strings.Repeat("x", 2000), `"3d4b8e0e-7f5c-4b83-9a37-0a2a6a1f3c11"`
	files := "[" + strings.Repeat(file+",", 5000) + file + "]"
	raw := `{"id":"` + long + `","text":"` + long + `","status":"` + long + `","room":"dev","files":` + files + `,"answers":{"id":"a","text":"` + long + `"}}`
	r, err := parseRow(json.RawMessage(raw), Fields{Text: "text", Files: "files", Reply: "answers"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != long || r.Text != long || r.Reply == nil || r.Reply.Text != long {
		t.Errorf("key of %d bytes, text of %d, reply %v", len(r.ID), len(r.Text), r.Reply != nil)
	}
	if r.Values["status"] != nil || string(r.Values["room"]) != `"dev"` {
		t.Errorf("status of %d bytes, room %s", len(r.Values["status"]), r.Values["room"])
	}
	if n := len(ParseFiles(r.Values["files"])); n != maxKeptFiles {
		t.Errorf("%d files", n)
	}
}
