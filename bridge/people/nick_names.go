package people

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// host is the host part of every user's mask. A client's address is nobody's business.
const host = "directus"

// nobody is the author of a message that has none: written without a login, or
// by a user who was deleted since.
const nobody = "unknown"

// reserved nicks would let a user pass for the service.
var reserved = []string{nobody, "directus", "service", "server", "nickserv", "chanserv"}

const (
	// anonymousPrefix begins the nick of somebody whose name may not be read. No name
	// makes such a nick.
	anonymousPrefix = "user-"
	// idDigits and anonymousDigits are the least digits of an id in a nick; sureDigits
	// are so many that no other id begins alike.
	idDigits        = 4
	anonymousDigits = 6
	sureDigits      = 12
	mostDigits      = wire.NickLen - len(anonymousPrefix)
)

// Person is what the daemon knows of a Directus user.
type Person struct {
	ID string
	// name is the first of the configured fields that makes a nick; empty for
	// a user whose names may not be read.
	name string
	// realname holds all the configured fields.
	realname string
	// account is the value of Options.AccountField; empty if there is none or it may not be
	// read.
	account string
}

// anonymous reports whether the person's names may not be read.
func (p Person) anonymous() bool { return p.name == "" }

// base returns the nick that the name makes; empty for an anonymous person.
func (p Person) base() string { return nickify(p.name) }

// numbered returns a nick that ends with digits of the person's id, up to mostDigits.
func (p Person) numbered(base string, digits int) string {
	if base == "" {
		return anonymousPrefix + idPrefix(p.ID, digits)
	}
	end := "-" + idPrefix(p.ID, digits)
	return base[:min(len(base), wire.NickLen-len(end))] + end
}

// Nicks returns the nick that the name of a Directus user makes, by fields as in Options, and the
// one with digits, which the user has if somebody else has that or once had it. plain is empty if
// the user has the other one in any case.
func Nicks(u directus.User, fields []string) (plain, numbered string) {
	p := personOf(u, fields)
	base, digits := p.base(), idDigits
	if base == "" {
		digits = anonymousDigits
	}
	if _, looksNumbered := isNumbered(base); !looksNumbered {
		plain = base
	}
	return plain, p.numbered(base, digits)
}

// isNumbered reports whether a name looks like a nick with digits of an id, and returns the
// digits. Such a name never becomes a plain nick, so that nobody can take the nick of
// another by choosing a name.
func isNumbered(nick string) (digits string, ok bool) {
	nick = wire.Fold(nick)
	i := strings.LastIndexByte(nick, '-')
	digits = nick[i+1:]
	hexadecimal := strings.Trim(digits, "0123456789abcdef") == ""
	return digits, strings.HasPrefix(nick, anonymousPrefix) || i >= 0 && hexadecimal && len(digits) >= idDigits
}

// idPrefix returns the first digits of an id. Ids that are no UUIDs may begin alike, so
// unless one is short, digits of its hash follow.
func idPrefix(id string, length int) string {
	letters := suffix(id, anonymousDigits)
	if collection.IsUUID(id) || letters == id && length <= anonymousDigits {
		return suffix(id, length)
	}
	sum := sha256.Sum256([]byte(id))
	return (letters + hex.EncodeToString(sum[:]))[:max(length, len(letters)+anonymousDigits)]
}

// suffix returns the first letters and digits of a user id.
func suffix(id string, length int) string {
	digits := strings.ReplaceAll(wire.Fold(id), "-", "")
	digits = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, digits)
	if digits == "" {
		digits = "0"
	}
	return digits[:min(len(digits), length)]
}

// nickify turns a name into a nick; empty if nothing is left.
func nickify(name string) string {
	nick := text.Letters(name, '_')
	if nick != "" && nick[0] >= '0' && nick[0] <= '9' {
		nick = "_" + nick
	}
	return nick[:min(len(nick), wire.NickLen)]
}
