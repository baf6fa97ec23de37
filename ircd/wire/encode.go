// Package wire turns bytes into IRC lines and back. It knows names and their case
// mapping, the grammar of lines and tags, mIRC formatting, how a text is cut into
// lines that fit, and SASL PLAIN. Everything in it is a pure function of its input,
// but for Reader and SASLMessage, which one goroutine each uses.
//
// ircd reads and writes all lines through it, and bridge checks names and texts with
// it, so that both agree on what fits on a line. It imports no other package of this
// module. decode.go is about what clients send, encode.go about what they are sent.
package wire

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of the lines that are written, in bytes.
const (
	MaxBody       = 510  // what follows the tags, without CR LF (RFC 2812, 2.3)
	maxTagData    = 4094 // tags of the server, and as much again of clients (IRCv3 message-tags)
	maxServerTags = maxTagData - tagReserve
	tagReserve    = 136 // for AppendTagged: "label=", 64 bytes escaped and ";"
	maxSource     = 200 // leaves room for a command and its parameters
	MaxMiddle     = 200 // leaves room for the parameters after it, the text above all
	wordFill      = '_' // replaces a byte that a middle parameter cannot hold
	emptyParam    = "*" // replaces an empty middle parameter
	ClientTagMark = '+'
)

// Line is one line to a client. Its fields may hold anything: Append makes them safe.
type Line struct {
	Tags    []Tag
	Source  string // without the colon; empty where the line has none
	Command string
	Params  []string
	// Trailing puts a colon before the last parameter even where the grammar needs
	// none: sic and ii look for it. It must be off for modes and timestamps, where
	// HexChat, EPIC and others take the colon for text.
	Trailing bool
}

// Tag is a message tag. Value is unescaped.
type Tag struct{ Key, Value string }

// Append appends l and CR LF to dst. It is the last gate before the socket: whatever l
// holds, the result is exactly one line of valid UTF-8 within the limits of the protocol,
// with as many parameters as l has.
//
// Control characters and bidirectional overrides are dropped. The last parameter keeps
// mIRC formatting and CTCP marks, and its tabs and line feeds become spaces. A text that
// is too long is cut between runes, so callers split it first. Without a command nothing
// is appended.
func Append(dst []byte, l *Line) []byte {
	start := len(dst)
	dst = appendTags(dst, l.Tags)
	body := len(dst)
	if l.Source != "" {
		dst = append(dst, ':')
		source := len(dst)
		dst = appendWord(dst, l.Source, maxSource)
		if len(dst) == source {
			dst = dst[:body]
		} else {
			dst = append(dst, ' ')
		}
	}
	command := len(dst)
	if dst = appendCommand(dst, l.Command); len(dst) == command {
		return dst[:start]
	}
	for i, p := range l.Params {
		if i < len(l.Params)-1 {
			dst = appendMiddle(dst, p, body+MaxBody)
		} else {
			dst = appendLast(dst, p, body+MaxBody, l.Trailing)
		}
	}
	return append(cutAt(dst, body+MaxBody), '\r', '\n')
}

// cutAt cuts dst at end, or before the rune that end would cut in two.
func cutAt(dst []byte, end int) []byte {
	if len(dst) <= end {
		return dst
	}
	for !utf8.RuneStart(dst[end]) {
		end--
	}
	return dst[:end]
}

func appendCommand(dst []byte, command string) []byte {
	start := len(dst)
	for i := 0; i < len(command) && len(dst)-start < maxCommand; i++ {
		switch c := command[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			dst = append(dst, c)
		}
	}
	return dst
}

// appendMiddle appends a parameter that is not the last one.
func appendMiddle(dst []byte, p string, end int) []byte {
	if len(dst) >= end {
		return dst
	}
	dst = append(dst, ' ')
	start := len(dst)
	dst = appendWord(dst, p, min(MaxMiddle, max(end-len(dst), 0)))
	if len(dst) == start {
		dst = append(dst, emptyParam...)
	}
	return dst
}

// appendLast appends the last parameter, with a colon if it needs one or trailing asks
// for it.
func appendLast(dst []byte, p string, end int, trailing bool) []byte {
	if len(dst) >= end {
		return dst
	}
	dst = append(dst, ' ', ':')
	start := len(dst)
	dst = appendText(dst, p, end)
	text := dst[start:]
	// Whether the colon is needed shows only now: dropped characters may have hidden a
	// leading colon, and a tab has become a space.
	if trailing || len(text) == 0 || text[0] == ':' || bytes.IndexByte(text, ' ') >= 0 {
		return dst
	}
	copy(dst[start-1:], text)
	return dst[:len(dst)-1]
}

