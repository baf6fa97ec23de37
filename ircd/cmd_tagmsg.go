package ircd

import (
	"context"
	"strings"
	"time"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// typingPause is the minimum time between two typing notifications for one target.
	// Clients must not send them more often (https://ircv3.net/specs/client-tags/typing).
	typingPause = 3 * time.Second
	// typingSlack is how much too early a notification may arrive if earlier ones were
	// late. Otherwise network jitter would cost a client that sends one every 3 s some of
	// them, and others would see the typing stop for a moment.
	typingSlack = 500 * time.Millisecond
	// maxTyping is how many targets a connection can be typing to at the same time.
	maxTyping = 16
)

// cmdTagmsg handles a message that consists of tags (IRCv3 message-tags). Tags that are not
// in the table are ignored, and so is a message without any others.
func (c *conn) cmdTagmsg(ctx context.Context, m *irc.Message) error {
	switch {
	case !c.caps.has(capMessageTags):
		return errorReply(irc.ERR_UNKNOWNCOMMAND, "Unknown command", m.Command)
	case m.Param(0) == "":
		return errorReply(irc.ERR_NEEDMOREPARAMS, "Not enough parameters", m.Command)
	}
	targets := wire.Targets(m.Param(0))
	if err := tooManyTargets(targets, "not sent"); err != nil {
		return err
	}
	tags := clientTagsOf(m, c.features())
	if len(tags) == 0 {
		return nil
	}
	for _, target := range targets {
		if err := c.answer(ctx, m.Command, c.tagmsgTo(ctx, target, tags)); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) tagmsgTo(ctx context.Context, target string, tags map[string]string) error {
	_, add := tags[tagReact]
	_, remove := tags[tagUnreact]
	if add || remove {
		return c.react(ctx, target, tags)
	}
	if state, ok := tags[tagTyping]; ok {
		return c.typing(ctx, target, state)
	}
	return nil
}

// typing passes on that the user is typing. That is not stored and soon worthless, so it is
// dropped if there is any obstacle. The only error is for a channel that the client is not
// in.
func (c *conn) typing(ctx context.Context, target, state string) error {
	switch state {
	case "active", "paused", "done":
	default:
		return nil
	}
	if !strings.HasPrefix(target, "#") {
		c.typingPrivate(ctx, target, state)
		return nil
	}
	ch, err := c.joinedChannel(ctx, target, irc.ERR_CANNOTSENDTOCHAN, notSent)
	if err != nil || !c.mayType(target) {
		return err
	}
	c.srv.roster.Typing(c.member, c.typingEvent(ch.key, state))
	c.echoTyping(ch.name, state)
	return nil
}

// typingPrivate tells the connections of one user, if there are private messages at all.
// There are no errors, which could reveal who is connected.
func (c *conn) typingPrivate(ctx context.Context, nick, state string) {
	if _, here := c.srv.roster.ByNick(nick); !here || !c.set.features.Private || !c.mayType(nick) {
		return
	}
	if p, ok := c.connected(ctx, nick); ok {
		c.srv.roster.TypingTo(c.member, p.ID, c.typingEvent("", state))
		c.echoTyping(p.Nick, state)
	}
}

func (c *conn) typingEvent(key, state string) *presence.Event {
	return &presence.Event{Kind: presence.Typing, User: c.user, Channel: key, Text: state}
}

func (c *conn) echoTyping(target, state string) {
	if c.caps.has(capEchoMessage) {
		c.showTyping(c.user, target, state)
	}
}

// mayType reports whether a typing notification for a target may be passed on now, and
// counts it if so.
func (c *conn) mayType(target string) bool {
	key, now := wire.Fold(target), time.Now()
	for k, due := range c.typed {
		if !now.Before(due) {
			delete(c.typed, k)
		}
	}
	due, waiting := c.typed[key]
	switch {
	case !waiting && len(c.typed) == maxTyping, waiting && now.Before(due.Add(-typingSlack)):
		return false
	case !waiting:
		due = now
	}
	if c.typed == nil {
		c.typed = make(map[string]time.Time)
	}
	c.typed[key] = due.Add(typingPause)
	return true
}

// showTyping shows that a user is typing, if the client supports that.
func (c *conn) showTyping(u User, target, state string) {
	if c.caps.has(capMessageTags) {
		l := typingLine(u, target, state)
		c.sendBy(u, &l)
	}
}

func typingLine(u User, target, state string) wire.Line {
	return wire.Line{Source: prefixOf(u), Command: "TAGMSG", Params: []string{target}, Tags: []wire.Tag{{Key: tagTyping, Value: state}}}
}

// The client-only tags that have a meaning here (IRCv3 message-tags).
const (
	tagTyping     = "+typing"
	tagReply      = "+reply"
	tagDraftReply = "+draft/reply" // the name of +reply before 2026, which clients still use
	tagReact      = "+draft/react"
	tagUnreact    = "+draft/unreact"
)

// clientTags is the table of the client-only tags that are accepted, in the order of
// CLIENTTAGDENY. All others are dropped. So are all tags without a "+", which only servers
// may set: a client could forge an account or a time.
var clientTags = []struct {
	name    string
	allowed func(Features) bool
}{
	{tagTyping, func(Features) bool { return true }},
	{tagReply, func(f Features) bool { return f.Replies }},
	{tagDraftReply, func(f Features) bool { return f.Replies }},
	{tagReact, func(f Features) bool { return f.Reactions }},
	{tagUnreact, func(f Features) bool { return f.Reactions }},
}

// clientTagsOf returns the client-only tags of a line that are accepted, by name with the
// "+". The command decides what they mean and whether their values are valid.
//
// A reaction keeps the tag that names its message, even if replies are not supported.
func clientTagsOf(m *irc.Message, f Features) map[string]string {
	tags := make(map[string]string)
	_, react := m.Tags[tagReact]
	_, unreact := m.Tags[tagUnreact]
	f.Replies = f.Replies || f.Reactions && (react || unreact)
	for _, t := range clientTags {
		if value, ok := m.Tags[t.name]; ok && t.allowed(f) {
			tags[t.name] = value
		}
	}
	return tags
}

// clientTagDeny is the value of CLIENTTAGDENY: all but the accepted tags. Clients hide
// features whose tags are denied.
func clientTagDeny(f Features) string {
	deny := []string{"*"}
	for _, t := range clientTags {
		if t.allowed(f) {
			deny = append(deny, "-"+strings.TrimPrefix(t.name, string(wire.ClientTagMark)))
		}
	}
	return strings.Join(deny, ",")
}
