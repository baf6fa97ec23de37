package bridge

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/guard"
	"directus-ircd/bridge/markers"
	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// plan is what a Backend is configured to, made ready for use. It is immutable and
// replaced as a whole. A session goes by one until its next Poll.
type plan struct {
	Options
	channels map[string]*collection.Channel              // by folded name
	groups   map[*collection.Channel][]*collection.Group // in which to try a channel, in order
	private  *collection.Group                           // nil: there are no private messages
	gate     *guard.Gate
}

// newPlan keeps of the old one the channels that are the same, and with them what
// is read of them.
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
	same := opts.Edits == old.Edits && old.Zone != nil && opts.Zone.String() == old.Zone.String()
	var err error
	p.channels, p.groups, err = collection.GroupChannels(opts.Channels, func(cfg collection.Config) (*collection.Channel, error) {
		if c := old.channels[wire.Fold(cfg.Name)]; c != nil && same && reflect.DeepEqual(c.Config, cfg) {
			return c, nil
		}
		return collection.NewChannel(cfg)
	})
	if err != nil {
		return nil, err
	}
	known := collection.KnownDatesOf(slices.Concat(slices.Collect(maps.Values(old.groups))...))
	for _, list := range p.groups {
		for i, g := range list {
			if kept := old.group(g); kept != nil {
				list[i] = kept
				continue
			}
			g.Edits, g.Dates = opts.Edits, known.Of(g, opts.Zone)
		}
	}
	if same && reflect.DeepEqual(opts.Private, old.Private) {
		p.private = old.private
		return p, nil
	}
	if p.private, err = newPrivate(opts.Private); err != nil {
		return nil, err
	}
	if p.private != nil {
		p.private.Edits, p.private.Dates = opts.Edits, collection.KnownDatesOf([]*collection.Group{old.private}).Of(p.private, opts.Zone)
	}
	return p, nil
}

// group finds the group with the same channels that is read in the same way.
func (p *plan) group(g *collection.Group) *collection.Group {
	for _, other := range p.groups[g.Channels[0]] {
		if g.Fields == other.Fields && len(g.Channels) == len(other.Channels) &&
			!slices.ContainsFunc(g.Channels, func(c *collection.Channel) bool { return !slices.Contains(other.Channels, c) }) {
			return other
		}
	}
	return nil
}

// channel is the configuration of what a session has joined under a name, private
// messages too; nil if there is none.
func (p *plan) channel(name string) *collection.Channel {
	if name != privateName {
		return p.channels[name]
	}
	if p.private == nil {
		return nil
	}
	return p.private.Channels[0]
}

// groupsOf are the groups in which to try a channel, or the private messages.
func (p *plan) groupsOf(c *collection.Channel) []*collection.Group {
	if c.Private {
		return []*collection.Group{p.private}
	}
	return p.groups[c]
}

// autoJoins reports whether everybody is in a channel after the login.
func (p *plan) autoJoins(name string) bool {
	c := p.channels[wire.Fold(name)]
	return c != nil && c.AutoJoin
}

// markerStore is where the read markers of an account are; nil: in memory.
func (p *plan) markerStore(account *directus.Account) *markers.Store {
	if p.ReadMarkers == nil {
		return nil
	}
	return markers.NewStore(account, *p.ReadMarkers, p.Zone)
}
