package check

import "context"

func (p *prober) server(ctx context.Context) {
	info, err := p.account.Info(ctx)
	switch {
	case err != nil:
		p.miss("check that a proxy in front of Directus passes /server/info on", "the version of Directus cannot be read: %v", err)
		return
	case info.Major() < 10:
		p.miss("upgrade it to 10, 11 or 12", "Directus %s is too old", info.Version)
	default:
		p.ok("Directus %s", info.Version)
	}
	p.limiter(info.RateLimit)
	if !info.WebSocket.Enabled {
		p.miss("set WEBSOCKETS_ENABLED=true (and leave WEBSOCKETS_REST_ENABLED on) in the environment of Directus, and restart it", "realtime is off")
		return
	}
	p.ok("realtime is on (%s, authentication mode %s)", info.WebSocket.Path, info.WebSocket.Mode)
	p.sessions(ctx)
}

// caching reports whether answers of Directus are cached.
func (p *prober) caching(ctx context.Context, collection string) {
	caching, err := p.account.Caching(ctx, collection)
	if err != nil {
		return // the collection cannot be read, which is reported elsewhere
	}
	if caching.Age > 0 {
		p.ok("Directus or a proxy caches answers for %s (CACHE_ENABLED): the daemon reads past the cache", caching.Age)
	} else {
		p.ok("no cache is announced")
	}
	if !caching.Search {
		p.note("make the proxy in front of Directus pass on the HTTP method SEARCH", "SEARCH does not reach Directus: with CACHE_ENABLED each read fills its cache")
	}
}
