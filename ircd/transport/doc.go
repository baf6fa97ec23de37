// Package transport brings a client's bytes in and out: plain TCP, TLS, or WebSocket, by
// listeners of its own (WebSocket, Shared) or any other. A WebSocket looks like every
// other connection to its users: each message is one line.
//
// Server.Serve accepts from these listeners and completes the handshakes with Handshake.
// The program makes the listeners. The package imports wire, for how much a line may
// hold, and nothing else of this module; it knows no server and no session.
package transport
