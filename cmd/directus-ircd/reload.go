package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"reflect"
	"strings"
)

// reloads reads the configuration again whenever it is asked for, until ctx
// ends.
func (d *daemon) reloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.opts.Reload:
			d.notify(sdReloading())
			d.reload()
			d.notify(sdReady(len(d.listeners)))
		}
	}
}

// reload takes over the certificates, the policies of sts and the log level: what
// can change under running connections. A file with a fault changes nothing.
func (d *daemon) reload() {
	if d.cfg.File == "" {
		return
	}
	next, err := loadConfig(d.cfg.File)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			d.log.Error().Str("fault", strings.TrimSpace(line)).Msg("reload refused, everything stays as it was")
		}
		return
	}
	pairs, err := d.loadCertificates(next)
	if err != nil {
		d.log.Error().Err(err).Msg("reload refused, everything stays as it was")
		return
	}
	for file, pair := range pairs {
		file.pair.Store(pair)
	}
	d.reloadSTS(next)
	if d.acme != nil {
		d.acme.retryNow()
	}
	if d.opts.Level != nil {
		d.opts.Level.set(next.Log.Level)
	}
	d.log.Info().Int("certificates", len(pairs)).Str("level", string(next.Log.Level)).Msg("reloaded certificates, sts and log level")
	if keys := restartKeys(d.cfg, next); len(keys) > 0 {
		d.log.Warn().Strs("keys", keys).Msg("these changes need a restart to take effect")
	}
}

// loadCertificates reads the files of each open TLS listener, as the new
// configuration names them.
func (d *daemon) loadCertificates(next *config) (map[*certificateFile]*tls.Certificate, error) {
	pairs := map[*certificateFile]*tls.Certificate{}
	for _, l := range d.listeners {
		file, ok := l.certificates.(*certificateFile)
		if !ok || pairs[file] != nil {
			continue
		}
		for _, c := range next.Listen {
			if c.Address != l.configured || c.TLS.Cert == "" {
				continue
			}
			pair, err := loadPair(c.TLS)
			if err != nil {
				return nil, fmt.Errorf("load the certificate of %s: %w", c.Address, err)
			}
			pairs[file] = pair
		}
	}
	return pairs, nil
}

// reloadSTS takes over what clients are told about TLS. Only those are told that
// come from now on, or that ask again.
func (d *daemon) reloadSTS(next *config) {
	for _, l := range d.listeners {
		for _, c := range next.Listen {
			// A listener that gets TLS with the next restart has none yet.
			if c.Address == l.configured && c.TLS.enabled() == (l.certificates != nil) {
				l.sts.Store(c.STS)
			}
		}
	}
}

// restartKeys names the sections of the configuration in which something
// differs that a reload does not take over.
func restartKeys(old, next *config) []string {
	a, b := reflect.ValueOf(*old.withoutReloadable()), reflect.ValueOf(*next.withoutReloadable())
	var keys []string
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			keys = append(keys, a.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return keys
}

// withoutReloadable is a copy in which everything that a reload takes over is
// the same for all configurations.
func (c *config) withoutReloadable() *config {
	out := *c
	out.File, out.Log.Level = "", ""
	out.Listen = make([]listenConfig, len(c.Listen))
	for i, l := range c.Listen {
		if l.TLS.Cert != "" {
			l.TLS = tlsConfig{Cert: "reloaded", Key: "reloaded"}
		}
		l.STS = nil
		out.Listen[i] = l
	}
	return &out
}
