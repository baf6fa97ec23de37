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

// Channel is a Config that was validated and prepared for use. It is immutable but for
// recent, so any goroutine may use it.
type Channel struct {
	Config
	// Equal holds the conditions of a filter that the daemon can evaluate itself; nil
	// means that only Directus can evaluate the filter.
	Equal []equality
	// Private marks the view of all private messages of the user who reads it. Such a
	// Channel has no name.
	Private bool
	// Base is the address that relative links in the texts lead from; empty: none is known.
	Base   string
	recent recentTexts // has a lock of its own
}

// equality is a condition that a field has a value, compared as text.
type equality struct{ field, value string }

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
	// Query lists the fields to ask for in every read and subscription.
	Query []string
	// Dates is shared by all groups that read the same date field, also across a change
	// of the configuration.
	Dates *Dates
	// Reactions is where reactions to the messages of the channels are stored; nil:
	// there are none.
	Reactions *Reactions
	Edits     Edits
	weight    weight
	// Common means that which rows a reader sees depends only on the reader's rights, not
	// on who the reader is. Asked lists the fields that the filter evaluates.
	Common bool
	Asked  []string
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
// value}`. Otherwise they are nil.
func equalities(filter map[string]any) []equality {
	all, ok := conditions(filter, "_and")
	if !ok {
		return nil
	}
	eqs := make([]equality, len(all))
	for i, c := range all {
		raw, err := json.Marshal(c.value)
		if c.operator != "_eq" || !isScalar(c.value) || err != nil {
			return nil
		}
		eqs[i] = equality{c.field, Scalar(raw)}
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

// GroupChannels makes channels of their configurations and lists the groups to try for
// each, the best first: together with all channels that can share a subscription, then
// alone, then the same without the fields that a channel can do without. More than one
// is needed because a shared group asks for the filter fields of all its channels, and a
// user may not be allowed to read those of another channel. byName is keyed by folded
// name. The error names the channel that is at fault.
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
	f.Reply, f.Files, f.Kind = "", "", ""
	return f
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
	case cfg.Reactions != nil && slices.Contains([]string{cfg.Reactions.Collection, cfg.Reactions.Message, cfg.Reactions.Text, cfg.Reactions.Author, cfg.Reactions.Date}, ""):
		return nil, fmt.Errorf("channel %q: reactions need a collection and the fields message, text, author and date", cfg.Name)
	}
	return &Channel{Config: cfg, Equal: equalities(cfg.Filter)}, nil
}

// Prepare derives Query, Filter, Common and Asked from the group's channels. Call it
// once, before the group is used.
func (g *Group) Prepare() {
	g.Query = []string{g.Fields.Key(), g.Fields.Text, g.Fields.Author, g.Fields.Date}
	if g.Fields.Recipient != "" {
		g.Query = append(g.Query, g.Fields.Recipient)
	}
	filters := make([]directus.Filter, 0, len(g.Channels))
	if g.Fields.Kind != "" {
		g.Query = append(g.Query, g.Fields.Kind)
	}
	g.Common, g.Asked = true, nil
	for _, c := range g.Channels {
		fields, plain := plainFields(c.Filter)
		g.Common, g.Asked = g.Common && plain && !c.Private, append(g.Asked, fields...)
		for _, eq := range c.Equal {
			g.ask(eq.field)
		}
		if c.SoftDelete != nil {
			g.ask(c.SoftDelete.Field)
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
			g.ask(g.Fields.Reply + "." + field)
		}
	}
	if g.Fields.Files != "" {
		g.ask(g.Fields.Files) // keys only: names and sizes are read when a message is shown
	}
}

// Concerns reports whether a row may be shown to a user. The filter asks Directus for no
// other rows; private messages are checked again here nevertheless.
func (g *Group) Concerns(r Row, user string) bool {
	return !g.Channels[0].Private || user != "" && (r.Author == user || r.Recipient == user)
}

// Events lists the kinds of events to subscribe to. Each update costs Directus as much
// as a new message, for every subscriber, so updates are left out where they cannot
// change what is shown.
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

func (g *Group) ask(field string) {
	if !slices.Contains(g.Query, field) {
		g.Query = append(g.Query, field)
	}
}

// Dated narrows a filter to rows with a date. A row without one has no place in the
// order of a history and is shown only live. Directus itself dates every item that is
// created through it.
func (g *Group) Dated(filter directus.Filter) directus.Filter {
	return directus.And(filter, directus.Filter{g.Fields.Date: map[string]any{"_nnull": true}})
}

// Audience identifies the users who provably see the same of a group: Directus has said of
// each that no rule limits which rows and fields of the group they read, and that of the
// names, files and reactions that belong to its messages they read equally much. Users
// with equal audiences may share one feed. An audience can also be a single user, see
// AudienceOf. An empty one proves nothing.
type Audience string

// AudienceOf returns the audience that consists of one user.
func AudienceOf(user string) Audience { return Audience("user " + user) }

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
