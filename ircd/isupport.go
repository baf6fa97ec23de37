package ircd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	isupportTokens = 13 // of the 15 parameters of RFC 2812; the others are nick and text
	// isupportBytes is how many bytes the tokens of a line may take, with a space before
	// each: a line without ":server 005 nick" and " :are supported by this server", for
	// names of maximum length.
	isupportBytes = wire.MaxBody - (1 + maxServerName + 1 + 3 + 1 + wire.NickLen) - len(" :are supported by this server")
	maxServerName = 63
	// defaultLineLength is the length of a line with its end where LINELEN is not given
	// (RFC 2812, 2.3).
	defaultLineLength = 512
)

// isupportTokens are the tokens of RPL_ISUPPORT for a chat with the given features. They
// are promises to clients. Empty strings stand for tokens that are left out.
func (s *settings) isupportTokens(f Features) []string {
	has := func(feature bool, token string) string {
		if feature {
			return token
		}
		return ""
	}
	lineLen := ""
	if s.LineLength > defaultLineLength {
		lineLen = fmt.Sprintf("LINELEN=%d", min(s.LineLength, wire.MaxInputBody))
	}
	chanLimit := "CHANLIMIT=#:"
	if n := s.Limits.ChannelsPerClient; n > 0 {
		chanLimit += strconv.Itoa(n)
	}
	return []string{
		fmt.Sprintf("AWAYLEN=%d", maxAway),
		"BOT=" + string(botMode),
		"CASEMAPPING=ascii",
		chanLimit,
		"CHANMODES=b,,,nt",
		fmt.Sprintf("CHANNELLEN=%d", wire.ChannelLen),
		"CHANTYPES=#",
		has(f.History, fmt.Sprintf("CHATHISTORY=%d", maxHistory)),
		"CLIENTTAGDENY=" + clientTagDeny(f),
		"ELIST=" + has(f.Created, "C") + "MN" + has(f.TopicTimes, "T") + "U",
		"draft/ACCOUNTREQUIRED",
		has(f.History, fmt.Sprintf("draft/CHATHISTORY=%d", maxHistory)), // for old Kiwi
		fmt.Sprintf("MAXTARGETS=%d", maxTargets),
		lineLen,
		"MODES=1",
		fmt.Sprintf("MONITOR=%d", maxMonitor),
		has(f.History, "MSGREFTYPES=msgid,timestamp"),
		fmt.Sprintf("NAMELEN=%d", wire.NameLen),
		"NETWORK=" + isupportEscape(s.Network),
		fmt.Sprintf("NICKLEN=%d", wire.NickLen),
		"PREFIX=(ov)@+",
		"SAFELIST",
		"SAFERATE",
		"soju.im/SAFERATE",
		fmt.Sprintf("TARGMAX=JOIN:,KICK:1,LIST:,MONITOR:%[2]d,NAMES:1,NOTICE:%[1]d,PART:,PRIVMSG:%[1]d,TAGMSG:%[1]d,WHOIS:%[1]d,WHOWAS:%[1]d", maxTargets, maxMonitor),
		has(f.Topics, fmt.Sprintf("TOPICLEN=%d", s.topicLen())),
		"UTF8ONLY",
		"WHOX",
	}
}

// cmdISupport sends the tokens again, or before the registration (IRCv3
// extended-isupport).
func (c *conn) cmdISupport(context.Context, *irc.Message) error {
	c.sendISupport()
	return nil
}

// sendISupport sends RPL_ISUPPORT, as a batch to clients with extended-isupport.
func (c *conn) sendISupport() {
	var b batch
	if c.caps.has(capExtendedISupport) && c.caps.has(capBatch) {
		b = c.openAnswer(nil, "draft/isupport")
	}
	c.sendTokens(b, isupportLines(c.isupportTokens()))
	c.closeBatch(b)
}

// isupportTokens are the tokens of RPL_ISUPPORT for this client.
func (c *conn) isupportTokens() []string {
	if f := c.features(); f != c.set.features {
		return c.set.isupportTokens(f)
	}
	return c.set.tokens
}

func (c *conn) sendTokens(b batch, lines [][]string) {
	for _, tokens := range lines {
		l := c.numeric(irc.RPL_ISUPPORT, append(slices.Clone(tokens), "are supported by this server")...)
		l.Trailing = true
		c.sendIn(b, l)
	}
}

// isupportLines distributes the tokens of RPL_ISUPPORT over lines, in order: at most 13
// on each, within its length. Empty tokens are left out, and so are those longer than a
// line, which would mean something else when truncated.
func isupportLines(tokens []string) [][]string {
	var lines [][]string
	var line []string
	size := 0
	for _, t := range tokens {
		need := 1 + len(t)
		if t == "" || need > isupportBytes {
			continue
		}
		if len(line) == isupportTokens || size+need > isupportBytes {
			lines = append(lines, line)
			line, size = nil, 0
		}
		line = append(line, t)
		size += need
	}
	if len(line) > 0 {
		lines = append(lines, line)
	}
	return lines
}

// isupportEscape escapes s as the value of a token: bytes that would end or split it
// become \x and two hexadecimal digits.
func isupportEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '\\' || c == '=' {
			fmt.Fprintf(&b, `\x%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
