package rooms

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/ircd/wire"
)

const (
	// anonymous is the slug of a room whose name makes none. It is always numbered.
	anonymous = "room"
	// fewDigits is how many digits of the key tell a room from others of the same slug.
	fewDigits = 4
)

// Slug is the IRC name that a room of this name has unless another room has it: "#" and lower
// case letters, digits, "-" and "_". It is empty if nothing of the name can be written so.
func Slug(name string) string {
	slug := strings.ToLower(text.Letters(name, '-'))
	if slug == "" {
		return ""
	}
	return "#" + strings.TrimRight(slug[:min(len(slug), wire.ChannelLen-1)], "-_")
}

// numbered is the slug with digits of the room's key: of a number all, while few are asked for,
// and else as many as are. Keys that are neither UUIDs nor short numbers may begin alike, so theirs
// are hashed.
func numbered(slug, id string, digits int) string {
	if slug == "" {
		slug = "#" + anonymous
	}
	all := letters(id)
	if !collection.IsNumber(id) || digits > fewDigits {
		if !collection.IsUUID(id) {
			sum := sha256.Sum256([]byte(id))
			all = hex.EncodeToString(sum[:])
		}
		all = all[:min(digits, len(all))]
	}
	end := "-" + all[:min(len(all), wire.ChannelLen/2)]
	return slug[:min(len(slug), wire.ChannelLen-len(end))] + end
}

// Interim is a name for a room that gives up another one before it gets its own; none of those
// that are taken; taken is asked for folded names.
func Interim(name, id string, taken func(string) bool) string {
	name = numbered(name, id, 32)
	for n := 0; taken(wire.Fold(name)); n++ {
		name = numbered(name, strconv.Itoa(n), fewDigits)
	}
	return name
}

// letters are those of a key, and its digits.
func letters(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, wire.Fold(id))
}
