package ircd

import (
	"strings"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// The client-only tags that mean something here (IRCv3 message-tags).
const (
	tagTyping     = "+typing"
	tagReply      = "+reply"
	tagDraftReply = "+draft/reply" // what +reply was called before 2026; clients still write it
	tagReact      = "+draft/react"
	tagUnreact    = "+draft/unreact"
)

// clientTags is the table of the client-only tags that are let through, in the
// order of CLIENTTAGDENY. All others are dropped, and tags without a "+" always:
// they are for the server to set, and a client could else forge an account or a
// time.
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

// clientTags returns the client-only tags of a line that are let through, by
// name with the "+". What a tag means for the command at
// hand, and whether its value makes sense, is for the command to say.
//
// A reaction keeps the tag that says what it is about, though replies may have
// no place otherwise.
func (s *settings) clientTags(m *irc.Message) map[string]string {
	tags := make(map[string]string)
	_, react := m.Tags[tagReact]
	_, unreact := m.Tags[tagUnreact]
	f := s.features
	f.Replies = f.Replies || f.Reactions && (react || unreact)
	for _, t := range clientTags {
		if value, ok := m.Tags[t.name]; ok && t.allowed(f) {
			tags[t.name] = value
		}
	}
	return tags
}

// clientTagDeny is the value of CLIENTTAGDENY: everything but what the table
// lets through. Clients hide what they cannot do.
func clientTagDeny(f Features) string {
	deny := []string{"*"}
	for _, t := range clientTags {
		if t.allowed(f) {
			deny = append(deny, "-"+strings.TrimPrefix(t.name, string(wire.ClientTagMark)))
		}
	}
	return strings.Join(deny, ",")
}
