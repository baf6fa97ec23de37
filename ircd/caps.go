package ircd

import (
	"context"
	"slices"
	"strconv"
	"strings"

	irc "gopkg.in/irc.v4"
)

// capSet is a set of capabilities.
type capSet uint64

// The capabilities.
const (
	capAccountTag capSet = 1 << iota
	capAwayNotify
	capBatch
	capNotify
	capEchoMessage
	capExtendedJoin
	capLabeledResponse
	capMessageTags
	capMultiPrefix
	capSASL
	capServerTime
	capUserhostInNames
)

func (s capSet) has(c capSet) bool { return s&c != 0 }

// capability is one row of CAP LS.
type capability struct {
	name  string
	bit   capSet
	value string // told from version 302 on
}

// capabilities are those that the server has, in the order of CAP LS. They fit
// on one line: several clients break on a second one.
var capabilities = []capability{
	{name: "account-tag", bit: capAccountTag},
	{name: "away-notify", bit: capAwayNotify},
	{name: "batch", bit: capBatch},
	{name: "cap-notify", bit: capNotify},
	{name: "echo-message", bit: capEchoMessage},
	{name: "extended-join", bit: capExtendedJoin},
	{name: "labeled-response", bit: capLabeledResponse},
	{name: "message-tags", bit: capMessageTags},
	{name: "multi-prefix", bit: capMultiPrefix},
	{name: "sasl", bit: capSASL, value: saslMechanisms},
	{name: "server-time", bit: capServerTime},
	{name: "userhost-in-names", bit: capUserhostInNames},
}

// cap302 is the version of the negotiation that has values and implies
// cap-notify.
const cap302 = 302

// cmdCap negotiates capabilities (IRCv3 capability-negotiation).
func (c *conn) cmdCap(ctx context.Context, m *irc.Message) error {
	switch sub := strings.ToUpper(m.Param(0)); sub {
	case "LS":
		c.capLS(m.Param(1))
	case "LIST":
		c.capLine("LIST", capNames(func(k capability) bool { return c.caps.has(k.bit) }, false))
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

func (c *conn) capLine(sub, list string) {
	c.send(&line{Source: c.srv.source, Command: "CAP", Params: []string{c.nick, sub, list}, Trailing: true})
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
	c.capLine("LS", capNames(func(capability) bool { return true }, modern))
}

// capFold sends a list of capabilities, on several lines if one is too short: a
// name cut off would be another one.
func (c *conn) capFold(sub, list string) {
	room := maxBody - len(":"+c.srv.source+" CAP "+c.nick+" "+sub+" :")
	if len(list) <= room {
		c.capLine(sub, list)
		return
	}
	for _, part := range foldWords(strings.Fields(list), room) {
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
		i := slices.IndexFunc(capabilities, func(k capability) bool { return k.name == name })
		if i < 0 || off && name == "cap-notify" && c.reg.cap302 {
			c.capFold("NAK", list)
			return
		}
		if off {
			caps &^= capabilities[i].bit
		} else {
			caps |= capabilities[i].bit
		}
	}
	c.caps = caps
	c.capFold("ACK", list)
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

// capNames lists capabilities, with their values for clients that understand
// them.
func capNames(want func(capability) bool, values bool) string {
	var names []string
	for _, k := range capabilities {
		switch {
		case !want(k):
		case values && k.value != "":
			names = append(names, k.name+"="+k.value)
		default:
			names = append(names, k.name)
		}
	}
	return strings.Join(names, " ")
}
