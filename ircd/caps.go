package ircd

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// cap302 is the version of CAP LS with values, multi-line answers and cap-notify.
const cap302 = 302

// cmdCap negotiates capabilities (IRCv3 capability-negotiation).
func (c *conn) cmdCap(ctx context.Context, m *irc.Message) error {
	switch sub := strings.ToUpper(m.Param(0)); sub {
	case "LS":
		c.capLS(m.Param(1))
	case "LIST":
		c.capList()
	case "REQ":
		c.capREQ(m.Param(1))
	case "END":
		if c.registered { // WeeChat sends another one
			return nil
		}
		c.negotiating = false
		return c.tryRegister(ctx)
	default:
		word, _, _ := strings.Cut(sub, " ")
		return errorReply(irc.ERR_INVALIDCAPCMD, "Unknown CAP subcommand", cmp.Or(word, "*"))
	}
	return nil
}

// capLine sends one CAP line. params go between the subcommand and the list.
func (c *conn) capLine(sub, list string, params ...string) {
	params = append([]string{c.nick, sub}, params...)
	c.send(&wire.Line{Source: c.srv.source, Command: "CAP", Params: append(params, list), Trailing: true})
}

// capRoom is how long the list on one line may be.
func (c *conn) capRoom(sub string) int {
	return wire.MaxBody - len(":"+c.srv.source+" CAP "+c.nick+" "+sub+" :")
}

// capLS lists what is offered. Before registration it delays 001 until CAP END.
func (c *conn) capLS(version string) {
	if !c.registered {
		c.negotiating = true
	}
	// Some clients write a space after the version.
	v, err := strconv.Atoi(strings.TrimSpace(version))
	modern := err == nil && v >= cap302
	if modern {
		c.caps |= capNotify
		c.cap302 = true
	}
	c.logins = c.srv.logins.available()
	c.capWords("LS", c.offers(modern, c.capRoom("LS")), modern)
}

// capList lists the capabilities that are enabled.
func (c *conn) capList() {
	var names []string
	for _, k := range capabilities {
		if c.caps.has(k.bit) {
			names = append(names, k.name)
		}
	}
	c.capWords("LIST", names, c.cap302)
}

// capWords sends a list, on several lines if it does not fit on one. For modern clients
// all lines but the last are marked. sasl goes on the last line: without it there, old
// HexChat ends the negotiation.
func (c *conn) capWords(sub string, words []string, modern bool) {
	if len(strings.Join(words, " ")) <= c.capRoom(sub) {
		c.capLine(sub, strings.Join(words, " "))
		return
	}
	if i := slices.IndexFunc(words, isSASL); i >= 0 {
		words = append(slices.Delete(slices.Clone(words), i, i+1), words[i])
	}
	lists := wire.Pack(words, c.capRoom(sub+" *"))
	for i, list := range lists {
		if modern && i < len(lists)-1 {
			c.capLine(sub, list, "*")
		} else {
			c.capLine(sub, list)
		}
	}
}

func isSASL(word string) bool {
	name, _, _ := strings.Cut(word, "=")
	return name == "sasl"
}

// capRepeat sends the client's own list back, on several lines if it does not fit on one:
// a truncated name would be another name.
func (c *conn) capRepeat(sub, list string) {
	room := c.capRoom(sub)
	if len(list) <= room {
		c.capLine(sub, list)
		return
	}
	for _, part := range wire.Pack(strings.Fields(list), room) {
		c.capLine(sub, part)
	}
}

// capREQ applies all changes of a request or none, and repeats the request in its answer.
func (c *conn) capREQ(list string) {
	if !c.registered {
		c.negotiating = true
	}
	caps := c.caps
	for _, word := range strings.Fields(list) {
		name, off := strings.CutPrefix(word, "-")
		k := capabilityNamed(name)
		switch {
		case k == nil || k.bit == 0,
			off && k.bit == capNotify && c.cap302,
			!off && k.offered != nil && !k.offered(c):
			c.capRepeat("NAK", list)
			return
		case off:
			caps &^= k.bit
		default:
			caps |= k.bit
		}
	}
	c.caps = caps
	c.sharedCaps.Store(uint64(caps))
	c.paceBatch()
	c.capRepeat("ACK", list)
	c.server.Ring() // cap-notify may be new, and there may be something to tell
}

// SetLogins says whether users can log in at the moment; at first they can. While they
// cannot, sasl is not offered, and clients without credentials are asked to come back
// later instead of to log in. Clients with cap-notify are told of a change (CAP DEL, CAP
// NEW). Credentials are checked regardless. It may be called from any goroutine and does
// not block.
func (s *Server) SetLogins(available bool) { s.logins.set(available) }

// availability is whether users can log in, and whom to wake when that, or anything else
// about the server, changes.
type availability struct {
	mu    sync.Mutex              // a leaf lock
	down  bool                    // guarded by mu: users cannot log in
	bells map[*bell.Pull]struct{} // guarded by mu: one for each connection
}

func (l *availability) available() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.down
}

func (l *availability) set(available bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down == !available {
		return
	}
	l.down = !available
	for b := range l.bells {
		b.Ring()
	}
}

// ring wakes every connection.
func (l *availability) ring() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for b := range l.bells {
		b.Ring()
	}
}

// watch has a bell rung at every change until stop is called.
func (l *availability) watch(b *bell.Pull) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bells[b] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.bells, b)
	}
}

// loginsChanged tells a client with cap-notify whether sasl is offered, if that has
// changed since it was told.
func (c *conn) loginsChanged() {
	now := c.srv.logins.available()
	if now == c.logins || !c.caps.has(capNotify) {
		return
	}
	before := c.offered()
	c.logins = now
	c.offersChanged(before, c.offered())
}
