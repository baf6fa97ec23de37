package collection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"directus-ircd/ircd/wire"
)

// Channel is a Config that was validated and prepared for use. It is immutable but for its
// name and recent, so any goroutine may use it.
type Channel struct {
	Config
	// Room is the key of the item that the channel is made of; empty for one that is
	// configured by itself.
	Room string
	// Equal holds the conditions of a filter that the daemon can evaluate itself; nil
	// means that only Directus can evaluate the filter.
	Equal []equality
	// Private marks the view of all private messages of the user who reads it. Such a
	// Channel has no name.
	Private bool
	// Base is the address that relative links in the texts lead from; empty: none is known.
	Base   string
	recent recentTexts            // has a lock of its own
	name   atomic.Pointer[string] // see Rename; nil: Config.Name
	key    string                 // see Key; empty: made of Config.Name
}

// Name is the IRC name of the channel now, and empty for private messages. That of a room may
// change, so nothing is stored under it: see Key.
func (c *Channel) Name() string {
	if name := c.name.Load(); name != nil {
		return *name
	}
	return c.Config.Name
}

// Rename changes the name that clients are to be shown from now on.
func (c *Channel) Rename(name string) { c.name.Store(&name) }

// Key tells the channel from all others as long as it exists, and across restarts: the folded
// name of a configured channel, and for a room what no channel can be named.
func (c *Channel) Key() string {
	if c.key != "" {
		return c.key
	}
	return wire.Fold(c.Config.Name)
}

// RoomKey is the Key of the channel of a room.
func RoomKey(id string) string { return "room " + id }

// RoomOf is the key of the room whose channel has a Key; ok is false for other channels.
func RoomOf(key string) (id string, ok bool) { return strings.CutPrefix(key, RoomKey("")) }

// NewRoom makes the channel of a room of a configuration for all rooms: its messages have the
// key of the room in a field.
func NewRoom(cfg Config, field, id, name string) (*Channel, error) {
	cfg.Name = name
	cfg.Filter = map[string]any{field: map[string]any{"_eq": id}}
	cfg.Set = maps.Clone(cfg.Set)
	if cfg.Set == nil {
		cfg.Set = map[string]any{}
	}
	// A key, not an object: that would make a room.
	cfg.Set[field] = KeyValue(id)
	c, err := NewChannel(cfg)
	if err != nil {
		return nil, err
	}
	c.Room, c.key = id, RoomKey(id)
	return c, nil
}

// equality is a condition that a field has a value, compared as text, or that it has none.
type equality struct {
	field, value string
	null         bool
}

// condition is what a filter asks of a field.
type condition struct {
	field, operator string
	value           any
}

// conditions takes a filter apart; lists are the names under which there may be lists of filters.
// ok is false where it holds anything but `field: {operator: value}`: its result may then depend
// on functions or on other collections.
func conditions(filter map[string]any, lists ...string) (all []condition, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(filter)) {
		if slices.Contains(lists, name) {
			parts, isList := filter[name].([]any)
			if !isList {
				return nil, false
			}
			for _, part := range parts {
				sub, isMap := part.(map[string]any)
				more, ok := conditions(sub, lists...)
				if !isMap || !ok {
					return nil, false
				}
				all = append(all, more...)
			}
			continue
		}
		operators, isMap := filter[name].(map[string]any)
		if !isMap || len(operators) == 0 || name == "" || name[0] == '_' || strings.ContainsAny(name, "$.(") {
			return nil, false
		}
		for operator, value := range operators {
			if !strings.HasPrefix(operator, "_") {
				return nil, false
			}
			all = append(all, condition{name, operator, value})
		}
	}
	return all, true
}

// equalities are the conditions of a filter if they can be checked on a row: all are `field: {_eq:
// value}` or `field: {_null: true}`. Otherwise they are nil.
func equalities(filter map[string]any) []equality {
	all, ok := conditions(filter, "_and")
	if !ok {
		return nil
	}
	eqs := make([]equality, len(all))
	for i, c := range all {
		if c.operator == "_null" && c.value == true {
			eqs[i] = equality{field: c.field, null: true}
			continue
		}
		raw, err := json.Marshal(c.value)
		if c.operator != "_eq" || !isScalar(c.value) || err != nil {
			return nil
		}
		eqs[i] = equality{field: c.field, value: Scalar(raw)}
	}
	return eqs
}

