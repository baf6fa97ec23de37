package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"directus-ircd/ircd"
)

// listener is one open socket of an entry of the configuration's list.
type listener struct {
	net.Listener
	configured string // the address as it stands in the configuration
	webSocket  webSocketMode
	// certificates is where TLS handshakes get theirs; nil without TLS.
	certificates certificates
	// sts is what clients are told about TLS; nil if nothing. A reload
	// replaces it.
	sts atomic.Pointer[stsConfig]
}

// certificates is a source of certificates. It is used by any goroutine.
type certificates interface {
	config() *tls.Config
	// valid reports whether clients that ask for this host get a certificate
	// that holds for it.
	valid(host string) bool
}

// listen opens every listener or none.
func (d *daemon) listen(ctx context.Context) (err error) {
	passed := &passedSockets{}
	defer func() {
		if err != nil {
			d.closeListeners()
			passed.close()
		}
	}()
	if slices.ContainsFunc(d.cfg.Listen, func(l listenConfig) bool { return l.TLS.ACME }) {
		if d.acme, err = newACME(ctx, d.cfg.ACME, d.log); err != nil {
			return err
		}
	}
	if passed, err = takePassed(d.cfg.Listen); err != nil {
		return err
	}
	for _, l := range d.cfg.Listen {
		open, err := d.openListeners(ctx, l, passed)
		if err != nil {
			return err
		}
		d.listeners = append(d.listeners, open...)
	}
	if a := d.cfg.Metrics.Address; a != "" {
		if d.metrics, err = openTCP(ctx, a); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	if a := d.cfg.ACME.HTTP; a != "" && d.acme != nil {
		if d.challenges, err = openTCP(ctx, a); err != nil {
			return fmt.Errorf("acme: %w", err)
		}
	}
	passed.warn(d.log)
	passed.close()
	return nil
}

func (d *daemon) closeListeners() {
	for _, l := range d.listeners {
		l.Close()
	}
	for _, ln := range []net.Listener{d.metrics, d.challenges} {
		if ln != nil {
			ln.Close()
		}
	}
}

// openListeners opens the sockets of one entry: one, or all that systemd passes
// for it.
func (d *daemon) openListeners(ctx context.Context, cfg listenConfig, passed *passedSockets) (open []*listener, err error) {
	certs, err := d.certificatesOf(cfg)
	if err != nil {
		return nil, err
	}
	sockets, err := openSockets(ctx, cfg, passed)
	if err != nil {
		return nil, err
	}
	for _, ln := range sockets {
		l := &listener{configured: cfg.Address, webSocket: cfg.WebSocket, certificates: certs}
		l.sts.Store(cfg.STS)
		l.Listener = d.dress(ln, cfg, certs)
		open = append(open, l)
	}
	return open, nil
}

func openSockets(ctx context.Context, cfg listenConfig, passed *passedSockets) ([]net.Listener, error) {
	network, address := cfg.split()
	if network == networkSystemd {
		return passed.take(address)
	}
	var ln net.Listener
	var err error
	if network == networkUnix {
		ln, err = openUnix(ctx, address, cfg.Mode)
	} else {
		ln, err = openTCP(ctx, address)
	}
	if err != nil {
		return nil, err
	}
	return []net.Listener{ln}, nil
}

// dress puts the layers on a socket that the entry asks for.
func (d *daemon) dress(ln net.Listener, cfg listenConfig, certs certificates) net.Listener {
	if len(cfg.ProxyProtocol) > 0 {
		ln = newProxyListener(ln, cfg.ProxyProtocol, d.log)
	}
	if certs != nil {
		ln = tls.NewListener(ln, certs.config())
	}
	switch cfg.WebSocket {
	case webSocketOnly:
		ln = ircd.WebSocketListener(ln, cfg.AllowedOrigins)
	case webSocketShared:
		ln = ircd.SharedListener(ln, cfg.AllowedOrigins)
	}
	return ln
}

// options is what package ircd has to know of the listener.
func (l *listener) options() ircd.ListenOptions {
	return ircd.ListenOptions{Secure: l.certificates != nil, STS: l.stsFor}
}

// stsFor is the value of the capability "sts" (https://ircv3.net/specs/extensions/sts).
// How long to keep to TLS is told only to clients that asked for a host which the
// certificate holds for: a policy binds the host, whoever else runs a server there.
func (l *listener) stsFor(host string) string {
	sts := l.sts.Load()
	switch {
	case sts == nil:
		return ""
	case l.certificates == nil:
		return "port=" + strconv.Itoa(sts.Port)
	case host == "" || !l.certificates.valid(host):
		return ""
	}
	value := "duration=" + strconv.FormatInt(int64(time.Duration(sts.Duration)/time.Second), 10)
	if sts.Preload {
		value += ",preload"
	}
	return value
}

// exposed reports whether passwords cross the network here in clear text.
func (l *listener) exposed() bool {
	addr, ok := l.Addr().(*net.TCPAddr)
	return ok && l.certificates == nil && !addr.IP.IsLoopback()
}

// openTCP adds to the usual errors what the operator can do about them.
func openTCP(ctx context.Context, address string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another program listens there, stop it or choose another port", err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%w: ports below 1024 need the capability CAP_NET_BIND_SERVICE, choose a higher one", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%w: this machine does not have that address", err)
	}
	return nil, err
}
