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
)

func (s capSet) has(c capSet) bool { return s&c != 0 }

// capability is one row of CAP LS.
type capability struct {
	name string
	// bit is 0 for one that only tells something: a REQ of it is refused.
	// Several names may share one.
	bit capSet
	// offered says whether a connection is offered it; nil: always.
	offered func(c *conn) bool
	// value is told from version 302 on; nil: there is none.
	value func(c *conn) string
	// valued are those that mean nothing without their value: only clients that
	// understand values are told of them.
	valued bool
	// spare ones, from 1 on, are listed as far as there is room for them on one
	// line, those of 1 first. They can be requested all the same.
	spare int
}

// maxSpare is the last rank of the spare ones.
const maxSpare = 3

// capabilities are those that the server has, in the order of CAP LS. All but the
// spare ones fit on one line with a server name of 20 bytes, and for clients that
// know neither values nor answers of several lines with any name: several clients
// break on a second one. Each row stands for something that works.
var capabilities = []capability{
	{name: "account-notify", bit: capAccountNotify}, // an account never changes
	{name: "account-tag", bit: capAccountTag},
	{name: "away-notify", bit: capAwayNotify},
	{name: "batch", bit: capBatch},
	{name: "cap-notify", bit: capNotify, spare: 2}, // whoever asks with 302 has it unasked
	{name: "chghost", bit: capChghost},             // a host never changes
	{name: "draft/chathistory", bit: capChathistory, offered: hasHistory},
	{name: "draft/event-playback", bit: capEventPlayback, offered: hasHistory},
	{name: "draft/extended-isupport", bit: capExtendedISupport},
	{name: "draft/message-redaction", bit: capRedaction},
	{name: "draft/multiline", bit: capMultiline, value: func(*conn) string { return multilineLimits }, valued: true},
	{name: "draft/no-implicit-names", bit: capNoImplicitNames, spare: 1}, // as released clients know it
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

// word is how a capability is told, empty where it is not.
func (k *capability) word(c *conn, values bool) string {
	switch {
	case k.offered != nil && !k.offered(c), k.valued && !values:
		return ""
	case k.value == nil || !values:
		return k.name
	}
	return k.name + "=" + k.value(c)
}

// offers lists the capabilities that a connection is offered, with their values
// for clients that understand them, and the spare ones as far as all of them fit
// into room bytes.
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

// present returns the words that are not empty.
func present(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
}
