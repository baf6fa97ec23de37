package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"

	"directus-ircd/cmd/directus-ircd/config"
)

// Change is what another configuration makes of the sockets. All that can fail is
// done when it is made; then it is either applied or undone.
type Change struct {
	listeners []*listener // as they are then, in the configured order
	opened    []*listener // of those: to be served
	closed    []*listener // of the present ones: not there any more, or replaced
	pairs     map[*certificateFile]*tls.Certificate
	kept      map[*listener]config.Listener // what is configured now for one that stays

	acme       *acmeCertificates // nil if no listener uses it
	metrics    *outlet           // nil if not configured, like challenges
	challenges *outlet
	admin      *outlet
	adminMode  config.FileMode
}

// errRestart is why something of a configuration cannot be taken over.
var errRestart = errors.New("the sockets that systemd passes are taken over at the start only: restart the daemon")

// Prepare opens what a configuration asks for and is not there.
func (s *Sockets) Prepare(ctx context.Context, cfg *config.Config) (*Change, error) {
	return s.prepareWith(ctx, cfg, nil)
}

// prepareWith also takes what systemd passes at the start; passed is nil later.
func (s *Sockets) prepareWith(ctx context.Context, cfg *config.Config, passed *passedSockets) (_ *Change, err error) {
	c := &Change{pairs: map[*certificateFile]*tls.Certificate{}, kept: map[*listener]config.Listener{}}
	defer func() {
		if err != nil {
			s.Undo(c)
		}
	}()
	if c.acme, err = s.acmeFor(ctx, cfg); err != nil {
		return nil, err
	}
	present := slices.Clone(s.now.listeners)
	for _, l := range cfg.Listen {
		if present, err = s.prepareEntry(ctx, c, l, present, passed); err != nil {
			return nil, err
		}
	}
	c.closed = append(c.closed, present...)
	if c.metrics, err = prepareOutlet(ctx, cfg.Metrics.Address, s.now.metrics, false); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if c.admin, err = s.prepareAdmin(ctx, cfg); err != nil {
		return nil, err
	}
	c.adminMode = cfg.Admin.Mode
	address := cfg.ACME.HTTP
	if c.acme == nil {
		address = ""
	}
	if c.challenges, err = prepareOutlet(ctx, address, s.now.challenges, c.acme != s.now.acme); err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	return c, nil
}

// prepareEntry finds the sockets of one entry among the present ones, or opens them,
// and returns the others.
func (s *Sockets) prepareEntry(ctx context.Context, c *Change, cfg config.Listener, present []*listener, passed *passedSockets) (left []*listener, err error) {
	network, _ := cfg.Split()
	var same []*listener
	for _, l := range present {
		if l.configured.Address == cfg.Address && (len(same) == 0 || network == config.NetworkSystemd) {
			same = append(same, l)
		} else {
			left = append(left, l)
		}
	}
	certs, err := certificatesOf(cfg, c.acme)
	if err != nil {
		return nil, err
	}
	if len(same) == 0 {
		if network == config.NetworkSystemd && passed == nil {
			return nil, fmt.Errorf("listen on %s: %w", cfg.Address, errRestart)
		}
		sockets, err := openSockets(ctx, cfg, passed)
		if err != nil {
			return nil, err
		}
		for _, socket := range sockets {
			c.add(s.newListener(socket, cfg, certs))
		}
	}
	for _, l := range same {
		if l.servesAs(cfg, certs) {
			c.keep(l, cfg, certs)
			continue
		}
		socket, err := duplicate(l.socket)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", cfg.Address, err)
		}
		c.add(s.newListener(socket, cfg, certs))
		c.closed = append(c.closed, l)
	}
	return left, nil
}

func (c *Change) add(l *listener) {
	c.listeners, c.opened = append(c.listeners, l), append(c.opened, l)
}

func (c *Change) keep(l *listener, cfg config.Listener, certs certificates) {
	c.listeners = append(c.listeners, l)
	c.kept[l] = cfg
	if file, ok := l.certificates.(*certificateFile); ok {
		c.pairs[file] = certs.(*certificateFile).pair.Load()
	}
}

