package bridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// channel is a Channel made ready for use. Immutable, but for recent.
type channel struct {
	Channel
	// equal holds the conditions of a filter that the daemon evaluates by
	// itself; nil for a filter that only Directus can evaluate.
	equal []equality
	// private says that it is not a channel but all private messages of the
	// user who reads it. It has no name.
	private bool
	recent  recentTexts // has a lock of its own
}

type equality struct {
	field string
	value string
}

// group is a set of channels that one subscription serves: a subscription
// costs Directus about a millisecond an event, so channels of one collection
// that differ by the value of a field share one and are told apart here.
// Immutable.
type group struct {
	collection string
	fields     Fields
	channels   []*channel
	// filter is what Directus evaluates; empty: all rows.
	filter directus.Filter
	// query are the fields to ask for in every read and subscription.
	query []string
	// dates is shared by all groups that read the same field, of one configuration and the next.
	dates *dates
	// reactions is where those to the messages of all channels are; nil: there
	// are none.
	reactions *Reactions
	edits     Edits
	// weight is what a row takes in an answer.
	weight weight
	// common says that the rows depend on the readers' rights only, and asked are
	// the fields that the filter looks at.
	common bool
	asked  []string
}

// equalities takes a filter apart into conditions that can be checked on a row;
// ok is false where it holds anything but `field: {_eq: value}`, alone or
// under _and.
func equalities(filter map[string]any) (eqs []equality, ok bool) {
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
		eqs = append(eqs, equality{field, scalar(raw)})
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

// matches reports whether a row of the channel's group is shown in the channel:
// it belongs there and is not marked as deleted.
func (c *channel) matches(r row) bool { return c.covers(r) && !c.deleted(r) }

// covers reports whether a row belongs to the channel, deleted or not.
func (c *channel) covers(r row) bool {
	for _, eq := range c.equal {
		// By their text: Directus gives the key 3 of a related item as 3 or
		// "3", depending on the schema.
		if raw := r.values[eq.field]; len(raw) == 0 || raw[0] == 'n' || raw[0] == '{' || raw[0] == '[' || scalar(raw) != eq.value {
			return false
		}
	}
	return true
}

// mark is the change that marks a row as deleted, of the type that the field has
// (true and false of a field without a value are no words); nil where there is no
// mark.
func (s *SoftDelete) mark(r row) map[string]any {
	if s == nil {
		return nil
	}
	value, raw := s.Values[0], r.values[s.Field]
	null := len(raw) == 0 || raw[0] == 'n'
	if null && (value == "true" || value == "false") || !null && raw[0] != '"' && json.Valid([]byte(value)) {
		return map[string]any{s.Field: json.RawMessage(value)}
	}
	return map[string]any{s.Field: value}
}

// deleted reports whether a row is marked as deleted. A row without the field, or
// with null in it, is not.
func (c *channel) deleted(r row) bool {
	if c.SoftDelete == nil {
		return false
	}
	raw := r.values[c.SoftDelete.Field]
	return len(raw) > 0 && raw[0] != 'n' && slices.Contains(c.SoftDelete.Values, scalar(raw))
}

// groupChannels validates the channels and says in which groups to try each:
// with others that it can share a subscription with, then alone, then both
// without the fields that a channel can do without. Sharing asks for the filter
// fields of all, and a user may not be allowed to read those of another channel.
func groupChannels(configured []Channel, made func(Channel) (*channel, error)) (byName map[string]*channel, groups map[*channel][]*group, err error) {
	byName = map[string]*channel{}
	shared := map[string]*group{}
	keys := map[*channel]string{}
	for _, cfg := range configured {
		c, err := made(cfg)
		if err != nil {
			return nil, nil, err
		}
		if byName[wire.Fold(cfg.Name)] != nil {
			return nil, nil, fmt.Errorf("channel %q is configured twice", cfg.Name)
		}
		byName[wire.Fold(cfg.Name)] = c
		if c.equal == nil {
			continue
		}
		key := fmt.Sprintf("%q %q", cfg.Collection, cfg.Fields)
		if cfg.Reactions != nil {
			key += fmt.Sprintf(" %q", *cfg.Reactions)
		}
		keys[c] = key
		if shared[key] == nil {
			shared[key] = &group{collection: cfg.Collection, fields: cfg.Fields, reactions: cfg.Reactions}
		}
		shared[key].channels = append(shared[key].channels, c)
	}
	groups = map[*channel][]*group{}
	bare := map[*group]*group{}
	for _, c := range byName {
		alone := &group{collection: c.Collection, fields: c.Fields, channels: []*channel{c}, reactions: c.Reactions}
		groups[c] = []*group{alone}
		if g := shared[keys[c]]; g != nil && len(g.channels) > 1 {
			groups[c] = []*group{g, alone}
		}
		if c.Fields.bare() == c.Fields {
			continue
		}
		for _, g := range groups[c] {
			if bare[g] == nil {
				bare[g] = &group{collection: g.collection, fields: g.fields.bare(), channels: g.channels, reactions: g.reactions}
			}
			groups[c] = append(groups[c], bare[g])
		}
	}
	for _, list := range groups {
		for _, g := range list {
			g.prepare()
		}
	}
	return byName, groups, nil
}

// bare leaves out what a message can do without.
func (f Fields) bare() Fields {
	f.Reply, f.Files = "", ""
	return f
}

// newChannel validates a channel.
func newChannel(cfg Channel) (*channel, error) {
	switch {
	case !wire.IsChannel(cfg.Name):
		return nil, fmt.Errorf("channel %q: not a channel name", cfg.Name)
	case cfg.Collection == "" || cfg.Fields.Text == "" || cfg.Fields.Author == "" || cfg.Fields.Date == "":
		return nil, fmt.Errorf("channel %q: collection and the fields text, author and date are needed", cfg.Name)
	case !cfg.Format.valid():
		return nil, fmt.Errorf("channel %q: format %q is none of plain, markdown, html", cfg.Name, cfg.Format)
	case cfg.SoftDelete != nil && (cfg.SoftDelete.Field == "" || len(cfg.SoftDelete.Values) == 0):
		return nil, fmt.Errorf("channel %q: the mark of deleted items needs a field and values", cfg.Name)
	case cfg.Reactions != nil && slices.Contains([]string{cfg.Reactions.Collection, cfg.Reactions.Message, cfg.Reactions.Text, cfg.Reactions.Author, cfg.Reactions.Date}, ""):
		return nil, fmt.Errorf("channel %q: reactions need a collection and the fields message, text, author and date", cfg.Name)
	}
	eqs, ok := equalities(cfg.Filter)
	if !ok {
		return &channel{Channel: cfg}, nil
	}
	return &channel{Channel: cfg, equal: append([]equality{}, eqs...)}, nil
}

// prepare derives what is asked of Directus from the group's channels.
func (g *group) prepare() {
	g.query = []string{g.fields.key(), g.fields.Text, g.fields.Author, g.fields.Date}
	if g.fields.Recipient != "" {
		g.query = append(g.query, g.fields.Recipient)
	}
	filters := make([]directus.Filter, 0, len(g.channels))
	g.common, g.asked = true, nil
	for _, c := range g.channels {
		fields, plain := plainFields(c.Filter)
		g.common, g.asked = g.common && plain && !c.private, append(g.asked, fields...)
		for _, eq := range c.equal {
			g.ask(eq.field)
		}
		if c.SoftDelete != nil {
			g.ask(c.SoftDelete.Field)
		}
		if len(c.Filter) > 0 {
			filters = append(filters, directus.Filter(c.Filter))
		}
	}
	if len(filters) == len(g.channels) {
		g.filter = directus.Or(filters...)
	}
	if g.fields.Reply != "" {
		// The same of the message that one answers, so that it can be judged
		// and shown like any other.
		for _, field := range slices.Clone(g.query) {
			g.ask(g.fields.Reply + "." + field)
		}
	}
	if g.fields.Files != "" {
		g.ask(g.fields.Files) // the keys; see shelf
	}
}

// concerns reports whether a row may be shown to a user. Directus was asked for
// nothing else; what two people say to each other is worth asking twice.
func (g *group) concerns(r row, user string) bool {
	return !g.channels[0].private || user != "" && (r.author == user || r.recipient == user)
}

// events are the kinds of events that the group's channels need. An update costs
// Directus as much as a new message, for each user: where nothing that it could
// change is shown, none is asked for.
func (g *group) events(edits Edits) []directus.EventKind {
	kinds := []directus.EventKind{directus.EventCreate, directus.EventDelete}
	moves := slices.ContainsFunc(g.channels, func(c *channel) bool {
		return c.SoftDelete != nil || !c.private && len(c.Filter) > 0
	})
	if edits.Show || moves {
		kinds = append(kinds, directus.EventUpdate)
	}
	return kinds
}

// ask adds a field to those that are asked for.
func (g *group) ask(field string) {
	if !slices.Contains(g.query, field) {
		g.query = append(g.query, field)
	}
}

// dated leaves out rows without a date, which have no place in the order; they
// are seen only live. Directus sets the date of every item created through it.
func (g *group) dated(filter directus.Filter) directus.Filter {
	return directus.And(filter, directus.Filter{g.fields.Date: map[string]any{"_nnull": true}})
}
