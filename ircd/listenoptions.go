package ircd

import (
	"net"

	"directus-ircd/ircd/transport"
)

// ListenOptions say what the connections of one listener are. The zero value is
// a plain listener that advertises nothing of its own.
type ListenOptions struct {
	// Secure says that what is said here is encrypted on its way.
	Secure bool
	// STS returns the value of the capability sts ("port=6697" on a plain
	// listener, "duration=2592000,preload" on a secure one) for a client that
	// named this host in its TLS handshake; empty if it named none, and without
	// TLS. An empty value advertises no sts. It is called whenever capabilities
	// are listed, from the goroutines of connections. Nil: none.
	STS func(host string) string
}

// sts is the value of the capability sts for a connection, empty where none is
// advertised. A WebSocket has an address of its own, which a policy about ports
// says nothing about.
func (o ListenOptions) sts(nc net.Conn) string {
	if o.STS == nil || transport.IsWebSocket(nc) {
		return ""
	}
	return o.STS(transport.ServerName(nc))
}
