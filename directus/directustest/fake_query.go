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
	Sort   []string       `json:"sort"`
	Limit  *int           `json:"limit"`
	Offset int            `json:"offset"`
	Search string         `json:"search"`
}

// parseQuery reads a query out of a frame or a request body.
func parseQuery(raw any) (query, *apiError) {
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
		return q, invalid("INVALID_QUERY", "Invalid query.")
	}
	return q, nil
}

// read answers a query as a user. Callers hold mu.
func (f *Fake) read(name, user string, q query) ([]map[string]any, *apiError) {
	rows, ok := f.rows(name)
	if !ok || !f.may(user, name, "read") {
		return nil, forbidden()
	}
	limit, err := f.limit(q)
	if err != nil {
		return nil, err
	}
	var found []map[string]any
	for _, row := range rows {
		match, err := f.match(f.relations(name), user, row, q.Filter)
		if err != nil {
			return nil, err
		}
		if match && f.visible(name, user, row) && matchSearch(row, q.Search) {
			found = append(found, row)
		}
	}
	order := q.Sort
	if len(order) == 0 {
		order = []string{f.keyOf(name)}
	}
	slices.SortStableFunc(found, func(a, b map[string]any) int { return f.orderBy(name, a, b, order) })
	found = found[min(q.Offset, len(found)):]
	if limit >= 0 {
		found = found[:min(limit, len(found))]
	}
	if c := f.collections[name]; c != nil && len(found) == 0 {
		empty := map[string]any{}
		for _, field := range c.Fields {
			empty[field] = nil
		}
		if _, err := f.pick(name, user, empty, q.Fields); err != nil {
			return nil, err // rights do not depend on what is there
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

func (f *Fake) limit(q query) (int, *apiError) {
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

// orderBy compares items by fields. Callers hold mu.
func (f *Fake) orderBy(collection string, a, b map[string]any, sort []string) int {
	for _, field := range sort {
		name, descending := strings.CutPrefix(field, "-")
		c := compare(a[name], b[name])
		if of := f.collections[collection]; of != nil && of.FoldedKeys && name == of.Key {
			c = cmp.Or(cmp.Compare(strings.ToLower(keyText(a[name])), strings.ToLower(keyText(b[name]))), -c)
		}
		if descending {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// match evaluates a filter. Callers hold mu.
func (f *Fake) match(relations map[string]string, user string, row map[string]any, filter map[string]any) (bool, *apiError) {
	for name, rule := range filter {
		ok, err := f.matchRule(relations, user, row, name, rule)
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (f *Fake) matchRule(relations map[string]string, user string, row map[string]any, name string, rule any) (bool, *apiError) {
	if name == "_and" || name == "_or" {
		list, _ := rule.([]any)
		for _, part := range list {
			sub, _ := part.(map[string]any)
			ok, err := f.match(relations, user, row, sub)
			if err != nil {
				return false, err
			}
			if ok == (name == "_or") {
				return ok, nil
			}
		}
		return name == "_and" || len(list) == 0, nil
	}
	ops, ok := rule.(map[string]any)
	if !ok {
		return false, invalid("INVALID_QUERY", "Invalid filter.")
	}
	for op, want := range ops {
		if !strings.HasPrefix(op, "_") {
			related := relations[name]
			ok, err := f.match(f.relations(related), user, f.related(related, row[name]), map[string]any{op: want})
			if !ok || err != nil {
				return false, err
			}
			continue
		}
		if s, textual := row[name].(string); textual && isComparison(op) && !isDate(s) {
			return false, invalid("INVALID_QUERY", fmt.Sprintf("\"uuid\" field type does not contain the %q filter operator", op))
		}
		ok, err := f.matchOp(user, row[name], op, want)
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func isDate(s string) bool {
	_, ok := parseDate(s)
	return ok
}

// isComparison reports an operator that Directus refuses for keys that are uuids or
// texts.
func isComparison(op string) bool { return slices.Contains([]string{"_lt", "_lte", "_gt", "_gte"}, op) }

func (f *Fake) matchOp(user string, have any, op string, want any) (bool, *apiError) {
	want = f.variable(user, want)
	list, _ := want.([]any)
	in := func() bool {
		return slices.ContainsFunc(list, func(w any) bool { return equal(have, f.variable(user, w)) })
	}
	null := have == nil
	switch op {
	case "_eq":
		return !null && equal(have, want), nil
	case "_neq":
		return !equal(have, want), nil
	case "_lt":
		return !null && compare(have, want) < 0, nil
	case "_lte":
		return !null && compare(have, want) <= 0, nil
	case "_gt":
		return !null && compare(have, want) > 0, nil
	case "_gte":
		return !null && compare(have, want) >= 0, nil
	case "_in":
		return in(), nil
	case "_nin":
		return !in(), nil
	case "_null":
		return null == (want != false), nil
	case "_nnull":
		return null != (want != false), nil
	case "_between":
		return !null && len(list) == 2 && compare(have, list[0]) >= 0 && compare(have, list[1]) <= 0, nil
	}
	text, pattern := textOf(have), textOf(want)
	lower, lowerPattern := strings.ToLower(text), strings.ToLower(pattern)
	switch op {
	case "_empty":
		return null || text == "", nil
	case "_nempty":
		return !null && text != "", nil
	case "_contains":
		return !null && strings.Contains(text, pattern), nil
	case "_icontains":
		return !null && strings.Contains(lower, lowerPattern), nil
	case "_ncontains":
		return null || !strings.Contains(text, pattern), nil
	case "_starts_with":
		return !null && strings.HasPrefix(text, pattern), nil
	case "_istarts_with":
		return !null && strings.HasPrefix(lower, lowerPattern), nil
	case "_ends_with":
		return !null && strings.HasSuffix(text, pattern), nil
	}
	return false, invalid("INVALID_QUERY", fmt.Sprintf("Invalid filter operator %q.", op))
}

// variable resolves the dynamic values of filters.
func (f *Fake) variable(user string, v any) any {
	switch v {
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
	if a == nil || b == nil {
		return cmp.Compare(rank(a), rank(b))
	}
	x, y := textOf(a), textOf(b)
	if x == y || isStamp(x) && isStamp(y) {
		return cmp.Compare(x, y)
	}
	if i, ok := integer(x); ok {
		if j, ok := integer(y); ok {
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

// isStamp reports a date as Directus writes it, in an order that is the one of the texts.
func isStamp(s string) bool {
	return len(s) == len("2006-01-02T15:04:05.000Z") && s[4] == '-' && s[23] == 'Z'
}

// integer is what a text says that is a number, found without the error that others would cost.
func integer(s string) (int64, bool) {
	if strings.Trim(s, "+-0123456789") != "" {
		return 0, false
	}
	i, err := strconv.ParseInt(s, 10, 64)
	return i, err == nil
}

func rank(v any) int {
	if v == nil {
		return 0
	}
	return 1
}

// related is the item that a many-to-one field points to, or nil. Callers hold
// mu.
func (f *Fake) related(name string, key any) map[string]any {
	rows, _ := f.rows(name)
	for _, row := range rows {
		if key != nil && keyText(row[f.keyOf(name)]) == keyText(key) {
			return row
		}
	}
	return nil
}
