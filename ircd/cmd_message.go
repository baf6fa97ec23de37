package ircd

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// maxTargets is how many targets a message, WHOIS or WHOWAS may have (TARGMAX): each
	// may cost the backend a request.
	maxTargets = 4
	// maxAway is the longest away message, in bytes (AWAYLEN).
	maxAway = 200
)

func (c *conn) cmdPrivmsg(ctx context.Context, m *irc.Message) error {
	return c.message(ctx, m, Privmsg)
}

// cmdNotice is cmdPrivmsg but for its errors: see loseNotice.
func (c *conn) cmdNotice(ctx context.Context, m *irc.Message) error {
	return c.message(ctx, m, Notice)
}

// message sends a PRIVMSG or NOTICE to each of its targets.
func (c *conn) message(ctx context.Context, m *irc.Message, kind Kind) error {
	targets := wire.Targets(m.Param(0))
	if len(targets) == 0 {
		return errorReply(irc.ERR_NORECIPIENT, "No recipient given ("+m.Command+")")
	}
	if err := tooManyTargets(targets, "not sent"); err != nil {
		return err
	}
	if m.Param(1) == "" {
		return errorReply(irc.ERR_NOTEXTTOSEND, "No text to send")
	}
	if c.response != nil {
		c.response.parts = len(targets) > 1
	}
	out := Outgoing{Kind: kind, ReplyTo: c.replyTo(m), Text: m.Param(1)}
	for i, target := range targets {
		if err := c.answer(ctx, m.Command, c.messageTo(ctx, target, out)); err != nil {
			c.refuseTargets(m.Command, targets[i+1:], "the connection ends")
			return err
		}
	}
	return nil
}

// refuseTargets tells the client that a message will not be sent to some targets.
func (c *conn) refuseTargets(command string, targets []string, reason string) {
	for _, target := range targets {
		e := errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: "+reason, target)
		e.Lost = true
		c.tellError(command, e)
	}
}

// tooManyTargets is the error for more than maxTargets targets, or nil.
func tooManyTargets(targets []string, outcome string) error {
	if len(targets) <= maxTargets {
		return nil
	}
	return errorReply(irc.ERR_TOOMANYTARGETS, fmt.Sprintf("Too many targets, %s: %d at most", outcome, maxTargets), targets[maxTargets])
}

// messageTo stores a message for one target. The text is as sent, so an ACTION is still
// wrapped as CTCP.
func (c *conn) messageTo(ctx context.Context, target string, out Outgoing) error {
	if strings.HasPrefix(out.Text, wire.CTCPMark) {
		action, isAction := wire.Action(out.Text)
		if !isAction || out.Kind == Notice {
			return c.ctcp(target, out)
		}
		out.Kind, out.Text = Action, action
	}
	return c.say(ctx, target, out)
}

// ctcp handles CTCP other than ACTION, which is not stored and reaches nobody else. What a
// client sends to its own nick comes back to it, and to no other connection of the user: rcirc
// measures the lag so. Its answer to that, a NOTICE, comes back too, and ends it.
func (c *conn) ctcp(target string, out Outgoing) error {
	text := wire.CTCP(out.Text)
	request, arg, _ := strings.Cut(text, " ")
	service := serviceUser(c.srv.source)
	switch {
	case wire.Fold(target) == wire.Fold(c.user.Nick):
		c.sendBack(out.Kind, text)
		return nil
	case out.Kind == Notice:
		return nil // the answer to a request, of which there are no others
	case wire.Fold(target) == service.Nick:
		if reply := c.serviceReply(strings.ToUpper(request), arg); reply != "" {
			c.send(ctcpLine(service, Notice, c.nick, reply))
			return nil
		}
	}
	return errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: CTCP other than ACTION is not supported", target)
}

// sendBack shows the client a CTCP message to itself, as showSent does what is stored.
func (c *conn) sendBack(kind Kind, text string) {
	back := c.aside()
	c.sendBy(c.user, ctcpLine(c.user, kind, c.nick, text))
	back()
	if c.caps.has(capEchoMessage) {
		c.sendBy(c.user, ctcpLine(c.user, kind, c.nick, text))
	}
}

// serviceReply is the answer of the service to a CTCP request; empty if it knows none.
func (c *conn) serviceReply(request, arg string) string {
	switch request {
	case "CLIENTINFO":
		arg = "CLIENTINFO PING TIME VERSION"
	case "PING":
	case "TIME":
		arg = c.localTime()
	case "VERSION":
		arg = c.set.Version
	default:
		return ""
	}
	return strings.TrimSpace(request + " " + arg)
}

