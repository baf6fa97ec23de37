package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"
)

// IsWebSocket reports whether lines come over a WebSocket. It is known once the
// handshake is over.
func IsWebSocket(nc net.Conn) bool {
	if c, ok := nc.(*webConn); ok {
		nc = c.Conn
	}
	_, ok := nc.(*wsConn)
	return ok
}

// ServerName is the host that the client of a TLS connection wants to talk to
// (SNI). It is known once the handshake is over.
func ServerName(nc net.Conn) string {
	if c, ok := nc.(*webConn); ok {
		nc = c.accepted
	}
	if t, ok := nc.(*tls.Conn); ok {
		return t.ConnectionState().ServerName
	}
	return ""
}

// handshakeTimeout is how long a client may take for the handshakes of TLS and
// WebSocket.
const handshakeTimeout = 10 * time.Second

// Handshake completes the handshakes of a connection that has some.
func Handshake(ctx context.Context, nc net.Conn) error {
	t, ok := nc.(interface {
		HandshakeContext(context.Context) error
	})
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	return t.HandshakeContext(ctx)
}

// RemoteIP is the client's address, without port and zone; invalid where the
// transport has none.
func RemoteIP(nc net.Conn) netip.Addr {
	ra := nc.RemoteAddr()
	if ra == nil {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(ra.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// PlainError strips the addresses that package net writes into its errors,
// because no address goes into a log.
func PlainError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
