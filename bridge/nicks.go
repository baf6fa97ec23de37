package bridge

import (
	"strings"
	"sync"
	"unicode"

	"github.com/mozillazg/go-unidecode"

	"directus-ircd/ircd"
)

// host is the host part of every user's mask. It says where the person is: in
// Directus. An address would be nobody's business.
const host = "directus"

// nobody is the author of a message that has none: written without a login, or
// by a user who was deleted since.
const nobody = "unknown"

// reserved nicks would let a user pass for the service.
var reserved = []string{nobody, "directus", "service", "server", "nickserv", "chanserv"}

// nicks hands out nicks: each Directus user has one at a time, no two users
// the same, and nobody's nick changes because somebody else appeared.
type nicks struct {
	mu     sync.Mutex
	byUser map[string]*claim // by claim key; guarded by mu
	byNick map[string]*claim // by folded nick; guarded by mu
}

// claim is a user's hold on a nick.
type claim struct {
	key       string
	base      string
	user      ircd.User // Realname is guarded by nicks.mu, the rest never changes
	connected int       // sessions; guarded by nicks.mu
}

func newNicks() *nicks {
	n := &nicks{byUser: map[string]*claim{}, byNick: map[string]*claim{}}
	for _, nick := range reserved {
		n.byNick[nick] = &claim{}
	}
	return n
}

// person is what the daemon knows of a Directus user.
type person struct {
	id string
	// name is the first of the configured fields that makes a nick; empty for
	// a user whose names may not be read.
	name string
	// realname holds all the configured fields.
	realname string
}

// anonymous reports whether the person's names may not be read.
func (p person) anonymous() bool { return p.name == "" }

// key separates what a user is called from what the same user is called by
// those who may not read the name.
func (p person) key() string {
	if p.anonymous() {
		return "anonymous " + p.id
	}
	return p.id
}

func (p person) base() string {
	if p.anonymous() {
		return "user-" + suffix(p.id, 6)
	}
	return nickify(p.name)
}

// user returns the IRC identity of p, made at the first call. taken says that
// somebody else has the same name, so that of two users with one name it is not
// a matter of who came first.
func (n *nicks) user(p person, taken bool) ircd.User {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.claim(p, taken).user
}

// claim finds or makes the claim of p. The caller holds mu.
func (n *nicks) claim(p person, taken bool) *claim {
	c := n.byUser[p.key()]
	if c != nil && (c.base == p.base() || c.connected > 0) {
		return c
	}
	if c != nil {
		delete(n.byNick, ircd.Fold(c.user.Nick))
	}
	c = &claim{key: p.key(), base: p.base()}
	c.user = ircd.User{ID: p.id, Username: suffix(p.id, 8), Host: host, Realname: p.realname}
	c.user.Nick = n.free(p, taken)
	if c.user.Realname == "" {
		c.user.Realname = c.user.Nick
	}
	n.byUser[c.key] = c
	n.byNick[ircd.Fold(c.user.Nick)] = c
	return c
}

// free finds a nick that nobody has: the bare name, or the name with a piece of
// the user's id, which is the same at every start. The caller holds mu.
func (n *nicks) free(p person, taken bool) string {
	base := p.base()
	if !taken && n.byNick[ircd.Fold(base)] == nil {
		return base
	}
	for length := 4; ; length += 4 {
		end := "-" + suffix(p.id, length)
		nick := base[:min(len(base), max(1, ircd.NickLen-len(end)))] + end
		if len(nick) > ircd.NickLen {
			nick = nick[:ircd.NickLen]
		}
		if n.byNick[ircd.Fold(nick)] == nil {
			return nick
		}
		if length > ircd.NickLen {
			// Two ids that agree in all their digits are one id.
			return nick
		}
	}
}

// known returns the identity of a user who is connected: everybody sees that
// nick anyway, whoever may read the name.
func (n *nicks) known(id string) (ircd.User, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.pinned(id); c != nil {
		return c.user, true
	}
	return ircd.User{}, false
}

// pinned returns the claim that a user is connected with, or nil. The caller
// holds mu.
func (n *nicks) pinned(id string) *claim {
	for _, key := range []string{id, person{id: id}.key()} {
		if c := n.byUser[key]; c != nil && c.connected > 0 {
			return c
		}
	}
	return nil
}

// has reports whether p already has a nick, so that a look for namesakes can
// be saved.
func (n *nicks) has(p person) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.byUser[p.key()]
	return c != nil && c.base == p.base()
}

// holder returns the user id behind a nick; empty if nobody has it.
func (n *nicks) holder(nick string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.byNick[ircd.Fold(nick)]; c != nil {
		return c.user.ID
	}
	return ""
}

// connect pins a user's nick while a session lasts; release undoes it. All the
// sessions of a user have one, though the right to read the name may change in
// between.
func (n *nicks) connect(p person, taken bool) *claim {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.pinned(p.id)
	if c == nil {
		c = n.claim(p, taken)
	}
	c.connected++
	return c
}

func (n *nicks) release(c *claim) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c.connected--
}

// current returns the identity of a claim as it is now.
func (n *nicks) current(c *claim) ircd.User {
	n.mu.Lock()
	defer n.mu.Unlock()
	return c.user
}

// rename gives a connected user another real name and reports whether it is
// another. The nick stays: who is addressed by it would not be found any more.
func (n *nicks) rename(p person) (realname string, changed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.pinned(p.id)
	if c == nil {
		return "", false
	}
	if realname = p.realname; realname == "" {
		realname = c.user.Nick
	}
	changed = realname != c.user.Realname
	c.user.Realname = realname
	return realname, changed
}

// suffix takes the first hexadecimal digits of a user id.
func suffix(id string, length int) string {
	digits := strings.ReplaceAll(ircd.Fold(id), "-", "")
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

// nickify turns a name into a nick of letters, digits, "-" and "_", which all
// clients accept and all casemappings fold alike; empty if nothing is left.
func nickify(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Cc, unicode.Co, unicode.Cs) {
			return -1 // zero-width and bidirectional controls make look-alikes
		}
		return r
	}, name)
	var b strings.Builder
	for _, r := range unidecode.Unidecode(strings.TrimSpace(name)) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			b.WriteRune(r)
		case r == '\'' || r == '`' || r == '"' || r == '@':
		default:
			if s := b.String(); s != "" && !strings.HasSuffix(s, "_") {
				b.WriteByte('_')
			}
		}
	}
	nick := strings.Trim(b.String(), "_-")
	if nick != "" && nick[0] >= '0' && nick[0] <= '9' {
		nick = "_" + nick
	}
	return nick[:min(len(nick), ircd.NickLen)]
}
