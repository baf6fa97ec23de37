package collection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// Channel is a Channel made ready for use. Immutable, but for recent.
type Channel struct {
	Config
	// Equal holds the conditions of a filter that the daemon evaluates by
	// itself; nil for a filter that only Directus can evaluate.
	Equal []Equality
	// Private says that it is not a channel but all private messages of the
	// user who reads it. It has no name.
	Private bool
	recent  recentTexts // has a lock of its own
}

type Equality struct {
	field string
	value string
}

// Group is a set of channels that one subscription serves: a subscription
// costs Directus about a millisecond an event, so channels of one collection
// that differ by the value of a field share one and are told apart here.
// Immutable.
type Group struct {
	Collection string
	Fields     Fields
	Channels   []*Channel
	// Filter is what Directus evaluates; empty: all rows.
	Filter directus.Filter
	// Query are the fields to ask for in every read and subscription.
	Query []string
	// Dates is shared by all groups that read the same field, of one configuration and the next.
	Dates *Dates
	// Reactions is where those to the messages of all channels are; nil: there
	// are none.
	Reactions *Reactions
	Edits     Edits
	// weight is what a row takes in an answer.
	weight weight
	// Common says that the rows depend on the readers' rights only, and asked are
	// the fields that the filter looks at.
	Common bool
	Asked  []string
}

// equalities takes a filter apart into conditions that can be checked on a row;
// ok is false where it holds anything but `field: {_eq: value}`, alone or
// under _and.
func equalities(filter map[string]any) (eqs []Equality, ok bool) {
	for _, field := range slices.Sorted(maps.Keys(filter)) {
		if field == "_and" {
			parts, isList := filter[field].([]any)
			if !isList {
				return nil, false
			}
			for _, part := range parts {
				sub, isMap := part.(map[string]any)
				if !isMap {
					return nil, false
				}
				more, ok := equalities(sub)
				if !ok {
					return nil, false
				}
				eqs = append(eqs, more...)
			}
			continue
		}
		condition, isMap := filter[field].(map[string]any)
		value, isEq := condition["_eq"]
		if !isMap || !isEq || len(condition) != 1 || field[0] == '_' || field[0] == '$' || !isScalar(value) {
			return nil, false
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, false
		}
		eqs = append(eqs, Equality{field, Scalar(raw)})
	}
	return eqs, true
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
		// By their text: Directus gives the key 3 of a related item as 3 or
		// "3", depending on the schema.
		if raw := r.Values[eq.field]; len(raw) == 0 || raw[0] == 'n' || raw[0] == '{' || raw[0] == '[' || Scalar(raw) != eq.value {
			return false
		}
	}
	return true
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

// GroupChannels validates the channels and says in which groups to try each:
// with others that it can share a subscription with, then alone, then both
// without the fields that a channel can do without. Sharing asks for the filter
// fields of all, and a user may not be allowed to read those of another channel.
func GroupChannels(configured []Config, made func(Config) (*Channel, error)) (byName map[string]*Channel, groups map[*Channel][]*Group, err error) {
	byName = map[string]*Channel{}
	shared := map[string]*Group{}
	keys := map[*Channel]string{}
	for _, cfg := range configured {
		c, err := made(cfg)
		if err != nil {
			return nil, nil, err
		}
		if byName[wire.Fold(cfg.Name)] != nil {
			return nil, nil, fmt.Errorf("channel %q is configured twice", cfg.Name)
		}
		byName[wire.Fold(cfg.Name)] = c
		if c.Equal == nil {
			continue
		}
		key := fmt.Sprintf("%q %q", cfg.Collection, cfg.Fields)
		if cfg.Reactions != nil {
			key += fmt.Sprintf(" %q", *cfg.Reactions)
		}
		keys[c] = key
		if shared[key] == nil {
			shared[key] = &Group{Collection: cfg.Collection, Fields: cfg.Fields, Reactions: cfg.Reactions}
		}
		shared[key].Channels = append(shared[key].Channels, c)
	}
	groups = map[*Channel][]*Group{}
	bare := map[*Group]*Group{}
	for _, c := range byName {
		alone := &Group{Collection: c.Collection, Fields: c.Fields, Channels: []*Channel{c}, Reactions: c.Reactions}
		groups[c] = []*Group{alone}
		if g := shared[keys[c]]; g != nil && len(g.Channels) > 1 {
			groups[c] = []*Group{g, alone}
		}
		if c.Fields.bare() == c.Fields {
			continue
		}
		for _, g := range groups[c] {
			if bare[g] == nil {
				bare[g] = &Group{Collection: g.Collection, Fields: g.Fields.bare(), Channels: g.Channels, Reactions: g.Reactions}
			}
			groups[c] = append(groups[c], bare[g])
		}
	}
	for _, list := range groups {
		for _, g := range list {
			g.Prepare()
		}
	}
	return byName, groups, nil
}

// bare leaves out what a message can do without.
func (f Fields) bare() Fields {
	f.Reply, f.Files = "", ""
	return f
}

