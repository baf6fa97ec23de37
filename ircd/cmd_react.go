package ircd

import (
	"cmp"
	"context"
	"fmt"

	"directus-ircd/ircd/wire"
)

// maxReaction is the longest reaction, in bytes: a few emoji, or a word.
const maxReaction = 64

// react adds a reaction to a message, or removes the user's own
// (https://ircv3.net/specs/client-tags/react).
func (c *conn) react(ctx context.Context, target string, tags map[string]string) error {
	r, err := reacting(target, tags)
	if err != nil {
		return err
	}
	if r.Target, err = c.windowFor(ctx, target); err != nil {
		return err
	}
	if !hasTime(ctx, sendTime) {
		return failReply(codeLater, "Reaction not sent: earlier commands took too long. Send it again", r.Target, r.MsgID)
	}
	stored, err := c.has.reactions.React(ctx, *r)
	if err != nil {
		return err
	}
	c.srv.roster.Touch(c.member)
	err = c.poll(ctx) // earlier events are shown first
	if c.caps.has(capEchoMessage) && stored != nil {
		c.showReaction(stored)
	}
	return err
}

// reacting parses a reaction from the tags of a TAGMSG.
func reacting(target string, tags map[string]string) (*Reacting, error) {
	r := &Reacting{Target: target, MsgID: cmp.Or(tags[tagReply], tags[tagDraftReply]), Text: tags[tagReact]}
	_, add := tags[tagReact]
	if text, ok := tags[tagUnreact]; ok {
		r.Text, r.Remove = text, true
	}
	why := ""
	switch {
	case add && r.Remove:
		why = "a TAGMSG can react or unreact, but not both"
	case r.MsgID == "":
		why = "the tag +reply with the msgid of the message is missing"
	case len(r.Text) > maxReaction:
		why = fmt.Sprintf("it may have at most %d bytes", maxReaction)
	case wire.OneLine(r.Text) != r.Text || !wire.Visible(r.Text):
		why = "it must be a text on one line, such as an emoji"
	default:
		return r, nil
	}
	return nil, failReply(failParams, "Reaction not sent: "+why, target)
}

// showReaction shows that a reaction was added or removed. Only its author can unreact; when
// somebody else removes a reaction, it is shown as a redaction, since a reaction is a message
// too.
func (c *conn) showReaction(r *Reaction) {
	switch {
	case r.Removed == "":
	case r.By.ID != r.From.ID && c.knowsRedactions():
		c.showRedaction(&Redaction{MsgID: r.Removed, Time: r.Time, From: r.From, By: r.By, Target: r.Target, To: r.To})
		return
	default:
		undone := *r // the event is shared
		undone.From, undone.Target = c.srv.undoing(r.By, r.Target, r.From, r.To, c.user)
		r = &undone
	}
	f := c.by(r.From, c.form(false))
	c.sendAll(batch{}, c.srv.reactions.get(*r, f, func() *rendering { return newRendering(renderReaction(r, f)) }))
}

// renderReaction makes the line of a reaction, live and in history; there is none for clients
// that do not read its tags. A long text is truncated: a tag that is too long would be left out,
// and the line would be pointless.
func renderReaction(r *Reaction, f form) []wire.Line {
	text := wire.Clip(wire.OneLine(r.Text), maxReaction)
	if f.plain || !f.caps.has(capMessageTags) || text == "" || r.MsgID == "" {
		return nil
	}
	name := tagReact
	if r.Removed != "" {
		name = tagUnreact
	}
	m := &Message{ID: r.ID, Time: r.Time, From: r.From, ReplyTo: r.MsgID}
	tags := append(messageTags(m, f, true), f.botTag()...)
	return []wire.Line{{
		Tags:    append(tags, wire.Tag{Key: name, Value: text}),
		Source:  prefixOf(r.From),
		Command: "TAGMSG",
		Params:  []string{windowOf(r.Target, r.To)},
	}}
}
