package ircd

import (
	"slices"
	"strings"
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
	s.tokens = s.isupportTokens()
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
	old, now := c.set, c.srv.settings.Load()
	if now == old {
		return
	}
	before := c.offered()
	c.set = now
	c.out.limit(now.Limits.SendQueue)
	c.pacing.limit(now.Limits)
	c.offersChanged(before, c.offered())
	if c.registered {
		c.isupportChanged(old.tokens, now.tokens)
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
