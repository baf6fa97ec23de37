package bridge

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/guard"
	"directus-ircd/bridge/markers"
	"directus-ircd/bridge/rooms"
	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// plan is the configuration of a Backend, prepared for use. It is immutable and replaced as a
// whole; a session adopts the new one in its next Poll.
type plan struct {
	Options
	channels map[string]*collection.Channel              // by folded name
	groups   map[*collection.Channel][]*collection.Group // groups to try to read a channel in, best first
	private  *collection.Group                           // nil without private messages
	rooms    *rooms.Rooms                                // nil without rooms
	// inRooms are the groups to try to read a room in, best first, and lobbies the channels that show
	// messages without a room, which are read in the same.
	inRooms []*collection.Group
	lobbies []*collection.Channel
	gate    *guard.Gate
}

// newPlan prepares a configuration. Channels and groups that have not changed are taken from
// the old plan, so that their feeds go on.
func newPlan(opts Options, old *plan) (*plan, error) {
	if opts.PublicURL == "" {
		opts.PublicURL = opts.Client.URL().String()
	}
	if opts.Recheck == 0 {
		opts.Recheck = 5 * time.Minute
	}
	p := &plan{Options: opts, gate: old.gate}
	if !p.gate.Fits(opts.LoginsAtOnce) {
		p.gate = guard.NewGate(opts.LoginsAtOnce)
	}
	if opts.Zone == nil {
		opts.Zone, p.Zone = time.UTC, time.UTC
	}
	same := opts.Edits == old.Edits && opts.PublicURL == old.PublicURL && old.Zone != nil && opts.Zone.String() == old.Zone.String()
	var err error
	p.channels, p.groups, err = collection.GroupChannels(opts.Channels, func(cfg collection.Config) (*collection.Channel, error) {
		if c := old.channels[wire.Fold(cfg.Name)]; c != nil && same && reflect.DeepEqual(c.Config, cfg) {
			return c, nil
		}
		c, err := collection.NewChannel(cfg)
		if err == nil {
			c.Base = opts.PublicURL
		}
		return c, err
	})
	if err != nil {
		return nil, err
	}
	before := slices.Concat(slices.Collect(maps.Values(old.groups))...)
	if old.rooms != nil {
		before = append(before, old.inRooms...)
	}
	known := collection.KnownDatesOf(before)
	for _, list := range p.groups {
		for i, g := range list {
			if kept := old.group(g); kept != nil {
				list[i] = kept
				continue
			}
			g.Edits, g.Dates = opts.Edits, known.Of(g, opts.Zone)
		}
	}
	if err := p.takeRooms(old, same, func(g *collection.Group) *collection.Dates { return known.Of(g, p.Zone) }); err != nil {
		return nil, err
	}
	if same && reflect.DeepEqual(opts.Private, old.Private) {
		p.private = old.private
		return p, nil
	}
	if p.private, err = newPrivate(opts.Private); err != nil {
		return nil, err
	}
	if p.private != nil {
		p.private.Channels[0].Base = opts.PublicURL
		p.private.Edits, p.private.Dates = opts.Edits, collection.KnownDatesOf([]*collection.Group{old.private}).Of(p.private, opts.Zone)
	}
	return p, nil
}

// takeRooms prepares the rooms of the configuration, or takes those of the old plan.
func (p *plan) takeRooms(old *plan, same bool, dates func(*collection.Group) *collection.Dates) (err error) {
	if p.Rooms == nil {
		return nil
	}
	cfg := *p.Rooms
	cfg.Base = p.PublicURL
	if p.rooms = old.rooms; p.rooms == nil || !same || !p.rooms.Is(cfg) {
		if p.rooms, err = rooms.New(cfg, p.State.rooms.Names(p.Client.URL().String(), cfg.Collection), old.rooms); err != nil {
			return err
		}
		for _, g := range p.rooms.Groups {
			g.Edits, g.Dates = p.Edits, dates(g)
		}
	}
	taken := map[string]bool{}
	for name := range p.channels {
		taken[name] = true
	}
	p.rooms.Reserve(taken)
	p.takeLobbies(old)
	return nil
}

// takeLobbies has the channels that show the messages without a room read in the groups of the rooms:
// so a message is withdrawn from the one and shown in the other when it is given a room.
func (p *plan) takeLobbies(old *plan) {
	of := p.rooms.Messages
	for _, cfg := range p.Channels {
		c := p.channels[wire.Fold(cfg.Name)]
		if c.Lacks(p.rooms.Room) && c.Collection == of.Collection && c.Fields == of.Fields && reflect.DeepEqual(c.Reactions, of.Reactions) {
			p.lobbies = append(p.lobbies, c)
		}
	}
	switch {
	case p.rooms == old.rooms && slices.Equal(p.lobbies, old.lobbies):
		p.inRooms = old.inRooms
	case len(p.lobbies) == 0:
		p.inRooms = p.rooms.Groups
	default:
		for _, g := range p.rooms.Groups {
			p.inRooms = append(p.inRooms, g.With(p.lobbies))
		}
	}
	for _, c := range p.lobbies {
		p.groups[c] = slices.Concat(p.inRooms, p.groups[c])
	}
}

// group returns the plan's group with the same channels and the same fields; nil if there is
// none.
func (p *plan) group(g *collection.Group) *collection.Group {
	for _, other := range p.groups[g.Channels[0]] {
		if g.Fields == other.Fields && len(g.Channels) == len(other.Channels) &&
			!slices.ContainsFunc(g.Channels, func(c *collection.Channel) bool { return !slices.Contains(other.Channels, c) }) {
			return other
		}
	}
	return nil
}

// channel is the configuration of a channel by its Key, or of the private messages by
// privateName; nil if there is none.
func (p *plan) channel(key string) *collection.Channel {
	if id, isRoom := collection.RoomOf(key); isRoom {
		if p.rooms == nil {
			return nil
		}
		return p.rooms.Channel(id)
	}
	if key != privateName {
		return p.channels[key]
	}
	if p.private == nil {
		return nil
	}
	return p.private.Channels[0]
}

// groupsOf are the groups to try to read a channel in, or the private messages, best first.
func (p *plan) groupsOf(c *collection.Channel) []*collection.Group {
	switch {
	case c.Private:
		return []*collection.Group{p.private}
	case c.Room != "" && p.rooms != nil:
		return p.inRooms
	}
	return p.groups[c]
}

// aloneOf are those of groupsOf in which no other channel is read, to read its history in.
func (p *plan) aloneOf(c *collection.Channel) []*collection.Group {
	if c.Room != "" && p.rooms != nil {
		return p.rooms.Alone(c)
	}
	return slices.DeleteFunc(slices.Clone(p.groupsOf(c)), func(g *collection.Group) bool { return len(g.Channels) > 1 })
}

// markerStore is where the read markers of an account are stored; nil if only in memory.
func (p *plan) markerStore(account *directus.Account) *markers.Store {
	if p.ReadMarkers == nil {
		return nil
	}
	return markers.NewStore(account, *p.ReadMarkers, p.Zone)
}
