package collection

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/text"
)

// A row keeps its text once, and of what it answers no more than is quoted.
func TestRowOfLongTexts(t *testing.T) {
	fields := Fields{Text: "text", Author: "author", Date: "date", Reply: "reply"}
	long := strings.Repeat("é", 1<<17)
	raw, err := json.Marshal(map[string]any{
		"id": 7, "text": long, "date": "2026-01-02T03:04:05Z", "room": "dev",
		"reply": map[string]any{"id": 6, "text": "x" + long, "date": "2026-01-02T03:04:04Z"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseRow(raw, fields, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Text != long || r.More != 0 || !strings.HasPrefix("x"+long, r.Reply.Text) || len(r.Reply.Text) != text.MaxQuoted-1 {
		t.Errorf("%d bytes and %d more, the answered one has %d", len(r.Text), r.More, len(r.Reply.Text))
	}
	kept := 0
	for _, value := range r.Values {
		kept += len(value)
	}
	if kept > maxKeptValue || string(r.Values["room"]) != `"dev"` {
		t.Errorf("%d bytes of fields are kept: %v", kept, r.Values)
	}
}

func TestRowSays(t *testing.T) {
	for _, test := range []struct {
		text string
		more int
		want bool
	}{{"abc", 0, true}, {"ab", 1, true}, {"ab", 0, false}, {"ab", 2, false}, {"ax", 1, false}, {"abcd", 0, false}} {
		if got := (Row{Text: test.text, More: test.more}).Says("abc"); got != test.want {
			t.Errorf("%q and %d more: %v", test.text, test.more, got)
		}
	}
}

func TestPlacedCut(t *testing.T) {
	type part struct {
		n     int
		dense bool
	}
	for _, test := range []struct {
		dates []int64
		want  []part
	}{
		{[]int64{1, 2, 3, 4, 5, 6, 7}, []part{{3, false}, {3, false}, {1, false}}},
		{[]int64{1, 2, 3, 3, 4}, []part{{2, false}, {3, false}}},
		{[]int64{1, 2, 2, 2, 2, 3, 4}, []part{{1, false}, {3, true}, {1, true}, {2, false}}},
		{[]int64{5, 5, 5}, []part{{3, false}}},
		{[]int64{5, 5, 5, 5, 4}, []part{{3, true}, {1, true}, {1, false}}},
	} {
		p := &placed{}
		for _, d := range test.dates {
			p.left = append(p.left, rowPlace{date: time.Unix(d, 0)})
		}
		var got []part
		for len(p.left) > 0 {
			keys, dense := p.cut(3)
			got = append(got, part{len(keys), dense})
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.dates, got, test.want)
		}
	}
}
