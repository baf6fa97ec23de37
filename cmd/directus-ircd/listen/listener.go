package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd"
	"directus-ircd/ircd/transport"
)

// listener is one open socket of an entry of the configuration's list.
type listener struct {
	net.Listener
	socket     net.Listener    // below all layers
	configured config.Listener // a reload that changes no more than certificate and sts replaces it
	// certificates is where TLS handshakes get theirs; nil without TLS.
	certificates certificates
	// sts is what clients are told about TLS; nil if nothing. A reload
	// replaces it.
	sts atomic.Pointer[config.STS]
}

// certificates is a source of certificates. It is used by any goroutine.
type certificates interface {
	config() *tls.Config
	// valid reports whether clients that ask for this host get a certificate
	// that holds for it.
	valid(host string) bool
	// expiry is when the first of the certificates expires, and whose it is; empty
	// while there is none.
	expiry() (name string, at time.Time)
}

// openSockets opens the sockets of one entry: one, or all that systemd passes for
// it.
func openSockets(ctx context.Context, cfg config.Listener, passed *passedSockets) ([]net.Listener, error) {
	network, address := cfg.Split()
	if network == config.NetworkSystemd {
		return passed.take(address)
	}
	if ln := passed.takeStored(cfg); ln != nil {
		return []net.Listener{ln}, nil
	}
	var ln net.Listener
	var err error
	if network == config.NetworkUnix {
		ln, err = openUnix(ctx, address, cfg.Mode)
	} else {
		ln, err = OpenTCP(ctx, address)
	}
	if err != nil {
		return nil, err
	}
	return []net.Listener{ln}, nil
}

// newListener wraps a socket in the layers that its entry asks for.
func (s *Sockets) newListener(socket net.Listener, cfg config.Listener, certs certificates) *listener {
	l := &listener{socket: socket, configured: cfg, certificates: certs}
	l.sts.Store(cfg.STS)
	l.Listener = s.wrap(socket, cfg, certs)
	return l
}

func (s *Sockets) wrap(ln net.Listener, cfg config.Listener, certs certificates) net.Listener {
	if len(cfg.ProxyProtocol) > 0 {
		ln = newProxyListener(ln, cfg.ProxyProtocol, s.opts.Log)
	}
	if certs != nil {
		ln = tls.NewListener(ln, certs.config())
	}
	switch cfg.WebSocket {
	case config.WebSocketOnly:
		ln = transport.WebSocket(ln, cfg.AllowedOrigins)
	case config.WebSocketShared:
		ln = transport.Shared(ln, cfg.AllowedOrigins)
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
	return "duration=" + strconv.FormatInt(int64(time.Duration(sts.Duration)/time.Second), 10)
}

// exposed reports whether passwords cross the network here in clear text.
func (l *listener) exposed() bool {
	addr, ok := l.Addr().(*net.TCPAddr)
	return ok && l.certificates == nil && !addr.IP.IsLoopback()
}

// duplicate returns a second listener on a socket, which goes on when the first is
// closed: what waits there to be accepted is not lost.
func duplicate(socket net.Listener) (net.Listener, error) {
	f, err := fileOf(socket)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	if u, ok := socket.(*unixListener); ok {
		return &unixListener{Listener: ln, path: u.path, made: u.made}, nil
	}
	return ln, nil
}

func fileOf(socket net.Listener) (*os.File, error) {
	s, ok := socket.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return s.File()
}

// leave has the file of a Unix socket stay when the socket is closed here, because
// it lives on elsewhere, or go again.
func leave(socket net.Listener, left bool) {
	if u, ok := socket.(*unixListener); ok {
		u.left.Store(left)
	}
}

// OpenTCP adds to the usual errors what the operator can do about them.
func OpenTCP(ctx context.Context, address string) (net.Listener, error) {
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
