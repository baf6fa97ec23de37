package check

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// prober asks Directus for each thing that the chat needs, one after the other.
// It changes nothing there, unless it is to write.
type prober struct {
	*findings
	client  *directus.Client
	cfg     *config.Config
	account *directus.Account
	writes  bool // --write
	// canRead says, by collection, which of those that were asked for this user may read.
	canRead map[string]bool
	local   []localField   // found so far
	zoneOff *time.Duration // how far what Directus writes now is off in the configured zone; nil: not measured
}

func (p *prober) reachable(ctx context.Context) bool {
	if err := p.client.Ping(ctx); err != nil {
		p.miss(ReachHint("directus.url", p.cfg.Directus.URL, err), "Directus does not answer at %s: %v", p.cfg.Directus.URL, err)
		return false
	}
	p.ok("Directus answers at %s", p.cfg.Directus.URL)
	return true
}

// asUser logs in and checks what this user may do.
func (p *prober) asUser(ctx context.Context, login func(context.Context, *directus.Client) (*directus.Account, error)) {
	account, err := login(ctx, p.client)
	if err != nil {
		p.miss(LoginHint(err), "the login did not succeed: %v", err)
		return
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutGrace)
		defer cancel()
		if err := account.Logout(ending); err != nil {
			p.note("nothing has to be done: the session ends by itself", "the logout did not succeed: %v", err)
		}
	}()
	p.account = account
	p.ok("the login succeeded")
	p.server(ctx)
	p.canRead = map[string]bool{}
	if !p.channels(ctx) {
		p.note("check again when that is mended", "the rest was not checked")
		return
	}
	p.users(ctx)
	p.private(ctx)
	p.markers(ctx)
	p.rights(ctx)
	p.zones(ctx)
}

// channels checks the collections of the channels, each once, and what the channels read of
// them. It reports whether one of them can be read at all: who reads none has not the role.
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

func (p *prober) server(ctx context.Context) {
	info, err := p.account.Info(ctx)
	switch {
	case err != nil:
		p.miss("check that nothing stands between here and Directus", "the version of Directus cannot be read: %v", err)
		return
	case info.Major() < 10:
		p.miss("upgrade it to 10, 11 or 12", "Directus %s is too old", info.Version)
	default:
		p.ok("Directus %s", info.Version)
	}
	if !info.WebSocket.Enabled {
		p.miss("set WEBSOCKETS_ENABLED=true (and leave WEBSOCKETS_REST_ENABLED on) in the environment of Directus, and restart it", "realtime is off")
		return
	}
	p.ok("realtime is on (%s, authentication mode %s)", info.WebSocket.Path, info.WebSocket.Mode)
	p.socket(ctx)
}

// socket opens a realtime link, which finds what stands in the way of WebSockets
// between here and Directus.
func (p *prober) socket(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*directus.DefaultTimeout)
	defer cancel()
	states := make(chan directus.State, 16)
	link := p.account.Realtime(directus.RealtimeOptions{OnState: func(s directus.State) {
		select {
		case states <- s:
		default: // enough is known
		}
	}})
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	err := link.Ready(ctx)
	cancel()
	<-ended
	if err == nil {
		p.ok("a realtime session opens")
		return
	}
	for len(states) > 0 {
		if s := <-states; s.Err != nil {
			err = s.Err
		}
	}
	p.miss("a proxy in front of Directus must pass WebSocket upgrades on", "no realtime session opens: %v", err)
}

// caching tells whether what is read may be old.
func (p *prober) caching(ctx context.Context, collection string) {
	caching, err := p.account.Caching(ctx, collection)
	if err != nil {
		return // what cannot be read is told by others
	}
	if caching.Age > 0 {
		p.ok("answers are kept for %s between here and Directus (CACHE_ENABLED, or a proxy): all is read past that", caching.Age)
	} else {
		p.ok("no answers are kept between here and Directus, as far as it tells")
	}
	if !caching.Search {
		p.note("let the proxy in front of Directus pass the HTTP method SEARCH", "SEARCH does not reach Directus: with CACHE_ENABLED each reading takes room in its cache")
	}
}

// users checks that the people can be named.
func (p *prober) users(ctx context.Context) {
	if _, err := p.account.Users(ctx, directus.Query{Fields: append([]string{"id"}, p.cfg.Nick...), Limit: 1}); err != nil {
		p.miss("grant read on directus_users for these fields: "+giveRole+p.runSetup(p.cfg.Channels[0]), "the names of users cannot be read (%s): %v", strings.Join(p.cfg.Nick, ", "), err)
		return
	}
	p.ok("the names of users can be read (%s)", strings.Join(p.cfg.Nick, ", "))
}

// field is what GET /fields/<collection>/<field> tells to a user who may read it.
type field struct {
	Type string `json:"type"`
	Meta struct {
		Special []string `json:"special"`
	} `json:"meta"`
	Schema struct {
		IsUnique  bool `json:"is_unique"`
		MaxLength *int `json:"max_length"`
	} `json:"schema"`
}

// collection checks the fields of a collection, one by one, so that the missing
// one can be named.
func (p *prober) collection(ctx context.Context, c config.Channel) {
	if !p.readable(ctx, c.Collection, giveRole+p.runSetup(c)+", or correct channels in the configuration") {
		return
	}
	p.key(ctx, c.Collection, c.Fields.ID, "fields.id")
	judged := []judgedField{
		{c.Fields.Text, func(f field) { p.judgeText(c.Collection, c.Fields.Text, f, p.setup(c, "--widen")) }},
		{c.Fields.Author, func(f field) { p.judgeAuthor(c.Collection, c.Fields.Author, f) }},
		{c.Fields.Date, func(f field) { p.judgeDate(c.Collection, c.Fields.Date, f) }},
	}
	if c.Fields.Nonce == "" {
		p.noNonce(ctx, c.Collection, "fields", p.setup(c))
	} else {
		judged = append(judged, judgedField{c.Fields.Nonce, func(f field) { p.judgeNonce(c.Collection, c.Fields.Nonce, f) }})
	}
	p.fields(ctx, c.Collection, judged, p.setup(c, "--extend"))
}

