package ircd

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"time"

	"directus-ircd/ircd/transport"

	"github.com/rs/zerolog"
)

// settings are a server's Options and what is derived from them. They are immutable and
// replaced as a whole. A connection picks up new settings between commands, when its bell
// rings, so that they never change during a command.
type settings struct {
	Options
	features Features // the backend's
	motd     []string
	tokens   []string // of RPL_ISUPPORT; empty strings for those left out
}

func newSettings(opts Options, features Features) *settings {
	opts.Network = cmp.Or(opts.Network, opts.Name)
	s := &settings{Options: opts, features: features}
	if motd := strings.TrimRight(opts.MOTD, "\n"); motd != "" {
		s.motd = strings.Split(motd, "\n")
	}
	s.tokens = s.isupportTokens(features)
	return s
}

// Configure replaces the options of a running server, except Name, Version, Started,
// Location and Logger, which cannot change, and asks the backend for its Features again.
//
// Connections use the new options once their current command is done, and clients are
// told of changed capabilities and ISUPPORT tokens. Limits on logins and on the number of
// connections apply to new connections only. It may be called from any goroutine.
func (s *Server) Configure(opts Options) {
	old := s.settings.Load()
	opts.Name, opts.Version, opts.Started, opts.Location, opts.Logger = old.Name, old.Version, old.Started, old.Location, old.Logger
	s.slots.limit(opts.Limits.Connections, opts.Limits.ConnectionsPerAddress)
	s.reconnects.limit(opts.Limits.ReconnectsPerMinute)
	s.settings.Store(newSettings(opts, s.backend.Features()))
	s.logins.ring()
}

// takeSettings makes the connection use the current settings and tells the client what
// has changed for it.
func (c *conn) takeSettings() {
	now := c.srv.settings.Load()
	if now == c.set {
		return
	}
	before, tokens := c.offered(), c.isupportTokens()
	c.set = now
	c.out.limit(now.Limits.SendQueue)
	c.pacing.limit(now.Limits)
	c.offersChanged(before, c.offered())
	if c.registered {
		c.isupportChanged(tokens, c.isupportTokens())
	}
}

// offered reports for each row of capabilities whether the client is offered it.
func (c *conn) offered() []bool {
	offered := make([]bool, len(capabilities))
	for i, k := range capabilities {
		offered[i] = k.offered == nil || k.offered(c)
	}
	return offered
}

// offersChanged disables capabilities that are no longer offered, and tells a client with
// cap-notify of those that have come or gone.
func (c *conn) offersChanged(before, now []bool) {
	for i, k := range capabilities {
		is := now[i]
		if is == before[i] {
			continue
		}
		if !is {
			c.caps &^= k.bit
		}
		switch {
		case !c.caps.has(capNotify):
		case is:
			c.capLine("NEW", k.word(c, c.cap302))
		default:
			c.capLine("DEL", k.name)
		}
	}
}

// isupportChanged sends new and changed tokens, and "-NAME" for those that are gone.
func (c *conn) isupportChanged(old, now []string) {
	name := func(token string) string {
		name, _, _ := strings.Cut(token, "=")
		return name
	}
	var changed []string
	for _, t := range now {
		if !slices.Contains(old, t) {
			changed = append(changed, t)
		}
	}
	for _, t := range old {
		if t != "" && !slices.ContainsFunc(now, func(n string) bool { return name(n) == name(t) }) {
			changed = append(changed, "-"+name(t))
		}
	}
	c.sendTokens(batch{}, isupportLines(changed))
}

// Options describe a Server. The zero value of every field but Name is usable.
type Options struct {
	// Name is the server's name, the source of its replies. It must not contain spaces
	// and should contain a dot, by which clients tell it from a nick.
	Name string
	// Network is the NETWORK token of RPL_ISUPPORT; Name if empty.
	Network string
	// Version appears in 002, 004 and 351; "directus-ircd" if empty.
	Version string
	// MOTD is the message of the day, lines separated by "\n".
	MOTD string
	// Admin is the answer to ADMIN, up to three lines: the place, the organisation and
	// a contact. Without it ADMIN is answered with 423.
	Admin []string
	// LineLength is announced as LINELEN, the length of a client's lines, if it is more
	// than 512. Lines of up to 8192 bytes are accepted in any case.
	LineLength int
	// DeleteNotices reports deleted messages in a NOTICE to clients without message
	// redaction. Otherwise they are told nothing.
	DeleteNotices bool
	// Started is when the server was started (003); the time of NewServer if zero.
	Started time.Time
	// Location is the time zone of times in texts, for clients without server-time;
	// time.Local if nil.
	Location *time.Location
	Limits   Limits
	// Delivered is told of each new message that a connection is shown: the time from its
	// date until it is put into the connection's output, by the backend's clock. Stored is
	// told of each message that the backend confirms: the time since its line was handled by
	// flood control. nil: nobody is told. Configure does not replace them.
	Delivered, Stored Observer
	// Logger never gets passwords, addresses, message texts or e-mail addresses, at any
	// level.
	Logger zerolog.Logger
}

// Limits bound what strangers and slow clients can cost. 0 means no limit.
type Limits struct {
	// Connections is how many connections may be open at once.
	Connections int
	// ConnectionsPerAddress is how many may be open from one IPv4 address or IPv6 /64.
	// Connections without an IP address (Unix sockets) do not count.
	ConnectionsPerAddress int
	// ReconnectsPerMinute is how many connections from one address may last less than
	// 10 s. Beyond it, new ones from there wait up to 2 s each.
	ReconnectsPerMinute int
	// RegistrationTimeout is the time from connecting to 001. When a one-time code is
	// asked for, at least another minute is given.
	RegistrationTimeout time.Duration
	// LinesPerSecond is the rate at which a client's lines are handled beyond Burst.
	// Faster input is delayed, never dropped.
	LinesPerSecond float64
	Burst          int
	// PingTimeout is how long a client may be silent. It is sent a PING before that.
	PingTimeout time.Duration
	// ChannelsPerClient is how many channels a connection may be in.
	ChannelsPerClient int
	// SendQueue is how many bytes of output may wait for a slow client. At the limit its
	// connection stops working for up to 10 s and is then closed.
	SendQueue int64
}

// ListenOptions describe the connections of one listener. The zero value is a plain
// listener that advertises nothing.
type ListenOptions struct {
	// Secure says that connections are encrypted, by TLS here or in front of the server.
	Secure bool
	// STS returns the value of the capability sts ("port=6697" on a plain listener,
	// "duration=2592000,preload" on a secure one); an empty value advertises none. host
	// is what the client named in its TLS handshake; empty if it named none or there was
	// no handshake. It is called from the goroutines of connections whenever
	// capabilities are listed. Nil advertises none.
	STS func(host string) string
}

// sts is the value of the capability sts for a connection; empty to advertise none. A
// WebSocket client connects to a URL, to which a policy about ports does not apply.
func (o ListenOptions) sts(nc net.Conn) string {
	if o.STS == nil || transport.IsWebSocket(nc) {
		return ""
	}
	return o.STS(transport.ServerName(nc))
}
