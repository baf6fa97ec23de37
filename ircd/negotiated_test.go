package ircd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// clientClasses are what clients ask for, and some odd choices.
var clientClasses = map[string]string{
	"netcat":    "",
	"irssi":     "multi-prefix extended-join setname invite-notify away-notify chghost account-notify znc.in/self-message server-time",
	"HexChat":   "account-notify account-tag away-notify cap-notify chghost extended-join invite-notify multi-prefix server-time setname userhost-in-names",
	"WeeChat":   "account-notify account-tag away-notify batch cap-notify chghost draft/multiline echo-message extended-join invite-notify message-tags multi-prefix server-time setname userhost-in-names",
	"Lounge":    "account-tag away-notify batch echo-message extended-join invite-notify message-tags multi-prefix server-time setname userhost-in-names znc.in/self-message standard-replies draft/multiline",
	"Limnoria":  "echo-message labeled-response account-notify account-tag away-notify batch chghost extended-join invite-notify message-tags multi-prefix server-time setname userhost-in-names",
	"senpai":    "away-notify batch echo-message extended-monitor invite-notify labeled-response message-tags server-time setname standard-replies draft/chathistory draft/event-playback draft/read-marker",
	"Halloy":    "away-notify batch echo-message extended-monitor invite-notify labeled-response message-tags server-time setname draft/chathistory draft/event-playback draft/read-marker extended-join draft/multiline draft/message-redaction no-implicit-names",
	"gamja":     "away-notify batch chghost echo-message extended-join extended-monitor invite-notify labeled-response message-tags server-time setname draft/chathistory draft/read-marker",
	"rcirc":     "message-tags server-time batch invite-notify multi-prefix standard-replies",
	"no batch":  "labeled-response draft/multiline draft/chathistory draft/event-playback draft/message-redaction",
	"no tags":   "labeled-response batch draft/multiline draft/extended-isupport",
	"only FAIL": "batch draft/event-playback draft/chathistory standard-replies draft/read-marker",
}

// TestNegotiated plays random commands of clients of each class, while others do
// random things: nothing is sent that was not negotiated, each label is answered
// once, and each batch is opened and closed once.
func TestNegotiated(t *testing.T) {
	seeds := 15
	if testing.Short() {
		seeds = 8
	}
	for class, caps := range clientClasses {
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s %d", class, seed), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { playRandom(t, seed, strings.Fields(caps)) })
			})
		}
	}
}

// tagCaps are the capabilities of which one is needed to be sent a tag, and
// commandCaps the same for a command.
var (
	tagCaps = map[string]string{
		"time": "server-time", "account": "account-tag", "msgid": "message-tags", "batch": "batch", "label": "labeled-response", "bot": "message-tags",
		"draft/multiline-concat": "draft/multiline", "draft/chathistory-end": "draft/chathistory message-tags", "draft/chathistory-context": "draft/event-playback",
	}
	commandCaps = map[string]string{
		"BATCH": "batch", "TAGMSG": "message-tags", "REDACT": "draft/message-redaction", "SETNAME": "setname", "AWAY": "away-notify", "ACK": "labeled-response", "WARN": "standard-replies",
		"FAIL BATCH": "standard-replies draft/multiline", "FAIL CHATHISTORY": "standard-replies draft/chathistory", "FAIL MARKREAD": "standard-replies draft/read-marker",
		"FAIL REDACT": "standard-replies draft/message-redaction", "FAIL SETNAME": "standard-replies setname",
	}
)

// randomClient is a client that checks what it is sent against what it negotiated.
type randomClient struct {
	*ircdtest.Client
	t      *testing.T
	r      *rand.Rand
	caps   map[string]bool
	open   map[string]bool // batches
	labels map[string]bool // to be answered
	sent   int             // labels
	ref    string          // of the last batch that it opened
}

func (c *randomClient) pick(words ...string) string { return words[c.r.IntN(len(words))] }

func (c *randomClient) has(names string) bool {
	return slices.ContainsFunc(strings.Fields(names), func(name string) bool { return c.caps[name] })
}

// check looks at all that came so far.
func (c *randomClient) check() {
	c.t.Helper()
	for _, l := range c.Sync() {
		m := irc.MustParseMessage(l)
		for key, value := range m.Tags {
			need := tagCaps[key]
			if key[0] == wire.ClientTagMark {
				need = "message-tags"
			}
			if !c.has(need) || key == "label" && !c.labels[value] || key == "batch" && !c.open[value] {
				c.t.Errorf("the tag %s is not expected: %q", key, l)
			}
			if key == "label" {
				delete(c.labels, value)
			}
		}
		command := m.Command
		if command == "FAIL" {
			command += " " + m.Param(0)
		}
		need, special := commandCaps[command]
		if !special && m.Command == "FAIL" {
			need, special = "standard-replies", true
		}
		if special && !c.has(need) || m.Prefix == nil && command != "PING" && command != "ERROR" {
			c.t.Errorf("the command is not expected: %q", l)
		}
		c.note(m, l)
	}
}

// note follows batches and capabilities.
func (c *randomClient) note(m *irc.Message, l string) {
	switch m.Command {
	case "BATCH":
		id, opens := m.Param(0)[1:], m.Param(0)[0] == '+'
		if c.open[id] == opens || opens && m.Param(1) == multilineBatch && !c.caps[multilineBatch] {
			c.t.Errorf("the batch is not expected: %q", l)
		}
		c.open[id] = opens
	case "JOIN":
		if c.caps["extended-join"] != (len(m.Params) == 3) {
			c.t.Errorf("another JOIN is expected: %q", l)
		}
	case "CAP":
		if m.Param(1) != "ACK" {
			return
		}
		for _, word := range strings.Fields(m.Trailing()) {
			name, off := strings.CutPrefix(word, "-")
			if c.caps[name] = !off; off && (name == "batch" || name == "labeled-response") {
				clear(c.labels) // of batches that are still open
			}
		}
	}
}

// say sends a line, with a label as a rule.
func (c *randomClient) say(tags, text string) {
	if c.has("labeled-response") && c.r.IntN(3) > 0 {
		c.sent++
		label := fmt.Sprint("L", c.sent)
		tags = strings.TrimPrefix(tags+";label="+label, ";")
		c.labels[label] = c.caps["batch"]
	}
	if tags != "" {
		text = "@" + tags + " " + text
	}
	c.Send(text)
}