// readable checks that a collection is there, whatever its fields, and keeps what it finds.
func (p *prober) readable(ctx context.Context, collection, fix string) bool {
	var items []json.RawMessage
	if err := p.account.Items(ctx, collection, directus.Query{Limit: 1}, &items); err != nil {
		p.canRead[collection] = false
		p.miss(fix, "the collection %s is missing, or this user may not read it: %v", collection, err)
		return false
	}
	p.canRead[collection] = true
	return true
}

// judgedField is a field that has to be readable, and what else it has to be.
type judgedField struct {
	name  string
	judge func(field) // nil: any will do
}

// fields checks that fields can be read. setup is the command that makes them.
func (p *prober) fields(ctx context.Context, collection string, fields []judgedField, setup string) {
	var untold []string
	for _, f := range fields {
		var items []json.RawMessage
		// Directus 10 passes over unknown fields, but not in a filter.
		known := directus.Query{Fields: []string{f.name}, Filter: directus.Compare(f.name, "_nnull", true), Limit: 1}
		if err := p.account.Items(ctx, collection, known, &items); err != nil {
			p.miss("create the field and grant read on it ("+setup+"), or correct fields in the configuration", "%s.%s is missing, or this user may not read it: %v", collection, f.name, err)
			continue
		}
		if f.judge == nil {
			p.ok("%s.%s can be read", collection, f.name)
			continue
		}
		var is field
		path, err := directus.Path("fields", collection, f.name)
		if err == nil {
			err = p.account.Do(ctx, http.MethodGet, path, nil, nil, &is)
		}
		if err != nil {
			p.ok("%s.%s can be read", collection, f.name)
			untold = append(untold, f.name)
			continue
		}
		f.judge(is)
	}
	if len(untold) > 0 {
		p.note("Directus 10 tells it to administrators only: see that Directus fills author and date, that the nonce is unique, and that the text is not limited", "of which kind the fields %s are cannot be told", strings.Join(untold, ", "))
	}
}

// noNonce tells that the configuration names no nonce under a key, and whether the collection has
// the one that setup makes, by a command.
func (p *prober) noNonce(ctx context.Context, collection, under, setup string) {
	const name = "nonce"
	var items []json.RawMessage
	known := directus.Query{Fields: []string{name}, Filter: directus.Compare(name, "_nnull", true), Limit: 1}
	if p.account.Items(ctx, collection, known, &items) == nil {
		p.note("add nonce: nonce under "+under+": with it a message is never stored twice, even after a broken connection", "the configuration names no nonce for %s, which has the field %s", collection, name)
		return
	}
	p.note("name a unique text field as nonce under "+under+": with it a message is never stored twice, even after a broken connection. "+setup+" makes one", "%s has no nonce", collection)
}

// judgeText tells of a limited text; widen is the command that makes it unlimited, or how else to.
func (p *prober) judgeText(collection, name string, f field, widen string) {
	if n := f.Schema.MaxLength; n != nil && *n > 0 {
		p.note("make it a field of type text: "+widen, "%s.%s holds at most %d characters: longer messages are refused", collection, name, *n)
		return
	}
	p.ok("%s.%s holds texts of any length", collection, name)
}

func (p *prober) judgeAuthor(collection, name string, f field) {
	p.judgeSpecial(collection, name, f, "user-created", "User Created")
}

func (p *prober) judgeDate(collection, name string, f field) {
	p.judgeSpecial(collection, name, f, "date-created", "Date Created")
	switch f.Type {
	case "date":
		p.miss("make it a field of type timestamp: messages of a day cannot be told apart by their time", "%s.%s is a date without a time", collection, name)
	case "dateTime":
		p.local = append(p.local, localField{collection, name})
	}
}

func (p *prober) judgeSpecial(collection, name string, f field, special, shown string) {
	if !slices.Contains(f.Meta.Special, special) {
		p.miss("set its \"On Create\" in the data model to save the "+shown+", or name the field that has it", "%s.%s is not filled by Directus", collection, name)
		return
	}
	p.ok("%s.%s is filled by Directus", collection, name)
}

func (p *prober) judgeNonce(collection, name string, f field) {
	if !f.Schema.IsUnique {
		p.miss("make it unique in the data model, or set nonce to \"\"", "%s.%s is not unique", collection, name)
		return
	}
	p.ok("%s.%s is unique", collection, name)
}

// channel reads as the daemon will: all fields, with the channel's filter.
func (p *prober) channel(ctx context.Context, c config.Channel) {
	var items []json.RawMessage
	err := p.account.Items(ctx, c.Collection, directus.Query{
		Fields: []string{c.Fields.Text, c.Fields.Author, c.Fields.Date},
		Filter: directus.Filter(c.Filter),
		Sort:   []string{"-" + c.Fields.Date},
		Limit:  1,
	}, &items)
	if err != nil {
		p.miss("see that the filter names fields that exist and that this user may read", "%s: %s cannot be read with this filter: %v", c.Name, c.Collection, err)
		return
	}
	p.ok("%s: %s can be read", c.Name, c.Collection)
}
