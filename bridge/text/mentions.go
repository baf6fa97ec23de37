package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"directus-ircd/ircd/wire"
)

const (
	// maxMentioned bounds the users mentioned in one stored text who are looked up.
	// Further mentions stay as they are stored.
	maxMentioned = 32
	// MaxMentionedInPage bounds the same for all rows that are read at once.
	MaxMentionedInPage = 256
	// maxMentioning bounds the names in one outgoing message that are looked up, each of
	// which is a request of its own. Further names stay as they are typed.
	maxMentioning = 8
)

// idMention matches a mention as Directus stores it.
var idMention = regexp.MustCompile(`@([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})`)

// nickMention matches what may be a mention as people type it: "@nick" anywhere, and
// at the beginning of a line "nick:" or "nick,", as clients complete nicks.
var nickMention = regexp.MustCompile(`(?m)@([A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)|^([A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)[:,](?:[ \t\x02\x03\x0f\x11\x16\x1d-\x1f]|$)`)

// MentionedIDs lists the ids of users mentioned in a stored text, each once, in lower case, and
// no more than are worth looking up.
func MentionedIDs(text string) []string {
	if strings.IndexByte(text, '@') < 0 {
		return nil
	}
	var ids []string
	for _, m := range idMention.FindAllStringSubmatchIndex(text, -1) {
		id := wire.Fold(text[m[2]:m[3]])
		if len(ids) < maxMentioned && standsAlone(text, m[0], m[1]) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// ShowMentions replaces the ids mentioned in IRC text by nicks. An id for which nick returns
// false stays as it is.
func ShowMentions(text string, nick func(id string) (string, bool)) string {
	if strings.IndexByte(text, '@') < 0 {
		return text
	}
	var b strings.Builder
	end := 0
	for _, m := range idMention.FindAllStringSubmatchIndex(text, -1) {
		if name, ok := nick(wire.Fold(text[m[2]:m[3]])); ok && standsAlone(text, m[0], m[1]) {
			b.WriteString(text[end:m[2]] + name)
			end = m[3]
		}
	}
	if end == 0 {
		return text // no copy, as the text may be shared
	}
	return b.String() + text[end:]
}

// MentionedNicks lists the names in IRC text that may be mentions of nicks, each once, and no
// more than are worth looking up.
func MentionedNicks(text string) []string {
	var nicks []string
	for _, m := range nickMentions(text) {
		same := func(nick string) bool { return wire.Fold(nick) == wire.Fold(m.nick) }
		if len(nicks) < maxMentioning && !slices.ContainsFunc(nicks, same) {
			nicks = append(nicks, m.nick)
		}
	}
	return nicks
}

// StoreMentions replaces nicks mentioned in IRC text by "@" and the user's id, as Directus stores
// mentions. A name for which id returns false stays as it is typed.
func StoreMentions(text string, id func(nick string) (string, bool)) string {
	var b strings.Builder
	end := 0
	for _, m := range nickMentions(text) {
		if id, ok := id(m.nick); ok {
			b.WriteString(text[end:m.from] + "@" + id)
			end = m.to
		}
	}
	return b.String() + text[end:]
}

// mention is a place in a text that may mention somebody.
type mention struct {
	from, to int
	nick     string
}

func nickMentions(text string) []mention {
	var found []mention
	for _, m := range nickMention.FindAllStringSubmatchIndex(text, -1) {
		switch {
		case m[4] >= 0 && wire.IsNick(text[m[4]:m[5]]):
			found = append(found, mention{m[4], m[5], text[m[4]:m[5]]})
		case m[2] >= 0 && wire.IsNick(text[m[2]:m[3]]) && standsAlone(text, m[0], m[3]):
			found = append(found, mention{m[0], m[3], text[m[2]:m[3]]})
		}
	}
	return found
}

// standsAlone reports whether a mention that begins with "@" is not part of something longer,
// such as an e-mail address, the name of a package, or code.
func standsAlone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, size := utf8.DecodeRuneInString(text[to:])
	beyond, _ := utf8.DecodeRuneInString(text[to+size:])
	if from > 0 && (isLetter(before) || strings.ContainsRune("_/.@+=&?#%-\\`", before)) {
		return false
	}
	return !isLetter(after) && !strings.ContainsRune("@/-_`", after) && (after != '.' || !isLetter(beyond))
}

func isLetter(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r))
}