// appendText appends what may be shown of s and stops soon after end.
func appendText(dst []byte, s string, end int) []byte {
	for i, r := range s {
		if len(dst) > end {
			return dst
		}
		switch {
		case 0x20 <= r && r < 0x7f:
			dst = append(dst, s[i])
		case r == '\t' || r == '\n':
			dst = append(dst, ' ')
		case r == 0x01 || isFormat(r) || !isControl(r) && !isDirection(r):
			dst = utf8.AppendRune(dst, r) // an invalid byte reads as U+FFFD
		}
	}
	return dst
}

// appendWord appends s as one word of at most limit bytes, without spaces, control
// characters or a leading colon. It may append nothing.
func appendWord(dst []byte, s string, limit int) []byte {
	start := len(dst)
	for _, r := range s {
		switch {
		case r == '\t' || r == ' ':
			r = wordFill
		case isControl(r) || isDirection(r):
			continue
		case r == ':' && len(dst) == start:
			r = wordFill
		}
		if len(dst)-start+utf8.RuneLen(r) > limit {
			break
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// appendTags appends the tag section. Malformed tags, and those that no longer fit, are
// left out.
func appendTags(dst []byte, tags []Tag) []byte {
	start := len(dst)
	var ofServer, ofClients int // bytes, with a separator for each
	for _, t := range tags {
		if !isTagKey(t.Key) {
			continue
		}
		used, limit := &ofServer, maxServerTags
		if t.Key[0] == ClientTagMark {
			used, limit = &ofClients, maxTagData
		}
		if *used+len(t.Key)+len(t.Value) > limit {
			continue
		}
		before := len(dst)
		dst = append(dst, ';')
		dst = append(dst, t.Key...)
		if t.Value != "" {
			dst = append(dst, '=')
			dst = appendTagValue(dst, t.Value)
		}
		if *used += len(dst) - before; *used > limit+1 {
			*used -= len(dst) - before
			dst = dst[:before]
		}
	}
	if len(dst) > start {
		dst[start] = '@'
		dst = append(dst, ' ')
	}
	return dst
}

// AppendTagged appends an encoded line with one more tag before the others. The limit
// on tags leaves room for it: see tagReserve.
func AppendTagged(dst, made []byte, t Tag) []byte {
	dst = append(dst, '@')
	dst = append(dst, t.Key...)
	dst = append(dst, '=')
	dst = appendTagValue(dst, t.Value)
	if made[0] != '@' {
		dst = append(dst, ' ')
		return append(dst, made...)
	}
	dst = append(dst, ';')
	return append(dst, made[1:]...)
}

// appendTagValue appends v escaped (IRCv3 message-tags, "Escaping values").
func appendTagValue(dst []byte, v string) []byte {
	for _, r := range v {
		switch r {
		case ';':
			dst = append(dst, `\:`...)
		case ' ':
			dst = append(dst, `\s`...)
		case '\\':
			dst = append(dst, `\\`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\n':
			dst = append(dst, `\n`...)
		case 0:
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// isTagKey reports whether s is a valid tag key: an optional "+", an optional vendor
// and "/", and a name.
func isTagKey(s string) bool {
	s = strings.TrimPrefix(s, string(ClientTagMark))
	vendor, name, found := strings.Cut(s, "/")
	if !found {
		vendor, name = "v", s
	}
	return isTagWord(vendor, '.') && isTagWord(name, '-')
}

func isTagWord(s string, extra byte) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == extra:
		default:
			return false
		}
	}
	return s != ""
}

// TimeFormat is the time tag (IRCv3 server-time): UTC, exactly milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

func HasTag(tags []Tag, key string) bool {
	return slices.ContainsFunc(tags, func(t Tag) bool { return t.Key == key })
}

// Numerics that irc.v4 has no constant for, or has under the name of an older
// meaning. The names are those of https://modern.ircdocs.horse and the IRCv3
// specifications.
const (
	RPL_LOCALUSERS   = "265"
	RPL_GLOBALUSERS  = "266"
	RPL_WHOISACCOUNT = "330"
	RPL_TOPICWHOTIME = "333"
	RPL_WHOISBOT     = "335"
	RPL_WHOSPCRPL    = "354"
	RPL_WHOISHOST    = "378"
	RPL_WHOISMODES   = "379"
	RPL_WHOISSECURE  = "671"
	RPL_HELPSTART    = "704"
	RPL_HELPTXT      = "705"
	RPL_ENDOFHELP    = "706"
	ERR_UNKNOWNERROR = "400"
	ERR_LINKCHANNEL  = "470"
	ERR_INPUTTOOLONG = "417"
	ERR_HELPNOTFOUND = "524"
)
