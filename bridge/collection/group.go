package collection

import (
	"fmt"
	"slices"

	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// Group is a set of channels that one subscription serves: a subscription
// costs Directus about a millisecond an event, so channels of one collection
// that differ by the value of a field share one and are told apart here.
// Immutable.
type Group struct {
	Collection string
	Fields     Fields
	// Channels are those of the group. In a group of rooms the first stands for all of them and
	// shows nothing itself; the others show messages without a room.
	Channels []*Channel
	// Index finds the channels of a row; nil: they are looked at one after the other.
	Index *Index
	// lacking are the channels for rows without a value to look for in Index.
	lacking []*Channel
	// Filter is what Directus evaluates; empty: all rows.
	Filter directus.Filter
	// Query lists the fields to ask for in every read and subscription.
	Query []string
	// compared lists the fields of a row by whose values channels are told apart.
	compared []string
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

// Prepare derives Query, Filter, Common and Asked from the group's channels, and their Index.
// Call it once, before the group is used.
func (g *Group) Prepare() {
	if g.Index == nil {
		g.Index, g.lacking = indexOf(g.Channels)
	} else {
		defer g.ask(g.Index.Field)
		g.compared = append(g.compared, g.Index.Field)
	}
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
			g.compared = append(g.compared, eq.field)
		}
		if c.SoftDelete != nil {
			g.ask(c.SoftDelete.Field)
			g.compared = append(g.compared, c.SoftDelete.Field)
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
	if edits.Show || moves || g.Index != nil {
		kinds = append(kinds, directus.EventUpdate)
	}
	return kinds
}

// With is a group of rooms that also serves the channels for messages without a room.
func (g *Group) With(roomless []*Channel) *Group {
	with := &Group{
		Collection: g.Collection, Fields: g.Fields, Reactions: g.Reactions, Index: g.Index, Dates: g.Dates, Edits: g.Edits,
		Channels: slices.Concat(g.Channels[:1], roomless), lacking: roomless,
	}
	with.Prepare()
	return with
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

// Choices are the fields to ask for, best first: all, and those without which there is no
// message, as a user may not be allowed to read the others.
func (f Fields) Choices() []Fields {
	if bare := f.bare(); bare != f {
		return []Fields{f, bare}
	}
	return []Fields{f}
}
