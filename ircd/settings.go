package ircd

import (
	"net"
	"slices"
	"strings"
	"time"

	"directus-ircd/ircd/transport"

	"github.com/rs/zerolog"
)

// settings are what a server is configured to, made ready for use. They are
// immutable and replaced as a whole. A connection goes by those that it saw last,
// and looks for others when its bell rings, so that it never changes its mind in
// the middle of a command.
type settings struct {
	Options
	features Features // the backend's
	motd     []string
	tokens   []string   // of RPL_ISUPPORT
	isupport [][]string // the same by lines
}

func newSettings(opts Options, features Features) *settings {
	s := &settings{Options: opts, features: features}
	if motd := strings.TrimRight(opts.MOTD, "\n"); motd != "" {
		s.motd = strings.Split(motd, "\n")
	}
	s.tokens = s.isupportTokens(features)
	s.isupport = isupportLines(s.tokens)
	return s
}

// Configure replaces the options of a server that may have connections, all but
// those that it was made with for good: Name, Version, Started, Location and Logger.
// The backend is asked again for its Features. Present connections go by the new
// options from their next turn on, and are told what concerns them; the limits of
// logging in and of the number of connections hold for those that come. It may be
// called from any goroutine.
func (s *Server) Configure(opts Options) {
	old := s.settings.Load()
	opts.Name, opts.Version, opts.Started, opts.Location, opts.Logger = old.Name, old.Version, old.Started, old.Location, old.Logger
	if opts.Network == "" {
		opts.Network = opts.Name
	}
	s.slots.limit(opts.Limits.Connections, opts.Limits.ConnectionsPerAddress)
	s.reconnects.limit(opts.Limits.ReconnectsPerMinute)
	s.settings.Store(newSettings(opts, s.backend.Features()))
	s.logins.ring()
}

// takeSettings has the connection go by the present settings, and tells a client
// what it was told otherwise.
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

// offered says of each of the capabilities whether it is offered.
func (c *conn) offered() []bool {
	offered := make([]bool, len(capabilities))
	for i, k := range capabilities {
		offered[i] = k.offered == nil || k.offered(c)
	}
	return offered
}

// offersChanged tells a client of capabilities that have come or gone.
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
			c.capLine("NEW", k.word(c, c.reg.cap302))
		default:
			c.capLine("DEL", k.name)
		}
	}
}

// isupportChanged sends the tokens that are new, and "-NAME" for those that are
// gone.
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
	c.sendTokens(isupportLines(changed))
}

// Options describe a Server. The zero value of every field but Name is usable.
type Options struct {
	// Name is the server's name, the source of its replies. It holds no space
	// and by custom a dot, by which clients tell it from a nick.
	Name string
	// Network is the NETWORK token of RPL_ISUPPORT; Name if empty.
	Network string
	// Version is told in 002, 004 and 351; "directus-ircd" if empty.
	Version string
	// MOTD is the message of the day, lines separated by "\n".
	MOTD string
	// Admin is told by ADMIN: the place, the organisation and how to reach
	// somebody, up to three lines; empty: 423.
	Admin []string
	// LineLength is told as LINELEN if it is more than 512: how long a line of
	// a client may be. Lines of up to 8192 bytes are read in any case.
	LineLength int
	// DeleteNotices tells clients without message redaction of deleted messages
	// in a NOTICE; otherwise they are told nothing.
	DeleteNotices bool
	// Started is the moment that is told in 003; that of NewServer if zero.
	Started time.Time
	// Location is the zone of the times that are written into the text for
	// clients without server-time; time.Local if nil.
	Location *time.Location
	Limits   Limits
	// Logger gets no password, no address, no message text and no e-mail at
	// any level.
	Logger zerolog.Logger
}

// Limits bound what strangers and slow clients can cost. 0 means no limit.
type Limits struct {
	// Connections is how many may be open at once.
	Connections int
	// ConnectionsPerAddress is the same for one IPv4 address or IPv6 /64.
	// Connections without an IP address (Unix sockets) are not counted.
	ConnectionsPerAddress int
	// ReconnectsPerMinute is how many connections of one address may end within
	// 10 s of their beginning. Beyond, the next ones wait up to 2 s each.
	ReconnectsPerMinute int
	// RegistrationTimeout is the time from the connect to 001. A one-time code
	// that is asked for gives at least another minute.
	RegistrationTimeout time.Duration
	// LinesPerSecond is the rate at which a client's lines are read beyond
	// Burst. What comes faster waits and is never dropped.
	LinesPerSecond float64
	Burst          int
	// QueryCost is how many lines a command counts for that makes the backend
	// search or the answer long; less than 1 is 1.
	QueryCost int
	// PingTimeout is how long a client may be silent. It is sent a PING before.
	PingTimeout time.Duration
	// ChannelsPerClient is how many channels one connection may be in.
	ChannelsPerClient int
	// SendQueue is how many bytes may wait for a client that reads slowly. At
	// the limit the connection's own work waits for 10 s, then it is closed.
	SendQueue int64
}

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
