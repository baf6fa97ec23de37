package directustest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A query is the part of Directus' query that the Fake understands.
type query struct {
	Fields []string       `json:"fields"`
	Filter map[string]any `json:"filter"`
	Keys   []any          `json:"-"` // beside the query of a SEARCH; nil: any
	Sort   []string       `json:"sort"`
	Limit  *int           `json:"limit"`
	Offset int            `json:"offset"`
	Search string         `json:"search"`
	// The largest value of a field in each group: all that is known of aggregates.
	Aggregate map[string][]string `json:"aggregate"`
	GroupBy   []string            `json:"groupBy"`
}

// parseQuery reads a query out of a frame or a request body.
func parseQuery(raw any) (query, error) {
	var q query
	if raw == nil {
		return q, nil
	}
	b, err := json.Marshal(raw)
	if err == nil {
		dec := json.NewDecoder(strings.NewReader(string(b)))
		dec.UseNumber()
		err = dec.Decode(&q)
	}
	if err != nil {
		return q, invalidQuery()
	}
	return q, nil
}

func invalidQuery() *apiError { return invalid("INVALID_QUERY", "Invalid query.") }

// read answers a query as a user. Callers hold mu.
func (f *Fake) read(name, user string, q query) ([]map[string]any, error) {
	c := f.collections[name]
	if c == nil || !f.may(user, name, "read") {
		return nil, forbidden()
	}
	if !f.mayFilter(name, user, q.Filter) {
		return nil, forbidden()
	}
	limit, err := f.limit(q)
	if err != nil {
		return nil, err
	}
	match, visible, found, last := f.compile(name, user, q.Filter), f.sight(name, user), []map[string]any(nil), ""
	for date, row := range f.candidates(c, q) {
		if limit >= 0 && q.GroupBy == nil && len(found) >= q.Offset+limit && date != last {
			break
		}
		ok, err := match(row)
		if err != nil {
			return nil, err
		}
		if ok && visible(row) && matchSearch(row, q.Search) {
			found, last = append(found, row), date
		}
	}
	if len(q.GroupBy) == 1 && len(q.Aggregate["max"]) == 1 {
		return largest(found, q.GroupBy[0], q.Aggregate["max"][0]), nil
	}
	order := q.Sort
	if len(order) == 0 {
		order = []string{c.Key}
	}
	c.sort(found, order)
	found = found[min(q.Offset, len(found)):]
	if limit >= 0 {
		found = found[:min(limit, len(found))]
	}
	if c.Fields != nil && len(found) == 0 {
		empty := map[string]any{}
		for _, field := range c.Fields {
			empty[field] = nil
		}
		if _, err := f.pick(name, user, empty, q.Fields); err != nil {
			return nil, err // a missing right is reported even if there are no items
		}
	}
	out := []map[string]any{}
	for _, row := range found {
		picked, err := f.pick(name, user, row, q.Fields)
		if err != nil {
			return nil, err
		}
		out = append(out, picked)
	}
	return out, nil
}

// sort sorts items stably. Items in the opposite order, such as the latest first, take no longer than sorted ones.
func (c *collection) sort(rows []map[string]any, order []string) {
	type place struct {
		row   map[string]any
		first any // by which most are in order
		at    int
	}
	places := make([]place, len(rows))
	name, descending := strings.CutPrefix(order[0], "-")
	for i, row := range rows {
		places[i] = place{row, row[name], i}
	}
	slices.SortFunc(places, func(a, b place) int {
		if order := compare(a.first, b.first); order != 0 && !c.FoldedKeys {
			if descending {
				return -order
			}
			return order
		}
		return cmp.Or(c.orderBy(a.row, b.row, order), cmp.Compare(a.at, b.at))
	})
	for i, p := range places {
		rows[i] = p.row
	}
}

func (f *Fake) limit(q query) (int, error) {
	limit := 100
	if q.Limit != nil {
		limit = *q.Limit
	}
	if top := f.opts.QueryLimitMax; top > 0 {
		if q.Limit != nil && limit > top {
			return 0, invalid("INVALID_QUERY", fmt.Sprintf("\"limit\" cannot exceed %d.", top))
		}
		if limit < 0 || limit > top {
			limit = top
		}
	}
	return limit, nil
}

func matchSearch(row map[string]any, search string) bool {
	if search == "" {
		return true
	}
	for _, v := range row {
		if s, ok := v.(string); ok && strings.Contains(strings.ToLower(s), strings.ToLower(search)) {
			return true
		}
	}
	return false
}

// orderBy compares items by fields.
func (c *collection) orderBy(a, b map[string]any, sort []string) int {
	for _, field := range sort {
		name, descending := strings.CutPrefix(field, "-")
		order := compare(a[name], b[name])
		if c.FoldedKeys && name == c.Key {
			order = cmp.Or(cmp.Compare(strings.ToLower(keyText(a[name])), strings.ToLower(keyText(b[name]))), -order)
		}
		if descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// variable resolves the dynamic values of filters.
func (f *Fake) variable(user string, v any) any {
	switch v {
	case "null", "NULL":
		return nil
	case "true", "false": // Directus turns these texts into booleans
		return v == "true"
	case "$CURRENT_USER":
		return user
	case "$NOW":
		return stamp(f.now())
	}
	return v
}

func equal(a, b any) bool { return a != nil && b != nil && compare(a, b) == 0 }

// compare orders null first, numbers (also written as strings) by value, dates
// by time, and the rest as text.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	x, y := textOf(a), textOf(b)
	if isBool(a) != isBool(b) {
		return cmp.Compare(x+" ", y)
	}
	if x == y || isStamp(x) && isStamp(y) {
		return cmp.Compare(x, y)
	}
	if isNumber(x) && isNumber(y) {
		i, err1 := strconv.ParseInt(x, 10, 64)
		j, err2 := strconv.ParseInt(y, 10, 64)
		if err1 == nil && err2 == nil {
			return cmp.Compare(i, j)
		}
	}
	if s, ok := parseDate(x); ok {
		if t, ok := parseDate(y); ok {
			return s.Compare(t)
		}
	}
	return cmp.Compare(x, y)
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return string(v)
	}
	return fmt.Sprint(v)
}

// isStamp reports whether a text is a date as Directus writes it. The order of such texts is that of the dates.
func isStamp(s string) bool {
	return len(s) == len("2006-01-02T15:04:05.000Z") && s[4] == '-' && s[23] == 'Z'
}

func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// related is the item that a many-to-one field points to, or nil. Callers hold mu.
func (f *Fake) related(name string, key any) map[string]any {
	c := f.collections[name]
	if c == nil || key == nil {
		return nil
	}
	if name != usersCollection {
		return c.look().keys[keyText(key)]
	}
	if u := f.users[keyText(key)]; u != nil {
		return u.userItem()
	}
	return nil
}

func isBool(v any) bool {
	_, is := v.(bool)
	return is
}

// largest are the groups of some items, each with the largest value of a field.
func largest(items []map[string]any, by, field string) []map[string]any {
	var groups []map[string]any
	of := map[string]map[string]any{}
	for _, item := range items {
		key := fmt.Sprint(item[by])
		if of[key] == nil {
			of[key] = map[string]any{field: item[field]}
			groups = append(groups, map[string]any{by: item[by], "max": of[key]})
		}
		if compare(item[field], of[key][field]) > 0 {
			of[key][field] = item[field]
		}
	}
	return groups
}
