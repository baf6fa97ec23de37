package directustest

import (
	"slices"
	"strings"
)

// pick is the part of an item that was asked for. Callers hold mu.
func (f *Fake) pick(name, user string, row map[string]any, fields []string) (map[string]any, error) {
	if len(fields) == 0 {
		fields = []string{"*"}
	}
	c, out, nested := f.collections[name], map[string]any{}, map[string][]string{}
	allowed, limited := f.fields[permission{user, name, "read"}]
	for _, field := range fields {
		head, rest, deep := strings.Cut(field, ".")
		if limited && head != "*" && !slices.Contains(allowed, head) {
			return nil, forbidden()
		}
		switch {
		case head == "*" && !deep:
			for k, v := range row {
				if _, done := out[k]; !done {
					out[k] = f.given(name, k, v)
				}
			}
		case head == "*":
			for k := range c.Relations {
				nested[k] = append(nested[k], rest)
			}
		case deep:
			nested[head] = append(nested[head], rest)
		case c.Lists[head] != "":
			if items, readable := f.listed(c, user, row, head); readable {
				out[head] = f.keysOf(c, head, items)
			}
		default:
			v, known := row[head]
			if !known {
				if f.before("11") {
					continue
				}
				return nil, forbidden()
			}
			out[head] = f.given(name, head, v)
		}
	}
	for head, rest := range nested {
		var err error
		if c.Lists[head] != "" {
			err = f.pickList(out, c, user, row, head, rest)
		} else {
			err = f.pickRelated(out, c, user, row, head, rest)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pickRelated is pick for the fields of the item that a many-to-one field refers to. Callers
// hold mu.
func (f *Fake) pickRelated(out map[string]any, c *collection, user string, row map[string]any, field string, fields []string) error {
	if _, known := row[field]; !known && !f.before("11") {
		return forbidden()
	}
	related := c.Relations[field]
	if related == "" || !f.may(user, related, "read") {
		delete(out, field) // the key is missing altogether
		return nil
	}
	item := f.related(related, row[field])
	if item == nil || !f.visible(related, user, item) {
		out[field] = nil
		return nil
	}
	sub, err := f.pick(related, user, item, fields)
	if err != nil {
		return err
	}
	out[field] = sub
	return nil
}

// listed are the items that a one-to-many field of an item stands for; false if
// the user may read none of their collection. Callers hold mu.
func (f *Fake) listed(c *collection, user string, row map[string]any, field string) (items []map[string]any, readable bool) {
	related, back, _ := strings.Cut(c.Lists[field], ".")
	if !f.may(user, related, "read") {
		return nil, false
	}
	for _, item := range f.rows(related) {
		if keyText(item[back]) == keyText(row[c.Key]) && f.visible(related, user, item) {
			items = append(items, item)
		}
	}
	return items, true
}

// pickList is pick for a one-to-many field. Where the user may read none of the
// collections that its items refer to, Directus gives their keys. Callers hold mu.
func (f *Fake) pickList(out map[string]any, c *collection, user string, row map[string]any, field string, fields []string) error {
	items, readable := f.listed(c, user, row, field)
	if !readable {
		return nil // the key is missing altogether
	}
	related, _, _ := strings.Cut(c.Lists[field], ".")
	picked := []any{}
	for _, item := range items {
		sub, err := f.pick(related, user, item, fields)
		if err != nil {
			return err
		}
		if len(sub) > 0 {
			picked = append(picked, sub)
		}
	}
	if len(picked) < len(items) {
		picked = f.keysOf(c, field, items)
	}
	out[field] = picked
	return nil
}

// keysOf are the keys of the items of a one-to-many field. Callers hold mu.
func (f *Fake) keysOf(c *collection, field string, items []map[string]any) []any {
	related, _, _ := strings.Cut(c.Lists[field], ".")
	keys := []any{}
	for _, item := range items {
		keys = append(keys, item[f.collections[related].Key])
	}
	return keys
}
