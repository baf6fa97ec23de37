package ircd

import "directus-ircd/ircd/wire"

// renderReaction makes the line of a reaction, live and in histories. There is
// none for clients without tags. Its text is shortened if need be: a tag that is
// too long would be left out, and the line say nothing.
func renderReaction(r *Reaction, f form) []wire.Line {
	text := wire.Clip(wire.OneLine(r.Text), maxReaction)
	if !f.caps.has(capMessageTags) || text == "" || r.MsgID == "" {
		return nil
	}
	name := tagReact
	if r.Removed != "" {
		name = tagUnreact
	}
	m := &Message{ID: r.ID, Time: r.Time, From: r.From, ReplyTo: r.MsgID}
	tags := append(messageTags(m, f.caps, true), f.botTag()...)
	return []wire.Line{{
		Tags:    append(tags, wire.Tag{Key: name, Value: text}),
		Source:  prefixOf(r.From),
		Command: "TAGMSG",
		Params:  []string{windowOf(r.Target, r.To)},
	}}
}