// isScalar leaves out null (Directus has _null for it), composite values and
// variables such as $CURRENT_USER, which only Directus can resolve.
func isScalar(value any) bool {
	switch v := value.(type) {
	case string:
		return v == "" || v[0] != '$'
	case bool, int, int64, uint64, float64:
		return true
	}
	return false
}

// Matches reports whether a row of the channel's group is shown in the channel:
// it belongs there and is not marked as deleted.
func (c *Channel) Matches(r Row) bool { return c.Covers(r) && !c.Deleted(r) }

// Covers reports whether a row belongs to the channel, deleted or not.
func (c *Channel) Covers(r Row) bool {
	for _, eq := range c.Equal {
		raw := r.Values[eq.field]
		if eq.null {
			if string(raw) != "null" {
				return false
			}
			continue
		}
		// By their text: Directus gives the key 3 of a related item as 3 or
		// "3", depending on the schema.
		if !isValue(raw) || Scalar(raw) != eq.value {
			return false
		}
	}
	return true
}

// Lacks reports whether the channel shows only rows without a value in a field, by a condition that
// can be checked on a row.
func (c *Channel) Lacks(field string) bool {
	return slices.Contains(c.Equal, equality{field: field, null: true})
}

// isValue reports whether a raw field holds something that can equal a value.
func isValue(raw json.RawMessage) bool {
	return len(raw) > 0 && raw[0] != 'n' && raw[0] != '{' && raw[0] != '['
}

// Mark is the change that marks a row as deleted, of the type that the field has
// (true and false of a field without a value are no words); nil where there is no
// mark.
func (s *SoftDelete) Mark(r Row) map[string]any {
	if s == nil {
		return nil
	}
	value, raw := s.Values[0], r.Values[s.Field]
	null := len(raw) == 0 || raw[0] == 'n'
	if null && (value == "true" || value == "false") || !null && raw[0] != '"' && json.Valid([]byte(value)) {
		return map[string]any{s.Field: json.RawMessage(value)}
	}
	return map[string]any{s.Field: value}
}

// Deleted reports whether a row is marked as deleted. A row without the field, or
// with null in it, is not.
func (c *Channel) Deleted(r Row) bool {
	if c.SoftDelete == nil {
		return false
	}
	raw := r.Values[c.SoftDelete.Field]
	return len(raw) > 0 && raw[0] != 'n' && slices.Contains(c.SoftDelete.Values, Scalar(raw))
}

// NewChannel makes a channel of a configuration. The error names the channel and what is
// wrong with it.
func NewChannel(cfg Config) (*Channel, error) {
	switch {
	case !wire.IsChannel(cfg.Name):
		return nil, fmt.Errorf("channel %q: not a channel name", cfg.Name)
	case cfg.Collection == "" || cfg.Fields.Text == "" || cfg.Fields.Author == "" || cfg.Fields.Date == "":
		return nil, fmt.Errorf("channel %q: collection and the fields text, author and date are needed", cfg.Name)
	case !cfg.Format.Valid():
		return nil, fmt.Errorf("channel %q: format %q is none of plain, markdown, html", cfg.Name, cfg.Format)
	case cfg.SoftDelete != nil && (cfg.SoftDelete.Field == "" || len(cfg.SoftDelete.Values) == 0):
		return nil, fmt.Errorf("channel %q: the mark of deleted items needs a field and values", cfg.Name)
	case !cfg.Reactions.Complete():
		return nil, fmt.Errorf("channel %q: reactions need a collection and the fields message, text, author and date", cfg.Name)
	}
	return &Channel{Config: cfg, Equal: equalities(cfg.Filter), key: wire.Fold(cfg.Name)}, nil
}

// plainFields lists the fields that a filter evaluates. ok is false if its result may
// depend on who asks, through a variable or through rights in another collection.
func plainFields(filter map[string]any) (fields []string, ok bool) {
	all, ok := conditions(filter, "_and", "_or")
	for _, c := range all {
		if !isConstant(c.value) {
			return nil, false
		}
		fields = append(fields, c.field)
	}
	return fields, ok
}

// isConstant is isScalar, or a list of such values.
func isConstant(value any) bool {
	if list, ok := value.([]any); ok {
		return !slices.ContainsFunc(list, func(v any) bool { return !isScalar(v) })
	}
	return isScalar(value)
}