// ctcpLine is a line of CTCP, which is cut where it is too long for one.
func ctcpLine(from User, kind Kind, target, text string) *wire.Line {
	s := speechOf(&Message{From: from, Kind: kind, To: User{Nick: target}})
	s.open, s.end = wire.CTCPMark, wire.CTCPMark
	l := s.line(wire.Clip(text, s.room()))
	return &l
}

// say stores a message, for a channel or for a user, connected or not, and tells the client
// what the backend says.
func (c *conn) say(ctx context.Context, target string, out Outgoing) (err error) {
	if out.Target, err = c.windowFor(ctx, target); err != nil {
		return err
	}
	out.Text = wire.CleanText(out.Text)
	if wire.Lines(out.Text) == nil { // it could not be shown
		return errorReply(irc.ERR_NOTEXTTOSEND, "No text to send")
	}
	out.Echo = c.caps.has(capEchoMessage)
	stored, err := c.sendInTime(ctx, out)
	if err != nil {
		c.srv.count.sendErrors.Add(1)
		return refused(err, irc.ERR_CANNOTSENDTOCHAN, out.Target)
	}
	c.toldLost = false
	c.srv.count.messages.Add(1)
	c.srv.stored.Observe(time.Since(c.lineAt).Seconds())
	c.srv.roster.Touch(c.member)
	// Messages stored earlier are shown first. Even if the connection ends meanwhile,
	// the client is told what became of this one.
	err = c.pollBefore(ctx, stored)
	if stored != nil {
		c.showSent(stored)
	}
	return err
}

// windowFor returns the canonical target of what is stored: a channel or a nick.
func (c *conn) windowFor(ctx context.Context, target string) (string, error) {
	switch {
	case strings.HasPrefix(target, "#"):
		ch, err := c.joinedChannel(ctx, target, irc.ERR_CANNOTSENDTOCHAN, notSent)
		if err != nil {
			return "", err
		}
		return ch.name, nil
	case !c.set.features.Private:
		return "", c.noPrivateMessages(ctx, target)
	case !wire.IsNick(target):
		return "", errorReply(irc.ERR_NOSUCHNICK, "No such nick or channel", target)
	}
	return target, nil
}

// replyTo is the msgid of the message that the client replies to; empty if none.
func (c *conn) replyTo(m *irc.Message) string {
	if !c.caps.has(capMessageTags) || !c.set.features.Replies {
		return ""
	}
	tags := clientTagsOf(m, c.features())
	return cmp.Or(tags[tagReply], tags[tagDraftReply])
}

// What clients are told about a channel that they are not in.
const (
	notJoined = "You are not in that channel"
	notSent   = "Not sent: you are not in that channel, join it first"
)

// joinedChannel returns a channel that the client is in. The error tells a channel that does
// not exist (403) from one that the client is not in, for which numeric and text are.
func (c *conn) joinedChannel(ctx context.Context, name, numeric, text string) (*joinedChannel, error) {
	if ch := c.channels[wire.Fold(name)]; ch != nil {
		return ch, nil
	}
	known, err := c.findChannel(ctx, name)
	if err != nil {
		return nil, err
	}
	return nil, errorReply(numeric, text, known.Name)
}

// noPrivateMessages is the error where there are no private messages. It tells a nick that
// does not exist from one that does.
func (c *conn) noPrivateMessages(ctx context.Context, nick string) error {
	if !c.isSelf(nick) {
		u, _, err := c.lookup(ctx, nick)
		if err != nil {
			return refused(err, irc.ERR_NOSUCHNICK, nick)
		}
		if u == nil {
			return errorReply(irc.ERR_NOSUCHNICK, "No such nick or channel", nick)
		}
	}
	return errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: there are no private messages here, say it in a channel", nick)
}

// showSent shows the client its own message as stored. A message to oneself is also
// received, echoed or not; only the echo is part of the response (IRCv3 labeled-response).
func (c *conn) showSent(m *Message) {
	away := c.awayRecipient(m)
	if away != nil && c.response != nil {
		c.response.parts = true
	}
	if m.Target == "" && m.To.ID == c.user.ID {
		back := c.aside()
		c.showMessage(m)
		back()
	}
	if c.caps.has(capEchoMessage) {
		c.showMessage(m)
	}
	if away != nil {
		c.reply(irc.RPL_AWAY, away.Nick, away.Away)
	}
}

// awayRecipient returns the recipient of a private message if the sender must be told that
// they are away; otherwise nil. A NOTICE gets no reply (RFC 2812, 3.3.2).
func (c *conn) awayRecipient(m *Message) *presence.Person {
	if m.Target != "" || m.Kind == Notice || m.To.ID == c.user.ID {
		return nil
	}
	if p, here := c.srv.roster.ByID(m.To.ID); here && p.Away != "" && c.acquaintance(p.ID) == Known {
		return &p
	}
	return nil
}
