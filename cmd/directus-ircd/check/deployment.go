package check

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"directus-ircd/directus"
)

const (
	// loginRequests is about how many requests a login takes.
	loginRequests = 5
	// loginPatience is how long clients that log in by SASL wait for the answer.
	loginPatience = 10 * time.Second
	// clockTolerance is how far clocks may be apart without a word: what NTP keeps, and the
	// second in which the Date of an answer does not tell the time.
	clockTolerance = 2 * time.Second
	// setClocks is what to do about clocks that are apart.
	setClocks = "let NTP set the clocks of all machines that Directus and the proxy in front of it run on (timedatectl set-ntp true)"
)

// limiter reports how many people can log in at once where Directus limits requests.
func (p *prober) limiter(limit directus.RateLimit) {
	const fix = "raise RATE_LIMITER_POINTS in the environment of Directus (50 with RATE_LIMITER_DURATION=1 is its default), as it counts all people of the daemon as one address, and restart Directus"
	if limit.Points <= 0 || limit.Duration <= 0 {
		return
	}
	windows := time.Duration((loginRequests - 1) / limit.Points)               // that a login goes on after the first one
	logins := float64(limit.Points) / loginRequests / limit.Duration.Seconds() // per second
	switch {
	case windows*limit.Duration > loginPatience:
		p.miss(fix, "Directus takes %d requests in %s from the daemon: a login, which is %d requests, does not fit into the %s that clients wait", limit.Points, limit.Duration, loginRequests, loginPatience)
	case logins < 10:
		p.note(fix, "Directus takes %d requests in %s from the daemon: about %.0f people can log in per minute", limit.Points, limit.Duration, max(1, 60*logins))
	default:
		p.ok("Directus takes %d requests in %s from the daemon: about %.0f people can log in per second", limit.Points, limit.Duration, logins)
	}
}

// clocks reports a clock that is far from that of Directus, and answers of Directus whose
// clocks are apart.
func (p *prober) clocks() {
	early, late, ok := p.account.ServerTime()
	now := time.Now()
	off := max(now.Sub(late), early.Sub(now))
	if ok && off > clockTolerance {
		p.note("let NTP set the clocks of both (timedatectl set-ntp true). The daemon goes by that of Directus", "the clocks of this machine and of Directus are %s apart", off.Round(time.Second))
	}
	if apart := p.client.ClocksApart(); apart > 0 {
		p.miss(setClocks, "the answers of Directus show clocks that are at least %s apart: messages would come out of order", apart.Round(100*time.Millisecond))
	}
}

// turnedAway reports a limit that Directus does not announce, as that of a proxy, if this check
// has met it.
func (p *prober) turnedAway() {
	if p.client.TurnedAway() {
		p.note("exempt the address of the daemon from the limit (limit_req of nginx, RATE_LIMITER_ENABLED of Directus), or allow it 50 requests a second", "Directus or a proxy in front of it turned away requests of this check for being too many: people wait at the login")
	}
}

// bodies checks that a proxy passes on the bodies of SEARCH, as a query without its body asks
// for everything. No item has a primary key that is null.
func (p *prober) bodies(ctx context.Context) {
	const fix = "make the proxy in front of Directus pass on the bodies of SEARCH, or refuse SEARCH with 405: the daemon then reads by GET"
	none := func(key string) directus.Query {
		return directus.Query{Fields: []string{key}, Filter: directus.Compare(key, "_null", true), Limit: 1}
	}
	users, _ := p.account.Users(ctx, none("id"))
	dropped := len(users) > 0
	for _, c := range p.cfg.Channels {
		var items []json.RawMessage
		if p.canRead[c.Collection] && p.account.Items(ctx, c.Collection, none(c.Fields.ID), &items) == nil && len(items) > 0 {
			dropped = true
		}
	}
	if dropped {
		p.miss(fix, "a query by SEARCH arrives at Directus without its body, so that its answer holds what was not asked for")
	}
}

// nature reports what kind of collection it is, if Directus tells this user.
func (p *prober) nature(ctx context.Context, collection string) {
	var is struct {
		Meta struct {
			Versioning bool `json:"versioning"`
		} `json:"meta"`
	}
	if p.account.Do(ctx, http.MethodGet, "/collections/"+url.PathEscape(collection), nil, nil, &is) == nil && is.Meta.Versioning {
		p.note("switch off Content Versioning of the collection in the data model unless you want that", "%s is versioned: a change that is saved as a version is not shown until it is promoted", collection)
	}
}

// isSingleton reports whether a collection that cannot be read as a list is a single item.
func (p *prober) isSingleton(ctx context.Context, collection string) bool {
	var item map[string]any
	return p.account.Do(ctx, http.MethodGet, "/items/"+url.PathEscape(collection), nil, nil, &item) == nil && item != nil
}

// addresses reports, to an administrator, the policies that hold for some addresses only. On
// Directus 10, which has none, roles do.
func (p *prober) addresses(ctx context.Context) {
	var bound []struct {
		Name string   `json:"name"`
		IP   []string `json:"ip_access"`
	}
	query := url.Values{"fields": {"name,ip_access"}, "filter": {`{"ip_access":{"_nnull":true}}`}, "limit": {"100"}}
	if p.account.Do(ctx, http.MethodGet, "/policies", query, nil, &bound) != nil && p.account.Do(ctx, http.MethodGet, "/roles", query, nil, &bound) != nil {
		return
	}
	for _, b := range bound {
		if len(b.IP) > 0 {
			p.note("if people of the chat need it, add the address from which the daemon reaches Directus to its IP Access; behind a proxy, Directus must see that address (IP_TRUST_PROXY)",
				"%q holds only for the addresses %s: on IRC, everybody comes from that of the daemon", b.Name, strings.Join(b.IP, ", "))
		}
	}
}

// tokens reports whether this user can make a static token.
func (p *prober) tokens(granted directus.Permissions) {
	own := granted["directus_users"]["update"]
	if own.Allowed() && len(own.Refused("token")) == 0 {
		p.ok("this user can make a static token")
		return
	}
	p.note("let an administrator make one for those who want it, in the page of the user under Token", "this user cannot make a static token")
}

// links reports who can open the links to files.
func (p *prober) links(ctx context.Context, granted directus.Permissions) {
	asked := false
	for _, c := range p.cfg.Channels {
		asked = asked || p.canRead[c.Collection] && c.Fields.Files != ""
	}
	if !asked {
		return
	}
	if !granted["directus_files"]["read"].Allowed() {
		return // reported with the names of files
	}
	var files []struct{ ID string }
	if p.account.Do(ctx, http.MethodGet, "/files", url.Values{"fields": {"id"}, "limit": {"1"}}, nil, &files) != nil || len(files) == 0 {
		p.note("upload a file and run check again", "it is not known who can open links to files: this user sees none")
		return
	}
	switch public, err := p.client.Public(ctx, "/assets/"+files[0].ID); {
	case err != nil:
		p.note("run check again", "it is not known who can open links to files: %v", err)
	case public:
		p.note("take read on directus_files from the policy Public if they are not meant for everybody", "everybody who has the link to a file can open it")
	default:
		p.ok("links to files open for those who are logged in to Directus in their browser")
	}
}