// NewChannel validates a channel.
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
	case cfg.Reactions != nil && slices.Contains([]string{cfg.Reactions.Collection, cfg.Reactions.Message, cfg.Reactions.Text, cfg.Reactions.Author, cfg.Reactions.Date}, ""):
		return nil, fmt.Errorf("channel %q: reactions need a collection and the fields message, text, author and date", cfg.Name)
	}
	eqs, ok := equalities(cfg.Filter)
	if !ok {
		return &Channel{Config: cfg}, nil
	}
	return &Channel{Config: cfg, Equal: append([]Equality{}, eqs...)}, nil
}

// Prepare derives what is asked of Directus from the group's channels.
func (g *Group) Prepare() {
	g.Query = []string{g.Fields.Key(), g.Fields.Text, g.Fields.Author, g.Fields.Date}
	if g.Fields.Recipient != "" {
		g.Query = append(g.Query, g.Fields.Recipient)
	}
	filters := make([]directus.Filter, 0, len(g.Channels))
	g.Common, g.Asked = true, nil
	for _, c := range g.Channels {
		fields, plain := plainFields(c.Filter)
		g.Common, g.Asked = g.Common && plain && !c.Private, append(g.Asked, fields...)
		for _, eq := range c.Equal {
			g.Ask(eq.field)
		}
		if c.SoftDelete != nil {
			g.Ask(c.SoftDelete.Field)
		}
		if len(c.Filter) > 0 {
			filters = append(filters, directus.Filter(c.Filter))
		}
	}
	if len(filters) == len(g.Channels) {
		g.Filter = directus.Or(filters...)
	}
	if g.Fields.Reply != "" {
		// The same of the message that one answers, so that it can be judged
		// and shown like any other.
		for _, field := range slices.Clone(g.Query) {
			g.Ask(g.Fields.Reply + "." + field)
		}
	}
	if g.Fields.Files != "" {
		g.Ask(g.Fields.Files) // the keys; see shelf
	}
}

// Concerns reports whether a row may be shown to a user. Directus was asked for
// nothing else; what two people say to each other is worth asking twice.
func (g *Group) Concerns(r Row, user string) bool {
	return !g.Channels[0].Private || user != "" && (r.Author == user || r.Recipient == user)
}

// Events are the kinds of events that the group's channels need. An update costs
// Directus as much as a new message, for each user: where nothing that it could
// change is shown, none is asked for.
func (g *Group) Events(edits Edits) []directus.EventKind {
	kinds := []directus.EventKind{directus.EventCreate, directus.EventDelete}
	moves := slices.ContainsFunc(g.Channels, func(c *Channel) bool {
		return c.SoftDelete != nil || !c.Private && len(c.Filter) > 0
	})
	if edits.Show || moves {
		kinds = append(kinds, directus.EventUpdate)
	}
	return kinds
}

// Ask adds a field to those that are asked for.
func (g *Group) Ask(field string) {
	if !slices.Contains(g.Query, field) {
		g.Query = append(g.Query, field)
	}
}

// Dated leaves out rows without a date, which have no place in the order; they
// are seen only live. Directus sets the date of every item created through it.
func (g *Group) Dated(filter directus.Filter) directus.Filter {
	return directus.And(filter, directus.Filter{g.Fields.Date: map[string]any{"_nnull": true}})
}

// Audience is who is shown the same of a group: all of whom Directus has said alike that
// they may read, without any rule, all its rows and the fields that it asks for, and of
// what else its messages are made either all or nothing. Or it is one user: see
// audienceOf. Empty: nothing is proven.
type Audience string

// AudienceOf is the one that a user is alone.
func AudienceOf(user string) Audience { return Audience("user " + user) }

// plainFields lists the fields that a filter looks at. ok is false where the rows
// that it leaves may depend on who asks: by a variable, or by the rights in another
// collection.
func plainFields(filter map[string]any) (fields []string, ok bool) {
	for name, value := range filter {
		if name == "_and" || name == "_or" {
			parts, isList := value.([]any)
			if !isList {
				return nil, false
			}
			for _, part := range parts {
				sub, isMap := part.(map[string]any)
				more, plain := plainFields(sub)
				if !isMap || !plain {
					return nil, false
				}
				fields = append(fields, more...)
			}
			continue
		}
		conditions, isMap := value.(map[string]any)
		if !isMap || name == "" || name[0] == '_' || strings.ContainsAny(name, "$.(") {
			return nil, false
		}
		for operator, operand := range conditions {
			if !strings.HasPrefix(operator, "_") || !isConstant(operand) {
				return nil, false
			}
		}
		fields = append(fields, name)
	}
	return fields, true
}

// isConstant is isScalar, or a list of such values.
func isConstant(value any) bool {
	if list, ok := value.([]any); ok {
		return !slices.ContainsFunc(list, func(v any) bool { return !isScalar(v) })
	}
	return isScalar(value)
}
