package ircd

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// maxTargets is how many targets one message may have (TARGMAX), and one
	// WHOIS: each may cost the backend a request.
	maxTargets = 4
	// maxAway bounds an away message, in bytes (AWAYLEN).
	maxAway = 200
)

func (c *conn) cmdPrivmsg(ctx context.Context, m *irc.Message) error {
	return c.message(ctx, m, Privmsg)
}

// cmdNotice differs from RFC 2812, 3.3.2, in that a NOTICE that is not stored is
// answered with an error: otherwise it would vanish, and no client answers a
// numeric.
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

// refuseTargets says of the targets of a message that it will not be sent to them.
func (c *conn) refuseTargets(command string, targets []string, reason string) {
	for _, target := range targets {
		c.tellError(command, errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: "+reason, target))
	}
}

// tooManyTargets is the error of a command that takes maxTargets of them.
func tooManyTargets(targets []string, outcome string) error {
	if len(targets) <= maxTargets {
		return nil
	}
	return errorReply(irc.ERR_TOOMANYTARGETS, fmt.Sprintf("Too many targets, %s: %d at most", outcome, maxTargets), targets[maxTargets])
}

// messageTo has one message stored, as it was sent: an ACTION is a CTCP still.
func (c *conn) messageTo(ctx context.Context, target string, out Outgoing) error {
	if strings.HasPrefix(out.Text, wire.CTCPMark) {
		action, isAction := wire.Action(out.Text)
		switch {
		case isAction && out.Kind == Privmsg:
			out.Kind, out.Text = Action, action
		case out.Kind == Notice:
			return nil // the answer to a CTCP request, which nobody here made
		default:
			return errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: CTCP requests other than ACTION are not carried", target)
		}
	}
	return c.say(ctx, target, out)
}

// say has a message stored, and echoes it once it is.
func (c *conn) say(ctx context.Context, target string, out Outgoing) error {
	if !strings.HasPrefix(target, "#") {
		return c.privateMessage(ctx, target, out)
	}
	ch, err := c.joinedChannel(ctx, target)
	if err != nil {
		return err
	}
	out.Target, out.Text = ch.name, wire.CleanText(out.Text)
	if wire.Lines(out.Text) == nil { // nor could it be shown
		return errorReply(irc.ERR_NOTEXTTOSEND, "No text to send")
	}
	return c.store(ctx, out)
}

// replyTo is the message that one from the client says it answers; empty if none.
func (c *conn) replyTo(m *irc.Message) string {
	if !c.caps.has(capMessageTags) || !c.set.features.Replies {
		return ""
	}
	tags := clientTagsOf(m, c.features())
	return cmp.Or(tags[tagReply], tags[tagDraftReply])
}

// joinedChannel returns the channel that something is sent to. The error says
// whether there is none, or the client is not in it.
func (c *conn) joinedChannel(ctx context.Context, name string) (*joinedChannel, error) {
	if ch := c.channels[wire.Fold(name)]; ch != nil {
		return ch, nil
	}
	known, err := c.findChannel(ctx, name)
	if err != nil {
		return nil, err
	}
	return nil, errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: you are not in that channel, join it first", known.Name)
}

// store has a message stored. What the backend says is what the client is told.
func (c *conn) store(ctx context.Context, out Outgoing) error {
	out.Echo = c.caps.has(capEchoMessage)
	stored, err := c.sendInTime(ctx, out)
	if err != nil {
		c.srv.count.sendErrors.Add(1)
		return refused(err, irc.ERR_CANNOTSENDTOCHAN, out.Target)
	}
	c.srv.count.messages.Add(1)
	c.srv.roster.Touch(c.member)
	// What was stored before is shown before. If the connection ends meanwhile, what
	// became of this message is told all the same.
	err = c.pollBefore(ctx, stored)
	if stored != nil {
		c.showSent(stored)
	}
	return err
}

// privateMessage has a message to one user stored, who need not be connected.
func (c *conn) privateMessage(ctx context.Context, nick string, out Outgoing) error {
	if !c.set.features.Private {
		return c.noPrivateMessages(ctx, nick)
	}
	if !wire.IsNick(nick) {
		return errorReply(irc.ERR_NOSUCHNICK, "No such nick or channel", nick)
	}
	out.Target = nick
	if out.Text = wire.CleanText(out.Text); wire.Lines(out.Text) == nil {
		return errorReply(irc.ERR_NOTEXTTOSEND, "No text to send")
	}
	return c.store(ctx, out)
}

// noPrivateMessages refuses, and says whether it is the person or the way that is
// missing.
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
	return errorReply(irc.ERR_CANNOTSENDTOCHAN, "Not sent: private messages are not carried here, say it in a channel", nick)
}

// showSent shows what the client has just sent, as stored. What one writes to
// oneself arrives as well, whether it is echoed or not; only the echo is the
// answer to the request (IRCv3 labeled-response).
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

// awayRecipient returns who gets a private message and is away, of which its sender
// is told; nil if there is nothing to tell. A NOTICE is not answered (RFC 2812,
// 3.3.2).
func (c *conn) awayRecipient(m *Message) *presence.Person {
	if m.Target != "" || m.Kind == Notice || m.To.ID == c.user.ID {
		return nil
	}
	if p, here := c.srv.roster.ByID(m.To.ID); here && p.Away != "" && c.acquaintance(p.ID) == Known {
		return &p
	}
	return nil
}
