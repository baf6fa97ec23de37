package directustest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// What is found by an index is what a look at every item finds.
func TestIndexFindsTheSame(t *testing.T) {
	f, r := NewFake(t, FakeOptions{}), rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dates := []any{nil, "2026-01-02T03:04:05.123456Z", "2026-01-02T05:04:05+02:00"}
	for i := range 12 {
		dates = append(dates, stamp(begin.Add(time.Duration(i)*700*time.Millisecond)))
	}
	date := func(odd int) any {
		if r.IntN(odd) == 0 {
			return []any{"+020260-01-02T03:04:05.000Z", "no date"}[r.IntN(2)]
		}
		return dates[r.IntN(len(dates))]
	}
	for round := range 60 {
		name := fmt.Sprint("round", round)
		f.AddCollection(name, FakeCollection{Fields: []string{"text"}})
		odd := 1 << 30
		if round%4 == 0 {
			odd = 20
		}
		for range 60 {
			switch keys := f.Items(name); {
			case len(keys) < 5 || r.IntN(2) == 0:
				f.Insert(name, "", map[string]any{"text": fmt.Sprint(r.IntN(3)), "date_created": date(odd)})
			case r.IntN(3) == 0:
				f.Remove(name, keyText(keys[r.IntN(len(keys))]["id"]))
			default:
				f.Update(name, keyText(keys[r.IntN(len(keys))]["id"]), map[string]any{"date_created": date(odd)})
			}
			compareReadings(t, f, f.collections[name], indexedQuery(r, dates))
		}
	}
}

// indexedQuery is one that an index may answer.
func indexedQuery(r *rand.Rand, dates []any) (q query) {
	var conditions []any
	for range r.IntN(3) {
		op := []string{"_eq", "_gt", "_gte", "_lt", "_lte"}[r.IntN(5)]
		conditions = append(conditions, map[string]any{dateField: map[string]any{op: dates[1+r.IntN(len(dates)-1)]}})
	}
	conditions = append(conditions, map[string]any{"text": map[string]any{"_neq": fmt.Sprint(r.IntN(6))}})
	q.Filter = map[string]any{"_and": conditions}
	q.Sort = [][]string{nil, {"id"}, {dateField, "id"}, {"-" + dateField, "-id"}, {"text", "-" + dateField, "id"}}[r.IntN(5)]
	limit := r.IntN(8) - 1
	q.Limit, q.Offset = &limit, r.IntN(3)
	if r.IntN(5) == 0 {
		q.Keys = []any{}
		for range r.IntN(6) {
			q.Keys = append(q.Keys, json.Number(fmt.Sprint(r.IntN(40))))
		}
	}
	return q
}

// compareReadings holds the answer to a query against one for which each item is looked at.
func compareReadings(t *testing.T, f *Fake, c *collection, q query) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	got, err := f.read(c.name, everyone, q)
	want := []map[string]any{}
	match := f.compile(c.name, everyone, q.Filter)
	for _, item := range c.items {
		ok, failed := match(item)
		if failed != nil && err != nil {
			return
		}
		for _, key := range q.Keys {
			if ok && keyText(key) == keyText(item[c.Key]) {
				want = append(want, item)
				break
			}
		}
		if ok && q.Keys == nil {
			want = append(want, item)
		}
	}
	order := q.Sort
	if order == nil {
		order = []string{c.Key}
	}
	c.sort(want, order)
	want = want[min(q.Offset, len(want)):]
	if *q.Limit >= 0 {
		want = want[:min(*q.Limit, len(want))]
	}
	if len(got) != len(want) || err != nil {
		t.Fatalf("%+v: %d items, not %d: %v", q, len(got), len(want), err)
	}
	for i := range got {
		if !reflect.DeepEqual(got[i][c.Key], want[i][c.Key]) {
			t.Fatalf("%+v: got %v in place of %v", q, got[i], want[i])
		}
	}
}
