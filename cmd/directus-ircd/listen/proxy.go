package listen

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd/transport"
)

// proxyHeaderTimeout is how long a proxy may take to say for whom it connects. The
// stop of the daemon waits for it.
const proxyHeaderTimeout = 3 * time.Second

// proxyListener reads the PROXY header (version 1 or 2) that trusted proxies put
// in front of each connection, by which it then goes under the address of the
// client. They have to send one, and everybody else must not.
type proxyListener struct {
	net.Listener
	trusted []netip.Prefix
	log     zerolog.Logger
	missing sync.Once // logs a proxy that sends no header
	foreign sync.Once // logs a header from elsewhere
}

// newProxyListener takes networks that the configuration was validated for.
func newProxyListener(ln net.Listener, networks []string, log zerolog.Logger) net.Listener {
	l := &proxyListener{Listener: ln, log: log}
	for _, n := range networks {
		if p, err := config.ParseNetwork(n); err == nil {
			l.trusted = append(l.trusted, p)
		}
	}
	return l
}

// Accept does not wait for the header: whoever asks for the address of the
// connection, or reads from it, does.
func (l *proxyListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	policy := proxyproto.REJECT
	if l.trusts(nc.RemoteAddr()) {
		policy = proxyproto.REQUIRE
	}
	checked := proxyproto.NewConn(nc, proxyproto.WithPolicy(policy), proxyproto.SetReadHeaderTimeout(proxyHeaderTimeout))
	if policy == proxyproto.REQUIRE {
		nc = checked
	}
	return &proxyConn{nc, checked, l}, nil
}

func (l *proxyListener) trusts(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(l.trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// warn says once what is wrong with a proxy.
func (l *proxyListener) warn(once *sync.Once, text string) {
	once.Do(func() { l.log.Warn().Stringer("listener", l.Addr()).Msg(text) })
}

// proxyConn is a connection of a proxyListener. Of one that does not come from a trusted
// proxy only what is read is looked at: nothing else may have to wait for the client's
// first bytes.
type proxyConn struct {
	net.Conn // checked, if the connection comes from a trusted proxy
	checked  *proxyproto.Conn
	listener *proxyListener
}

func (c *proxyConn) Read(p []byte) (int, error) {
	n, err := c.checked.Read(p)
	switch {
	case errors.Is(err, proxyproto.ErrNoProxyProtocol):
		c.listener.warn(&c.listener.missing,
			"a connection from an address in proxy_protocol is closed, as it begins without a PROXY header: have the proxy send it, or take the address out of the list")
	case errors.Is(err, proxyproto.ErrSuperfluousProxyHeader):
		c.listener.warn(&c.listener.foreign,
			"a connection that begins with a PROXY header is closed, as its address is not in proxy_protocol: if it is that of a proxy of yours, add it to the list")
	}
	return n, err
}

func (c *proxyConn) SetDeadline(t time.Time) error     { return c.checked.SetDeadline(t) }
func (c *proxyConn) SetReadDeadline(t time.Time) error { return c.checked.SetReadDeadline(t) }
func (c *proxyConn) CloseWrite() error                 { return transport.CloseWrite(c.checked.Raw()) }

// NetConn is the socket, which carries what is written as it is.
func (c *proxyConn) NetConn() net.Conn { return c.checked.Raw() }
