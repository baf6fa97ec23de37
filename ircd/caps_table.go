package ircd

import (
	"slices"
	"strings"
)

// capSet is a set of capabilities.
type capSet uint64

// The capabilities.
const (
	capAccountNotify capSet = 1 << iota
	capAccountTag
	capAwayNotify
	capBatch
	capNotify
	capChghost
	capChathistory
	capEventPlayback
	capExtendedISupport
	capRedaction
	capMultiline
	capPreAway
	capReadMarker
	capEchoMessage
	capExtendedJoin
	capExtendedMonitor
	capInviteNotify
	capLabeledResponse
	capMessageTags
	capMultiPrefix
	capNoImplicitNames
	capSASL
	capServerTime
	capSetname
	capStandardReplies
	capUserhostInNames
	capSelfMessage
	capChannelRename
)

func (s capSet) has(c capSet) bool { return s&c != 0 }

// capability is an entry of CAP LS.
type capability struct {
	name string
	// bit is 0 for a capability that only informs: a REQ for it is refused. Several
	// names may share a bit.
	bit capSet
	// offered says whether a client is offered it; nil means always.
	offered func(c *conn) bool
	// value is sent from version 302 on; nil if there is none.
	value func(c *conn) string
	// valued marks those that mean nothing without their value. Only clients that
	// understand values are offered them.
	valued bool
	// spare, if not 0, marks those that are listed only if they fit on the line, 1
	// first. They can be requested in any case.
	spare int
}

// maxSpare is the highest rank of spare capabilities.
const maxSpare = 4

// capabilities are all capabilities, in the order of CAP LS. Several clients break if CAP
// LS takes a second line. Without the spare ones it fits on one line for server names of
// up to 20 bytes, and for older clients, which get no values, for any name.
var capabilities = []capability{
	{name: "account-notify", bit: capAccountNotify}, // an account never changes
	{name: "account-tag", bit: capAccountTag},
	{name: "away-notify", bit: capAwayNotify},
	{name: "batch", bit: capBatch},
	{name: "cap-notify", bit: capNotify, spare: 2}, // version 302 implies it
	{name: "chghost", bit: capChghost},             // a host never changes
	{name: "draft/channel-rename", bit: capChannelRename, offered: func(c *conn) bool { return c.features().Rooms }, spare: 4},
	{name: "draft/chathistory", bit: capChathistory, offered: hasHistory},
	{name: "draft/event-playback", bit: capEventPlayback, offered: hasHistory},
	{name: "draft/extended-isupport", bit: capExtendedISupport},
	{name: "draft/message-redaction", bit: capRedaction},
	{name: "draft/multiline", bit: capMultiline, value: func(*conn) string { return multilineLimits }, valued: true},
	{name: "draft/no-implicit-names", bit: capNoImplicitNames, spare: 1}, // the name in released clients
	{name: "draft/pre-away", bit: capPreAway},
	{name: "draft/read-marker", bit: capReadMarker, offered: func(c *conn) bool { return c.features().ReadMarkers }},
	{name: "echo-message", bit: capEchoMessage},
	{name: "extended-join", bit: capExtendedJoin},
	{name: "extended-monitor", bit: capExtendedMonitor},
	{name: "invite-notify", bit: capInviteNotify},
	{name: "labeled-response", bit: capLabeledResponse},
	{name: "message-tags", bit: capMessageTags},
	{name: "multi-prefix", bit: capMultiPrefix},
	{name: "no-implicit-names", bit: capNoImplicitNames},
	{name: "sasl", bit: capSASL, offered: func(c *conn) bool { return c.logins }, value: func(*conn) string { return saslMechanisms }},
	{name: "server-time", bit: capServerTime},
	{name: "setname", bit: capSetname},
	{name: "soju.im/account-required"},
	{name: "soju.im/no-implicit-names", bit: capNoImplicitNames, spare: 3},
	{name: "standard-replies", bit: capStandardReplies},
	{name: "sts", offered: func(c *conn) bool { return stsValue(c) != "" }, value: stsValue, valued: true},
	{name: "userhost-in-names", bit: capUserhostInNames},
	{name: "znc.in/self-message", bit: capSelfMessage, offered: func(c *conn) bool { return c.set.features.Private }},
}

func hasHistory(c *conn) bool { return c.features().History }

func stsValue(c *conn) string { return c.listen.sts(c.nc) }

func capabilityNamed(name string) *capability {
	i := slices.IndexFunc(capabilities, func(k capability) bool { return k.name == name })
	if i < 0 {
		return nil
	}
	return &capabilities[i]
}

// word is the capability's word in CAP LS for a client; empty if it is not offered.
func (k *capability) word(c *conn, values bool) string {
	switch {
	case k.offered != nil && !k.offered(c), k.valued && !values:
		return ""
	case k.value == nil || !values:
		return k.name
	}
	return k.name + "=" + k.value(c)
}

// offers are the words of CAP LS: with values if the client understands them, and with as
// many spare ones as fit into room bytes.
func (c *conn) offers(values bool, room int) []string {
	words := make([]string, len(capabilities))
	for rank := range maxSpare + 1 {
		for i, k := range capabilities {
			if k.spare != rank {
				continue
			}
			words[i] = k.word(c, values)
			if rank > 0 && len(strings.Join(present(words), " ")) > room {
				words[i] = ""
			}
		}
	}
	return present(words)
}

// present returns the words without empty ones.
func present(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
}
