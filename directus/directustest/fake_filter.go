package directustest

import (
	"fmt"
	"slices"
	"strings"
)

// A matcher reports whether an item passes a filter, or that the filter cannot be evaluated. Callers hold mu.
type matcher func(row map[string]any) (bool, error)

// compile makes a matcher of a user's filter on a collection. The matcher must be used before mu is released. Callers hold
// mu.
func (f *Fake) compile(collection, user string, filter map[string]any) matcher {
	rules := make([]matcher, 0, len(filter))
	for name, rule := range filter {
		rules = append(rules, f.compileRule(collection, user, name, rule))
	}
	return all(rules)
}

func all(rules []matcher) matcher {
	if len(rules) == 1 {
		return rules[0]
	}
	return func(row map[string]any) (bool, error) {
		for _, rule := range rules {
			if ok, err := rule(row); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}
}

func anyOf(rules []matcher) matcher {
	return func(row map[string]any) (bool, error) {
		for _, rule := range rules {
			if ok, err := rule(row); ok || err != nil {
				return ok && err == nil, err
			}
		}
		return len(rules) == 0, nil
	}
}

func failing(err error) matcher {
	return func(map[string]any) (bool, error) { return false, err }
}

func (f *Fake) compileRule(collection, user, name string, rule any) matcher {
	if name == "_and" || name == "_or" {
		list, _ := rule.([]any)
		rules := make([]matcher, len(list))
		for i, part := range list {
			sub, _ := part.(map[string]any)
			rules[i] = f.compile(collection, user, sub)
		}
		if name == "_or" {
			return anyOf(rules)
		}
		return all(rules)
	}
	ops, ok := rule.(map[string]any)
	if !ok {
		return failing(invalid("INVALID_QUERY", "Invalid filter."))
	}
	rules := make([]matcher, 0, len(ops))
	for op, want := range ops {
		if list := f.collections[collection].Lists[name]; list != "" {
			rules = append(rules, f.compileList(list, user, f.collections[collection].Key, map[string]any{op: want}))
			continue
		}
		if !strings.HasPrefix(op, "_") {
			related := f.collections[collection].Relations[name]
			if f.collections[related] == nil {
				return failing(forbidden())
			}
			inner := f.compile(related, user, map[string]any{op: want})
			rules = append(rules, func(row map[string]any) (bool, error) { return inner(f.related(related, row[name])) })
			continue
		}
		test, orders := f.compileOp(user, op, want), strings.HasPrefix(op, "_lt") || strings.HasPrefix(op, "_gt")
		rules = append(rules, func(row map[string]any) (bool, error) {
			have := row[name]
			if s, textual := have.(string); textual && orders && !isStamp(s) && !isDate(s) {
				// Directus refuses these operators for keys that are uuids or texts.
				return false, invalid("INVALID_QUERY", fmt.Sprintf("\"uuid\" field type does not contain the %q filter operator", op))
			}
			return test(have)
		})
	}
	return all(rules)
}

// mayFilter reports whether a user may read all collections that a filter in a query goes through. Rules may go through any.
// Callers hold mu.
func (f *Fake) mayFilter(collection, user string, filter map[string]any) bool {
	for name, rule := range filter {
		if list, isList := rule.([]any); isList {
			for _, part := range list {
				if sub, _ := part.(map[string]any); !f.mayFilter(collection, user, sub) {
					return false
				}
			}
			continue
		}
		c := f.collections[collection]
		related, _, isList := strings.Cut(c.Lists[name], ".")
		sub, _ := rule.(map[string]any)
		for op := range sub {
			if !isList && strings.HasPrefix(op, "_") {
				continue
			}
			if !isList {
				related = c.Relations[name]
			}
			if related != "" && (!f.may(user, related, "read") || !f.mayFilter(related, user, sub)) {
				return false
			}
		}
	}
	return true
}

// compileList makes a matcher of a filter on a one-to-many field: some item that points back passes it.
func (f *Fake) compileList(list, user, key string, filter map[string]any) matcher {
	related, back, _ := strings.Cut(list, ".")
	inner := f.compile(related, user, filter)
	return func(row map[string]any) (bool, error) {
		for _, item := range f.rows(related) {
			if keyText(item[back]) == keyText(row[key]) {
				if ok, err := inner(item); ok || err != nil {
					return ok, err
				}
			}
		}
		return false, nil
	}
}

func isDate(s string) bool {
	_, ok := parseDate(s)
	return ok
}

func (f *Fake) compileOp(user, op string, want any) func(have any) (bool, error) {
	want = f.variable(user, want)
	switch op {
	case "_in", "_nin":
		list, _ := want.([]any)
		in := f.oneOf(user, list)
		return func(have any) (bool, error) { return in(have) == (op == "_in"), nil }
	}
	return func(have any) (bool, error) { return matchValue(have, op, want) }
}

// oneOf reports whether a value is one of a list.
func (f *Fake) oneOf(user string, list []any) func(have any) bool {
	texts, odd := make(map[string]bool, len(list)), []any{}
	for _, v := range list {
		v = f.variable(user, v)
		if v == nil {
			continue
		}
		text := textOf(v)
		texts[text] = true
		if isDate(text) || isNumber(text) && strings.TrimLeft(text, "0-") != text { // may be written in another way
			odd = append(odd, v)
		}
	}
	return func(have any) bool {
		return have != nil && (texts[textOf(have)] || slices.ContainsFunc(odd, func(v any) bool { return equal(have, v) }))
	}
}

// matchValue evaluates the operators that take one value.
func matchValue(have any, op string, want any) (bool, error) {
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
	case "_null":
		return null == (want != false), nil
	case "_nnull":
		return null != (want != false), nil
	case "_contains":
		return !null && strings.Contains(textOf(have), textOf(want)), nil
	case "_icontains":
		return !null && strings.Contains(strings.ToLower(textOf(have)), strings.ToLower(textOf(want))), nil
	case "_ncontains":
		return null || !strings.Contains(textOf(have), textOf(want)), nil
	}
	return false, invalid("INVALID_QUERY", fmt.Sprintf("Invalid filter operator %q.", op))
}
