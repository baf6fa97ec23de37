package ircd

import "strings"

// renderReaction makes the line of a reaction, live and in histories. There is
// none for clients without tags. Its text is shortened if need be: a tag that is
// too long would be left out, and the line say nothing.
func renderReaction(r *Reaction, f form) []line {
	text := clipText(reactionText(r.Text), maxReaction)
	if !f.caps.has(capMessageTags) || text == "" || r.MsgID == "" {
		return nil
	}
	name := tagReact
	if r.Removed != "" {
		name = tagUnreact
	}
	m := &Message{ID: r.ID, Time: r.Time, From: r.From, ReplyTo: r.MsgID}
	tags := append(messageTags(m, f.caps, true), f.botTag()...)
	return []line{{
		Tags:    append(tags, tag{name, text}),
		Source:  prefixOf(r.From),
		Command: "TAGMSG",
		Params:  []string{windowOf(r.Target, r.To)},
	}}
}

// reactionText makes a text fit to be a reaction: one line without formatting.
func reactionText(s string) string {
	text := strings.Map(func(r rune) rune {
		if isDirection(r) {
			return -1
		}
		return r
	}, CleanText(s))
	return strings.TrimSpace(plainText(strings.Join(textLines(text), " ")))
}
