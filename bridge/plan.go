package bridge

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// plan is what a Backend is configured to, made ready for use. It is immutable and
// replaced as a whole. A session goes by one until its next Poll.
type plan struct {
	Options
	channels map[string]*channel   // by folded name
	groups   map[*channel][]*group // in which to try a channel, in order
	private  *group                // nil: there are no private messages
	gate     *gate
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
	if !p.gate.fits(opts.LoginsAtOnce) {
		p.gate = newGate(opts.LoginsAtOnce)
	}
	if opts.Zone == nil {
		opts.Zone, p.Zone = time.UTC, time.UTC
	}
	same := opts.Edits == old.Edits && old.Zone != nil && opts.Zone.String() == old.Zone.String()
	var err error
	p.channels, p.groups, err = groupChannels(opts.Channels, func(cfg Channel) (*channel, error) {
		if c := old.channels[wire.Fold(cfg.Name)]; c != nil && same && reflect.DeepEqual(c.Channel, cfg) {
			return c, nil
		}
		return newChannel(cfg)
	})
	if err != nil {
		return nil, err
	}
	known := knownDatesOf(slices.Concat(slices.Collect(maps.Values(old.groups))...))
	for _, list := range p.groups {
		for i, g := range list {
			if kept := old.group(g); kept != nil {
				list[i] = kept
				continue
			}
			g.edits, g.dates = opts.Edits, known.of(g, opts.Zone)
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
		p.private.edits, p.private.dates = opts.Edits, knownDatesOf([]*group{old.private}).of(p.private, opts.Zone)
	}
	return p, nil
}

// group finds the group with the same channels that is read in the same way.
func (p *plan) group(g *group) *group {
	for _, other := range p.groups[g.channels[0]] {
		if g.fields == other.fields && len(g.channels) == len(other.channels) &&
			!slices.ContainsFunc(g.channels, func(c *channel) bool { return !slices.Contains(other.channels, c) }) {
			return other
		}
	}
	return nil
}

// channel is the configuration of what a session has joined under a name, private
// messages too; nil if there is none.
func (p *plan) channel(name string) *channel {
	if name != privateName {
		return p.channels[name]
	}
	if p.private == nil {
		return nil
	}
	return p.private.channels[0]
}

// groupsOf are the groups in which to try a channel, or the private messages.
func (p *plan) groupsOf(c *channel) []*group {
	if c.private {
		return []*group{p.private}
	}
	return p.groups[c]
}

// autoJoins reports whether everybody is in a channel after the login.
func (p *plan) autoJoins(name string) bool {
	c := p.channels[wire.Fold(name)]
	return c != nil && c.AutoJoin
}

// markerStore is where the read markers of an account are; nil: in memory.
func (p *plan) markerStore(account *directus.Account) *markerStore {
	if p.ReadMarkers == nil {
		return nil
	}
	return &markerStore{ReadMarkers: *p.ReadMarkers, account: account, zone: p.Zone}
}
