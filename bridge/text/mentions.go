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
	// maxMentioned bounds the users of one text who are looked up,
	// maxMentionedInPage those of all the rows that are read at once, and
	// maxMentioning the names of one message on its way in: each of these is
	// a question of its own. Others stay as they are written.
	maxMentioned       = 32
	MaxMentionedInPage = 256
	maxMentioning      = 8
)

// idMention matches a mention as Directus stores it.
var idMention = regexp.MustCompile(`@([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})`)

// nickMention matches what may be a mention as people type it: "@nick" anywhere, and
// at the beginning of a line "nick:" or "nick,", as clients complete nicks.
var nickMention = regexp.MustCompile(`(?m)@([A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)|^([A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)[:,](?:[ \t\x02\x03\x0f\x11\x16\x1d-\x1f]|$)`)

// MentionedIDs lists the users mentioned in a stored text.
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

// ShowMentions writes mentions in IRC text by nick. Users without one stay as
// they are stored.
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
		return text // which may be shared
	}
	return b.String() + text[end:]
}

// MentionedNicks lists the names in IRC text that may be nicks.
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

// StoreMentions writes mentions in IRC text by id. Names without one stay as they
// are typed.
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

// standsAlone reports whether what begins with an "@" is no part of something
// longer, such as an address, the name of a package or code.
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
