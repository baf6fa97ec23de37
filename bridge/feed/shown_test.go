package feed

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

var guideFields = collection.Fields{Text: "text", Author: "user_created", Date: "date_created"}

// What a feed remembers is bounded by number and by size, and the newest stay.
func TestShownRowsAreBounded(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct{ length, kept int }{
		"many":  {10, maxRemembered},
		"long":  {10000, maxRememberedBytes / (10000 + rememberedCost + 6)},
		"giant": {maxRememberedText + 1, 0},
	} {
		m, c := newShownRows(), &collection.Channel{}
		for i := range 1000 {
			// Every other one is older than all: history, read late.
			r := collection.Row{ID: strconv.Itoa(i), Date: now.Add(time.Duration(i) * time.Second)}
			if i%2 == 1 {
				r.Date = now.Add(-time.Duration(i) * time.Hour)
			}
			m.put(r, r.Date, 0, c, &ircd.Message{ID: fmt.Sprintf("%06d", i), Text: strings.Repeat("x", test.length)})
		}
		if len(m.rows) != test.kept {
			t.Errorf("%s: %d are kept, want %d", name, len(m.rows), test.kept)
		}
		size := 0
		for id, s := range m.rows {
			size += s.cost()
			if n, _ := strconv.Atoi(id); n%2 == 1 || n < 1000-2*test.kept-1 {
				t.Errorf("%s: %s is kept", name, id)
			}
		}
		if size != m.bytes || size > maxRememberedBytes {
			t.Errorf("%s: %d bytes, counted %d", name, size, m.bytes)
		}
		for i := range 1000 {
			m.bury(strconv.Itoa(i), false)
		}
		if len(m.rows) != 0 || m.bytes != 0 || len(m.gone) != maxGone {
			t.Errorf("%s: %d rows, %d bytes, %d gone", name, len(m.rows), m.bytes, len(m.gone))
		}
	}
}

func TestSoftDelete(t *testing.T) {
	soft := &collection.SoftDelete{Field: "f", Values: []string{"archived", "true", "0", ""}}
	c := &collection.Channel{Config: collection.Config{SoftDelete: soft}, Equal: []collection.Equality{}}
	for item, want := range map[string]bool{
		`{"id":1,"f":"archived"}`: true, `{"id":1,"f":true}`: true, `{"id":1,"f":0}`: true, `{"id":1,"f":""}`: true,
		`{"id":1}`: false, `{"id":1,"f":null}`: false, `{"id":1,"f":false}`: false, `{"id":1,"f":1}`: false, `{"id":1,"f":"Archived"}`: false,
	} {
		r, err := collection.ParseRow([]byte(item), guideFields)
		if err != nil || c.Deleted(r) != want || c.Matches(r) == want {
			t.Errorf("%s: deleted %v, shown %v, %v", item, c.Deleted(r), c.Matches(r), err)
		}
	}
	for item, want := range map[string]string{
		`{"id":1,"f":"x"}`: `{"f":"true"}`, `{"id":1,"f":false}`: `{"f":true}`, `{"id":1,"f":null}`: `{"f":true}`, `{"id":1,"f":3}`: `{"f":true}`,
	} {
		r, _ := collection.ParseRow([]byte(item), guideFields)
		if got := marshal(t, (&collection.SoftDelete{Field: "f", Values: []string{"true"}}).Mark(r)); got != want {
			t.Errorf("%s: set %s, want %s", item, got, want)
		}
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