// servesAs reports whether an entry asks for nothing but what the listener is, or
// can become without new layers.
func (l *listener) servesAs(cfg config.Listener, certs certificates) bool {
	old := l.configured
	for _, c := range []*config.Listener{&old, &cfg} {
		c.STS = nil
		if c.TLS.Cert != "" {
			c.TLS = config.TLS{Cert: "file", Key: "file"}
		}
	}
	_, file := certs.(*certificateFile)
	return reflect.DeepEqual(old, cfg) && (file || certs == l.certificates)
}

// acmeFor gets certificates as a configuration says: the present one does, if nothing
// about it differs.
func (s *Sockets) acmeFor(ctx context.Context, cfg *config.Config) (*acmeCertificates, error) {
	if !slices.ContainsFunc(cfg.Listen, func(l config.Listener) bool { return l.TLS.ACME }) {
		return nil, nil
	}
	if a := s.now.acme; a != nil && reflect.DeepEqual(a.configured, cfg.ACME) {
		return a, nil
	}
	return newACME(ctx, cfg.ACME, cfg.CertificateDirectory(), s.opts.Agent, &s.acmeErrors, s.opts.Log)
}

// Undo closes what was opened.
func (s *Sockets) Undo(c *Change) {
	present := s.now
	for _, l := range c.opened {
		if slices.ContainsFunc(present.listeners, func(old *listener) bool { return old.configured.Address == l.configured.Address }) {
			leave(l.socket, true)
		}
		l.Close()
	}
	for _, pair := range [][2]*outlet{{c.metrics, present.metrics}, {c.challenges, present.challenges}, {c.admin, present.admin}} {
		if pair[0] != nil && pair[0] != pair[1] {
			pair[0].Close()
		}
	}
}

// Apply serves what was opened and closes what is not there any more. Connections
// stay, whatever becomes of their listener.
func (s *Sockets) Apply(ctx context.Context, c *Change) {
	old := s.now
	s.now = c
	for file, pair := range c.pairs {
		file.pair.Store(pair)
	}
	for l, cfg := range c.kept {
		l.configured = cfg
		l.sts.Store(cfg.STS)
	}
	if c.acme != nil && c.acme != old.acme {
		keeping, stop := context.WithCancel(ctx)
		c.acme.stop = stop
		s.opts.Run(func() error { c.acme.keep(keeping); return nil })
	}
	for _, l := range c.opened {
		if u, ok := l.socket.(*unixListener); ok {
			if err := u.chmod(l.configured.Mode); err != nil {
				s.opts.Log.Error().Err(err).Str("address", l.configured.Address).Msg("set the mode of a socket")
			}
		}
		s.serveIRC(ctx, l)
	}
	if c.metrics != old.metrics {
		s.serveOutlet(ctx, c.metrics, s.opts.ServeMetrics)
	}
	if c.challenges != old.challenges {
		s.serveOutlet(ctx, c.challenges, func(ctx context.Context, ln net.Listener) error { return c.acme.serveChallenges(ctx, ln) })
	}
	if c.admin != old.admin {
		s.serveOutlet(ctx, c.admin, s.opts.ServeAdmin)
	}
	s.admit(c.admin, c.adminMode)
	for _, l := range c.closed {
		if slices.ContainsFunc(c.listeners, func(now *listener) bool { return now.configured.Address == l.configured.Address }) {
			leave(l.socket, true)
		} else {
			s.forget(l)
			leave(l.socket, false)
			s.opts.Log.Info().Str("address", l.configured.Address).Msg("not listening any more")
		}
		l.Close()
	}
	for _, pair := range [][2]*outlet{{old.metrics, c.metrics}, {old.challenges, c.challenges}, {old.admin, c.admin}} {
		if pair[0] != nil && pair[0] != pair[1] {
			pair[0].stop()
		}
	}
	if old.acme != nil && old.acme != c.acme {
		old.acme.stop()
	}
	if c.acme != nil && c.acme == old.acme {
		c.acme.retryNow()
	}
}
