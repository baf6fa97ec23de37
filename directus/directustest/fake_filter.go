package directustest

import (
	"fmt"
	"slices"
	"strings"
)

// A matcher reports whether an item passes a filter, or that the filter cannot be evaluated. Callers hold mu.
type matcher func(row map[string]any) (bool, *apiError)

// compile makes a matcher of a user's filter. The matcher must be used before mu is released. Callers hold mu.
func (f *Fake) compile(relations map[string]string, user string, filter map[string]any) matcher {
	rules := make([]matcher, 0, len(filter))
	for name, rule := range filter {
		rules = append(rules, f.compileRule(relations, user, name, rule))
	}
	return all(rules)
}

func all(rules []matcher) matcher {
	if len(rules) == 1 {
		return rules[0]
	}
	return func(row map[string]any) (bool, *apiError) {
		for _, rule := range rules {
			if ok, err := rule(row); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}
}

func anyOf(rules []matcher) matcher {
	return func(row map[string]any) (bool, *apiError) {
		for _, rule := range rules {
			if ok, err := rule(row); ok || err != nil {
				return ok && err == nil, err
			}
		}
		return len(rules) == 0, nil
	}
}

func failing(err *apiError) matcher {
	return func(map[string]any) (bool, *apiError) { return false, err }
}

func (f *Fake) compileRule(relations map[string]string, user, name string, rule any) matcher {
	if name == "_and" || name == "_or" {
		list, _ := rule.([]any)
		rules := make([]matcher, len(list))
		for i, part := range list {
			sub, _ := part.(map[string]any)
			rules[i] = f.compile(relations, user, sub)
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
		if !strings.HasPrefix(op, "_") {
			related := relations[name]
			inner := f.compile(f.relations(related), user, map[string]any{op: want})
			rules = append(rules, func(row map[string]any) (bool, *apiError) { return inner(f.related(related, row[name])) })
			continue
		}
		test := f.compileOp(user, op, want)
		rules = append(rules, func(row map[string]any) (bool, *apiError) {
			if s, textual := row[name].(string); textual && isComparison(op) && !isDate(s) {
				return false, invalid("INVALID_QUERY", fmt.Sprintf("\"uuid\" field type does not contain the %q filter operator", op))
			}
			return test(row[name])
		})
	}
	return all(rules)
}

func isDate(s string) bool {
	_, ok := parseDate(s)
	return ok
}

// isComparison reports whether an operator is one that Directus refuses for keys that are
// uuids or texts.
func isComparison(op string) bool { return slices.Contains([]string{"_lt", "_lte", "_gt", "_gte"}, op) }

func (f *Fake) compileOp(user, op string, want any) func(have any) (bool, *apiError) {
	want = f.variable(user, want)
	switch op {
	case "_in", "_nin":
		list, _ := want.([]any)
		in := f.oneOf(user, list)
		return func(have any) (bool, *apiError) { return in(have) == (op == "_in"), nil }
	}
	return func(have any) (bool, *apiError) { return matchValue(have, op, want) }
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

// matchValue evaluates the operators that compare.
func matchValue(have any, op string, want any) (bool, *apiError) {
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
	case "_between":
		list, _ := want.([]any)
		return !null && len(list) == 2 && compare(have, list[0]) >= 0 && compare(have, list[1]) <= 0, nil
	}
	return matchText(have, op, textOf(want))
}

// matchText evaluates the operators that look into texts.
func matchText(have any, op, pattern string) (bool, *apiError) {
	null, text := have == nil, textOf(have)
	switch op {
	case "_empty":
		return null || text == "", nil
	case "_nempty":
		return !null && text != "", nil
	case "_contains":
		return !null && strings.Contains(text, pattern), nil
	case "_icontains":
		return !null && strings.Contains(strings.ToLower(text), strings.ToLower(pattern)), nil
	case "_ncontains":
		return null || !strings.Contains(text, pattern), nil
	case "_starts_with":
		return !null && strings.HasPrefix(text, pattern), nil
	case "_istarts_with":
		return !null && strings.HasPrefix(strings.ToLower(text), strings.ToLower(pattern)), nil
	case "_ends_with":
		return !null && strings.HasSuffix(text, pattern), nil
	}
	return false, invalid("INVALID_QUERY", fmt.Sprintf("Invalid filter operator %q.", op))
}
