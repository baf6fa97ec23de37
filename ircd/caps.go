package ircd

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// cap302 is the version of the negotiation that has values, answers of several
// lines, and cap-notify.
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
		return c.capEND(ctx)
	default:
		return errorReply(irc.ERR_INVALIDCAPCMD, "Unknown CAP subcommand", capWord(sub))
	}
	return nil
}

// capWord makes a subcommand fit to be shown.
func capWord(s string) string {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		s = s[:i]
	}
	if s == "" {
		return "*"
	}
	return s
}

// capLine sends one line; params go between the subcommand and the list.
func (c *conn) capLine(sub, list string, params ...string) {
	params = append([]string{c.nick, sub}, params...)
	c.send(&wire.Line{Source: c.srv.source, Command: "CAP", Params: append(params, list), Trailing: true})
}

// capRoom is how long the list of one line may be.
func (c *conn) capRoom(sub string) int {
	return wire.MaxBody - len(":"+c.srv.source+" CAP "+c.nick+" "+sub+" :")
}

// capLS lists what there is. Before registration it holds 001 back until END.
func (c *conn) capLS(version string) {
	if !c.registered {
		c.reg.negotiating = true
	}
	// Limnoria writes "CAP LS :302", others a blank behind it.
	v, err := strconv.Atoi(strings.TrimSpace(version))
	modern := err == nil && v >= cap302
	if modern {
		c.caps |= capNotify
		c.reg.cap302 = true
	}
	c.logins = c.srv.logins.available()
	c.capWords("LS", c.offers(modern, c.capRoom("LS")), modern)
}

// capList lists what the connection has.
func (c *conn) capList() {
	var names []string
	for _, k := range capabilities {
		if c.caps.has(k.bit) {
			names = append(names, k.name)
		}
	}
	c.capWords("LIST", names, c.reg.cap302)
}

// capWords sends a list, on several lines if one is too short. All but the last
// one are then marked as such for clients that know the mark. sasl is on the last
// line: old HexChat ends the negotiation there if it is not.
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

// capFold repeats a list of the client's, on several lines if one is too short: a
// name cut off would be another one.
func (c *conn) capFold(sub, list string) {
	room := c.capRoom(sub)
	if len(list) <= room {
		c.capLine(sub, list)
		return
	}
	for _, part := range wire.Pack(strings.Fields(list), room) {
		c.capLine(sub, part)
	}
}

// capREQ changes the set as a whole, or not at all. The answer repeats the
// request as it was.
func (c *conn) capREQ(list string) {
	if !c.registered {
		c.reg.negotiating = true
	}
	caps := c.caps
	for _, word := range strings.Fields(list) {
		name, off := strings.CutPrefix(word, "-")
		k := capabilityNamed(name)
		switch {
		case k == nil || k.bit == 0,
			off && k.bit == capNotify && c.reg.cap302,
			!off && k.offered != nil && !k.offered(c):
			c.capFold("NAK", list)
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
	c.capFold("ACK", list)
	ring(c.serverBell) // cap-notify may be new
}

// capEND lets the registration go on. After it, it means nothing (WeeChat sends
// one more).
func (c *conn) capEND(ctx context.Context) error {
	if c.registered {
		return nil
	}
	c.reg.negotiating = false
	return c.tryRegister(ctx)
}
