package feed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
)

func keyed(id string) collection.Row {
	return collection.Row{ID: strings.Trim(id, `"`), Key: json.RawMessage(id)}
}

// Each step is a time in milliseconds and what comes then: keys, "." for nothing, "read" and a key, or "flush". It says
// which keys have their turn, and whether one is missing.
func TestReorderBuffer(t *testing.T) {
	for name, steps := range map[string][]string{
		"in order":                  {"0: read 4", "0: 5 -> 5", "0: 6 -> 6", "9: 7 8 -> 7 8"},
		"empty before":              {"0: 2 ->", "4: 1 -> 1 2", "5: 3 -> 3"},
		"empty, keys go on":         {"0: 4713 ->", "4: 4712 ->", "19: . ->", "20: . -> missing", "20: read 4712", "20: flush -> 4712 4713", "21: 4714 -> 4714", "21: 4716 ->", "40: . ->", "41: . -> missing"},
		"empty, nothing before":     {"0: 4713 ->", "20: . -> missing", "20: flush -> 4713", "21: 4714 -> 4714", "21: 4716 ->", "40: . ->", "41: . -> missing"},
		"swapped":                   {"0: 1 -> 1", "0: 3 ->", "4: 2 -> 2 3"},
		"swapped at once":           {"0: 1 -> 1", "0: 3 2 -> 2 3"},
		"three":                     {"0: 1 -> 1", "0: 4 ->", "5: 3 ->", "6: 2 -> 2 3 4"},
		"never comes":               {"0: 1 -> 1", "0: 3 ->", "19: . ->", "20: . -> missing", "20: flush -> 3", "20: 4 -> 4"},
		"comes while read":          {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "21: 2 -> 2 3"},
		"half as long then":         {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "20: flush -> 3", "30: 5 ->", "39: . ->", "40: . -> missing"},
		"too late":                  {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "20: flush -> 3", "30: 2 -> 2", "60: 5 ->", "119: . ->", "120: . -> missing"},
		"the first of two":          {"0: 1 -> 1", "0: 3 ->", "10: 5 ->", "20: . -> missing", "20: flush -> 3 5"},
		"read meanwhile":            {"0: 1 -> 1", "0: read 7", "1: 8 -> 8"},
		"flushed":                   {"0: 1 -> 1", "0: 3 ->", "1: flush -> 3", "2: 4 -> 4"},
		"far away":                  {"0: 1 -> 1", "0: 1000 ->", "0: 1001 ->", "19: . ->", "20: . -> missing", "20: flush -> 1000 1001"},
		"many came at once":         {"0: 1 -> 1", "0: 1000 ->", "10: 2 3 -> 2 3", "20: . -> missing", "20: read 999", "20: flush -> 1000"},
		"keys that do not count":    {"0: 1 -> 1", "0: 1000 ->", "20: . -> missing", "20: flush -> 1000", "20: 3000 -> 3000", "20: 4711 5000 -> 4711 5000", "20: 1234 -> 1234", "20: 6000 -> 6000"},
		"gaps that are usual":       {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "20: 5 -> 3", "30: . -> missing", "30: 7 -> 5", "35: . -> missing", "35: 9 -> 7", "38: . -> missing", "38: 11 -> 9", "40: . -> missing", "40: flush -> 11", "50: 13 -> 13"},
		"some time later":           {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "20: 5 -> 3", "30: . -> missing", "30: 7 -> 5", "35: . -> missing", "35: 9 -> 7", "38: . -> missing", "38: 11 -> 9", "40: . -> missing", "40: flush -> 11", "50: 13 -> 13", "4039: 15 -> 15", "4040: 17 ->", "4041: . -> missing", "4041: flush -> 17", "4042: 19 -> 19", "12041: 21 ->", "12042: . ->", "12043: . -> missing"},
		"gaps that are not often":   {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "20: flush -> 3", "4020: 5 ->", "4039: . ->", "4040: . -> missing", "4040: flush -> 5", "8040: 7 ->", "8059: . ->", "8060: . -> missing"},
		"found by the reading":      {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "20: read 2", "20: flush -> 3", "30: 5 ->", "49: . ->", "50: . -> missing"},
		"late where gaps are usual": {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "20: 5 -> 3", "30: . -> missing", "30: 7 -> 5", "35: . -> missing", "35: 9 -> 7", "38: . -> missing", "38: 11 -> 9", "40: . -> missing", "40: flush -> 11", "50: 14 -> 14", "60: 13 -> 13", "70: 17 ->", "89: . ->", "90: . -> missing"},
		"gaps that are rare":        {"0: 1 -> 1", "0: 3 ->", "20: . -> missing", "20: flush -> 3", "20: 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 -> 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", "30: 21 ->", "50: . -> missing", "50: flush -> 21", "50: 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 -> 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37", "60: 39 ->", "80: . -> missing", "80: flush -> 39", "80: 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 -> 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55"},
		"uuids":                     {`0: "b" -> b`, `0: "a" -> a`},
		"numbers in texts":          {`0: "1" -> 1`, `0: "3" -> 3`},
		"in doubt":                  {"0: 1 -> 1", "0: strict ->", "0: 1000 ->", "99: . ->", "100: . -> missing", "100: flush -> 1000", "101: 1001 -> 1001", "101: 1003 ->", "200: . ->", "201: . -> missing", "201: 1002 -> 1002 1003"},
		"uuids in doubt":            {`0: strict ->`, `0: "b" ->`, `50: "a" ->`, "99: . ->", "100: . -> missing", "100: flush -> a b"},
		"uuids at the end of it":    {`0: strict ->`, `0: "b" ->`, `50: lax ->`, `50: "a" -> a b`, `51: "c" -> c`},
		"beyond counting":           {"0: 1 -> 1", "0: 99999999999999999999999 -> 99999999999999999999999", "0: 2 -> 2"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newReorderBuffer()
			begin := time.Now()
			for _, step := range steps {
				var ms int
				at, rest, _ := strings.Cut(step, ": ")
				what, want, _ := strings.Cut(rest, "->")
				if _, err := fmt.Sscan(at, &ms); err != nil {
					t.Fatal(err)
				}
				now := begin.Add(time.Duration(ms) * time.Millisecond)
				var turn, came []collection.Row
				var missing bool
				switch words := strings.Fields(what); words[0] {
				case "strict":
					h.strict = true
				case "lax":
					h.strict = false
				case ".":
					turn, missing = h.due(now)
				case "flush":
					turn = h.flush()
				case "read":
					h.read([]collection.Row{keyed(words[1])})
				default:
					for _, id := range words {
						came = append(came, keyed(id))
					}
					turn, missing = h.add(came, now)
				}
				var got []string
				for _, r := range turn {
					got = append(got, r.ID)
				}
				if missing {
					got = append(got, "missing")
				}
				if !slices.Equal(got, strings.Fields(want)) {
					t.Fatalf("%s: got %v", step, got)
				}
			}
		})
	}
}

// What waits together has its turn in the order of the collection, which for keys that do not count up is that of the dates.
func TestFlushGoesByDates(t *testing.T) {
	b, begin := newReorderBuffer(), time.Now()
	b.strict = true
	for i, id := range []string{`"c"`, `"a"`, `"b"`} {
		r := keyed(id)
		r.Date = begin.Add(time.Duration(i) * time.Millisecond)
		b.add([]collection.Row{r}, begin)
	}
	var ids string
	for _, r := range b.flush() {
		ids += r.ID
	}
	if ids != "cab" {
		t.Error(ids)
	}
}
