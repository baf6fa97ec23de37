package bridge

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// Many answers to one long message cost its beginning each, and a long message costs
// one conversion, whoever reads it.
func TestLongTextsAreConvertedOnce(t *testing.T) {
	for _, format := range []text.Format{text.Plain, text.Markdown, text.HTML} {
		c := &collection.Channel{Config: collection.Config{Name: "#a", Format: format, Fields: collection.Fields{Text: "text"}}}
		long := strings.Repeat("<b>some</b> **words** @x \x02b ", directus.MaxString/30)
		raw, err := json.Marshal(map[string]any{"id": 1, "text": long, "date": "2026-01-02T03:04:05Z"})
		if err != nil {
			t.Fatal(err)
		}
		answered, err := (&collection.Group{Fields: collection.Fields{Text: "text", Date: "date"}, Dates: &collection.Dates{}}).Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		shown := func(f func(i int)) uint64 {
			if raceEnabled { // then sync.Pool drops what it is given, at random
				f(0)
				return 0
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for i := range 95 {
				f(i)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		quote := answered
		quote.Text = text.Clip(quote.Text, text.MaxQuoted)
		if used := shown(func(i int) {
			people.ToMessage(collection.Row{ID: fmt.Sprint(i), Text: "yes", Reply: &quote}, c, people.References{}, false)
		}); used > 95*text.MaxQuoted*40 {
			t.Errorf("%s: 95 answers took %d bytes", format, used)
		}
		var first *ircd.Message
		if used := shown(func(i int) {
			m := people.ToMessage(answered, c, people.References{}, false)
			if first == nil {
				first = m
			}
		}); used > 60*directus.MaxString {
			t.Errorf("%s: 95 readers took %d bytes", format, used)
		}
		if first.Text == "" || len(text.Beginning(first.Text)) > 120+len("…") {
			t.Errorf("%s: got %d bytes, beginning %q", format, len(first.Text), text.Beginning(first.Text))
		}
	}
}

// What is left out is said.
func TestCutTextIsSaid(t *testing.T) {
	c := &collection.Channel{Config: collection.Config{Name: "#a"}}
	m := people.ToMessage(collection.Row{ID: "1", Text: "beginning", More: 12}, c, people.References{}, false)
	if m.Text != "beginning\n[bytes not shown: 12]" {
		t.Errorf("got %q", m.Text)
	}
	g := &collection.Group{}
	if g.ContentOf(collection.Row{Text: "a", More: 12}) == g.ContentOf(collection.Row{Text: "a", More: 13}) {
		t.Error("a change behind what is shown is none")
	}
}
