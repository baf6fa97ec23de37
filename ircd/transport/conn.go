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

// ServerName is the host that a TLS client asked for (SNI); empty without TLS. It is
// known once the handshake is over.
func ServerName(nc net.Conn) string {
	if c, ok := nc.(*webConn); ok {
		nc = c.accepted
	}
	if t, ok := nc.(*tls.Conn); ok {
		return t.ConnectionState().ServerName
	}
	return ""
}

// handshakeTimeout bounds the TLS and WebSocket handshakes together.
const handshakeTimeout = 10 * time.Second

// Handshake completes the handshakes of a connection, if it has any, within 10 s.
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

// RemoteIP is the client's address without port and zone; invalid if the transport has
// no addresses.
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

// PlainError removes the addresses that package net puts into errors: addresses must not
// get into the log.
func PlainError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
