package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"

	"directus-ircd/ircd"
)

// listener is one open entry of the configuration's list.
type listener struct {
	net.Listener
	configured  string // the address as it stands in the configuration
	certificate *certificate
	webSocket   bool
}

// certificate is what TLS handshakes present; a reload replaces it, connections
// that stand are not touched.
type certificate struct {
	pair atomic.Pointer[tls.Certificate]
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
	}
}

// listen opens every listener or none.
func (d *daemon) listen(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			d.closeListeners()
		}
	}()
	for _, l := range d.cfg.Listen {
		open, err := openListener(ctx, l)
		if err != nil {
			return err
		}
		d.listeners = append(d.listeners, open)
	}
	if a := d.cfg.Metrics.Address; a != "" {
		if d.metrics, err = openTCP(ctx, a); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}

func (d *daemon) closeListeners() {
	for _, l := range d.listeners {
		l.Close()
	}
}

func openListener(ctx context.Context, cfg listenConfig) (*listener, error) {
	l := &listener{configured: cfg.Address, webSocket: cfg.WebSocket}
	if cfg.TLS.enabled() {
		pair, err := tls.LoadX509KeyPair(cfg.TLS.Cert, cfg.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("load the certificate of %s: %w", cfg.Address, err)
		}
		l.certificate = &certificate{}
		l.certificate.pair.Store(&pair)
	}
	ln, err := openTCP(ctx, cfg.Address)
	if err != nil {
		return nil, err
	}
	if l.certificate != nil {
		ln = tls.NewListener(ln, l.certificate.config())
	}
	if cfg.WebSocket {
		ln = ircd.WebSocketListener(ln, cfg.AllowedOrigins)
	}
	l.Listener = ln
	return l, nil
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
