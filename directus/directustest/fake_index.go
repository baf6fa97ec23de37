package directustest

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// An index finds items by key and by date, as that of a database does, so that what is read
// time and again of a large collection takes no look at each item. Fake.mu guards it.
type index struct {
	keys  map[string]map[string]any
	dated []entry // in the order of their dates
	known int     // how many of the first items of the collection are in it
	rest  int     // items of these that have no date
	odd   int     // items of these whose date is no moment that stamp writes like others
}

// entry is an item with its date, as stamp writes it.
type entry struct {
	date string
	item map[string]any
}

// dateField is the field of dates that Directus fills in.
const dateField = "date_created"

// look returns the index with all items. Callers hold mu.
func (c *collection) look() *index {
	x := &c.index
	for _, item := range c.items[x.known:] {
		x.add(c.Key, item)
	}
	return x
}

func (x *index) add(key string, item map[string]any) {
	if x.keys == nil {
		x.keys = map[string]map[string]any{}
	}
	x.known++
	x.keys[keyText(item[key])] = item
	date, ok := moment(item[dateField])
	switch {
	case item[dateField] == nil:
		x.rest++
	case !ok:
		x.odd++
	default:
		at := len(x.dated)
		if at > 0 && x.dated[at-1].date > date {
			at = x.after(date)
		}
		x.dated = slices.Insert(x.dated, at, entry{date, item})
	}
}

// remove takes out an item that is in the index.
func (x *index) remove(key string, item map[string]any) {
	x.known--
	own := keyText(item[key])
	delete(x.keys, own)
	date, ok := moment(item[dateField])
	switch {
	case item[dateField] == nil:
		x.rest--
	case !ok:
		x.odd--
	default:
		at := x.from(date)
		for keyText(x.dated[at].item[key]) != own {
			at++
		}
		x.dated = slices.Delete(x.dated, at, at+1)
	}
}

// from is the place of the first item that is dated no earlier, and after that of the first
// which is dated later.
func (x *index) from(date string) int {
	at, _ := slices.BinarySearchFunc(x.dated, date, func(e entry, date string) int { return cmp.Compare(e.date, date) })
	return at
}

func (x *index) after(date string) int { return x.from(date + "\xff") }

// moment is a date as stamp writes it, without what is less than a millisecond; false if it is none, or of a year that is
// written in another way.
func moment(v any) (string, bool) {
	s, _ := v.(string)
	if isStamp(s) {
		return s, true
	}
	t, ok := parseDate(s)
	if s = stamp(t); !ok || !isStamp(s) {
		return "", false
	}
	return s, true
}

// narrow finds the dates between which all items are that match a filter; empty: there is no bound.
func narrow(filter map[string]any, low, high *string) {
	for name, rule := range filter {
		switch rule := rule.(type) {
		case []any:
			for _, part := range rule {
				if sub, ok := part.(map[string]any); ok && name == "_and" {
					narrow(sub, low, high)
				}
			}
		case map[string]any:
			for op, want := range rule {
				date, ok := moment(want)
				if name != dateField || !ok {
					continue
				}
				if strings.HasPrefix(op, "_gt") || op == "_eq" {
					*low = max(*low, date)
				}
				if (strings.HasPrefix(op, "_lt") || op == "_eq") && (*high == "" || date < *high) {
					*high = date
				}
			}
		}
	}
}

// candidates yields at least the items that match a query. Where they come in the order that the query
// asks for first, which is by date, each is told with its date, and else with an empty one. Callers hold mu.
func (f *Fake) candidates(c *collection, q query) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		if q.Keys != nil && c.name != usersCollection {
			c.withKeys(q.Keys, yield)
			return
		}
		order, low, high := "", "", ""
		if len(q.Sort) > 0 {
			order = strings.TrimPrefix(q.Sort[0], "-")
		}
		narrow(q.Filter, &low, &high)
		bounded, x := low != "" || high != "", c.look()
		if c.name == usersCollection || x.odd > 0 || !bounded && (x.rest > 0 || order != dateField) {
			for _, row := range f.rows(c.name) {
				if q.Keys != nil && !slices.ContainsFunc(q.Keys, func(key any) bool { return keyText(key) == keyText(row[c.Key]) }) {
					continue
				}
				if !yield("", row) {
					return
				}
			}
			return
		}
		entries := x.dated[x.from(low):]
		if high != "" {
			entries = entries[:max(0, x.after(high)-x.from(low))]
		}
		for i := range entries {
			e := entries[i]
			if order != dateField {
				e.date = ""
			} else if q.Sort[0] != dateField { // the latest first
				e = entries[len(entries)-1-i]
			}
			if !yield(e.date, e.item) {
				return
			}
		}
	}
}

// withKeys yields the items that have one of these keys, texts or numbers.
func (c *collection) withKeys(keys []any, yield func(string, map[string]any) bool) {
	x, done := c.look(), map[string]bool{}
	for _, key := range keys {
		key := keyText(key)
		if item := x.keys[key]; item != nil && !done[key] && !yield("", item) {
			return
		}
		done[key] = true
	}
}
