package main

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/systemd"
)

// expiryPeriod is the time between two checks of when certificates expire.
const expiryPeriod = 24 * time.Hour

// reloads reads the configuration again whenever it is asked for, until ctx
// ends.
func (d *daemon) reloads(ctx context.Context) {
	daily := time.NewTicker(expiryPeriod)
	defer daily.Stop()
	for {
		d.sockets.WatchExpiry(d.cfg.Directus.Presented)
		select {
		case <-ctx.Done():
			return
		case over := <-d.drains:
			d.drain(ctx, over)
			return
		case <-daily.C:
		case <-d.opts.Reload:
			d.notify(systemd.Reloading())
			d.metrics.Reloaded(d.reload(ctx))
			d.announceListeners()
		}
	}
}

// reload takes the configuration over, as far as that is possible without ending a
// connection. A file with a fault, or with something that cannot be opened, changes
// nothing: accepted is false then.
func (d *daemon) reload(ctx context.Context) (accepted bool) {
	if d.cfg.File == "" {
		return true
	}
	next, err := config.Load(d.cfg.File)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			d.log.Error().Str("fault", strings.TrimSpace(line)).Msg("reload refused, everything stays as it was")
		}
		return false
	}
	keys := d.keepFixed(next)
	c, err := d.sockets.Prepare(ctx, next)
	if err == nil {
		if err = d.backend.Configure(bridgeOptions(next, d.client, d.log)); err != nil {
			d.sockets.Undo(c)
		}
	}
	if err != nil {
		d.log.Error().Err(err).Msg("reload refused, everything stays as it was")
		return false
	}
	d.client.UseTLS(next.Directus.TLS)
	d.server.Configure(ircdOptions(next, d.log))
	limitMemory(next.Limits.MemoryLimit())
	if d.opts.Switch != nil {
		d.opts.Switch.set(next.Log)
	}
	d.sockets.Apply(ctx, c)
	d.cfg = next
	d.log.Info().Int("listeners", len(d.sockets.Addrs())).Int("channels", len(next.Channels)).Msg("reloaded the configuration")
	if len(keys) > 0 {
		d.log.Warn().Strs("keys", keys).Msg("these changes need a restart to take effect")
	}
	return true
}

// fixedParts are the parts of the configuration that hold as long as the daemon runs.
func fixedParts(c *config.Config) map[string]any {
	return map[string]any{"directus.url": &c.Directus.URL, "server.name": &c.Server.Name, "resume": &c.Resume}
}

// keepFixed undoes in another configuration what cannot be taken over, and names it.
func (d *daemon) keepFixed(next *config.Config) []string {
	var keys []string
	old := fixedParts(d.cfg)
	for _, key := range slices.Sorted(maps.Keys(old)) {
		was, is := reflect.ValueOf(old[key]).Elem(), reflect.ValueOf(fixedParts(next)[key]).Elem()
		if !reflect.DeepEqual(was.Interface(), is.Interface()) {
			is.Set(was)
			keys = append(keys, key)
		}
	}
	return keys
}
