package people

import (
	"regexp"
	"slices"
	"strings"

	"directus-ircd/ircd/wire"
)

// maxUserAccounts is how many account names a user may have had. Whoever has another one is
// known by the nick.
const maxUserAccounts = 8

// accountName is what an account name may look like. It cannot be an e-mail address, and has
// nothing that a mask, a tag or a parameter of IRC would give another meaning.
var accountName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$`)

// IsAccountName reports whether the value of the field that Options.AccountField names can be
// an account name on IRC. "0" is how WHOX says that there is none, and an account name must
// not look like the nick of somebody else: like one without a name, or one with many digits
// of an id.
func IsAccountName(value string) bool {
	if !accountName.MatchString(value) || value == "0" || slices.Contains(reserved, wire.Fold(value)) {
		return false
	}
	digits, numbered := isNumbered(value)
	return !strings.HasPrefix(wire.Fold(value), anonymousPrefix) && !(numbered && len(digits) >= sureDigits)
}

// account returns the account name of p, who has a nick: the value of the account field, if
// nobody else ever had that as an account name or nick, and else the nick. Without a state
// that outlasts the daemon it is always the nick, as nobody would remember whose name it was.
// The caller holds mu.
func (n *nicks) account(p Person, nick string) string {
	if !n.durable || !IsAccountName(p.account) || !n.isFor(p.ID, p.account) {
		return nick
	}
	if name := wire.Fold(p.account); n.byAccount[name] == "" {
		if n.kept >= maxNicks || len(n.accounts[p.ID]) >= maxUserAccounts {
			return nick
		}
		n.reserve(p.ID, name)
		n.store(p.ID)
	}
	return p.account
}

// reserve keeps a folded account name for a user. The caller holds mu.
func (n *nicks) reserve(id, name string) {
	n.byAccount[name] = id
	n.accounts[id] = append(n.accounts[id], name)
	n.kept++
}

// isFor reports whether nobody but a user ever had a nick or account name. The caller holds
// mu.
func (n *nicks) isFor(id, name string) bool {
	name = wire.Fold(name)
	c, owner := n.byNick[name], n.byAccount[name]
	return (c == nil || c.user.ID == id) && (owner == "" || owner == id)
}
