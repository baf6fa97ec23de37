package check

import (
	"context"
	"encoding/json"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// prober checks one thing after the other that the chat needs in Directus. It changes
// nothing there unless writes is true.
type prober struct {
	*findings
	client   *directus.Client
	cfg      *config.Config
	account  *directus.Account
	writes   bool                 // --write
	names    Names                // see Options
	device   Device               // see Options
	close    func()               // ends the realtime sessions; nil: none was opened
	open     []*directus.Realtime // the realtime sessions that opened
	patience time.Duration        // how long to wait for events
	// canRead says, by collection, whether this user may read it; only what was checked
	// has an entry.
	canRead map[string]bool
	// memberships says that those of rooms have the fields that the daemon writes.
	memberships bool
	local       []localField   // the dateTime fields found so far
	zoneOff     *time.Duration // how far dates that Directus writes are off in the configured zone; nil: not measured
}

func (p *prober) reachable(ctx context.Context) bool {
	if err := p.client.Ping(ctx); err != nil {
		p.miss(ReachHint("directus.url", p.cfg.Directus.URL, err), "Directus does not answer at %s: %v", p.cfg.Directus.URL, err)
		return false
	}
	way := ""
	if proxy := directus.ProxyFor(p.client.URL()); proxy != "" {
		way = ", by the proxy " + proxy
	}
	p.ok("Directus answers at %s%s", p.cfg.Directus.URL, way)
	return true
}

func (p *prober) asUser(ctx context.Context, login func(context.Context, *directus.Client) (*directus.Account, error)) {
	account, err := login(ctx, p.client)
	if err != nil {
		p.miss(LoginHint(err), "the login failed: %v", err)
		return
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutGrace)
		defer cancel()
		if err := account.Logout(ending); err != nil {
			p.note("do nothing: the session ends by itself", "the logout failed: %v", err)
		}
	}()
	p.account = account
	p.ok("the login succeeded")
	p.nick(ctx)
	p.marked()
	p.server(ctx)
	p.roomsChannel()
	if p.close != nil {
		defer p.close()
	}
	defer p.turnedAway()
	p.canRead = map[string]bool{}
	if !p.channels(ctx) {
		p.note("run check again when this is done", "the rest was not checked")
		return
	}
	p.rooms(ctx)
	p.users(ctx)
	p.private(ctx)
	p.markers(ctx)
	p.rights(ctx)
	p.zones(ctx)
	p.bodies(ctx)
	p.addresses(ctx)
	p.clocks()
}

// channels checks the collection of each channel once, and what each channel reads of it. It
// reports whether this user can read at least one of them; one who can read none lacks the
// role.
func (p *prober) channels(ctx context.Context) (any bool) {
	for _, c := range p.cfg.Channels {
		if _, known := p.canRead[c.Collection]; !known {
			first := len(p.canRead) == 0
			p.collection(ctx, c)
			if first {
				p.caching(ctx, c.Collection)
			}
		}
		if p.canRead[c.Collection] {
			any = true
			p.channel(ctx, c)
			p.extras(ctx, c)
		}
	}
	return any
}

// channel reads as the daemon does, with all fields and the channel's filter.
func (p *prober) channel(ctx context.Context, c config.Channel) {
	var items []json.RawMessage
	err := p.account.Items(ctx, c.Collection, directus.Query{
		Fields: []string{c.Fields.Text, c.Fields.Author, c.Fields.Date},
		Filter: directus.Filter(c.Filter),
		Sort:   []string{"-" + c.Fields.Date},
		Limit:  1,
	}, &items)
	if err != nil {
		p.miss("correct the filter: it must name fields that exist and that this user may read", "%s: %s cannot be read with this filter: %v", c.Name, c.Collection, err)
		return
	}
	p.ok("%s: %s can be read", c.Name, c.Collection)
}
