package people

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/state"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

const (
	// maxUserNicks is how many nicks by name a user may have had. Another name makes
	// a nick that nobody else can get, and that need not be kept.
	maxUserNicks = 8
	// maxNicks is how many nicks are kept, and maxAnonymous how many of those are of
	// people without a name, whose ids may be invented. Who is one too many gets a
	// nick that need not be kept. None of the others is given up for that.
	maxNicks     = 50000
	maxAnonymous = maxNicks / 2
)

// nicks hands out nicks: no two Directus users have the same, a nick that was one
// user's is never another's, and nobody's nick changes because somebody else appeared.
// What has been handed out is in the state, so that all of it holds over restarts,
// renames and deletions.
type nicks struct {
	state  *state.Store
	stored *state.Table[storedNicks]
	origin string // the Directus of the users
	// durable says that the state outlasts the daemon. Where it does not, who comes
	// first must not matter: a plain name is a nick only where nobody else can have it.
	durable bool

	mu        sync.Mutex
	byUser    map[string][]*Claim // by id; guarded by mu
	byNick    map[string]*Claim   // by folded nick; guarded by mu
	accounts  map[string][]string // folded account names that are not nicks, by id; guarded by mu
	byAccount map[string]string   // the id behind each of them; guarded by mu
	kept      int                 // claims and account names that are kept; guarded by mu
	anonymous int                 // of those, without a name; guarded by mu
	changes   int                 // of what is stored, so far; guarded by mu
	written   int                 // how many of them are surely in the file; guarded by mu
}

// Claim is a user's hold on a nick, returned by Connect and given back with Release.
type Claim struct {
	base      string    // Person.base, folded
	kept      bool      // the claim outlives the last session
	user      ircd.User // Realname, Account, and the case of Nick, are guarded by nicks.mu; the rest never changes
	connected int       // sessions with this nick; guarded by nicks.mu
}

// storedNicks are the nicks of one user as they stand in the state.
type storedNicks struct {
	Nicks    []storedNick `json:"nicks"`
	Accounts []string     `json:"accounts,omitempty"` // folded
}

type storedNick struct {
	Base string `json:"base"`
	Nick string `json:"nick"`
}

// namesakes is what is known of other people with the same name.
type namesakes struct {
	ids []string
	// all says that there are no others.
	all bool
}

func newNicks(store *state.Store, stored *state.Table[storedNicks], origin string) *nicks {
	n := &nicks{
		state: store, stored: stored, origin: origin + "\x00", durable: !store.IsMakeshift(),
		byUser: map[string][]*Claim{}, byNick: map[string]*Claim{},
		accounts: map[string][]string{}, byAccount: map[string]string{},
	}
	for _, nick := range reserved {
		n.byNick[nick] = &Claim{}
	}
	n.load()
	return n
}

// load takes over the stored nicks. Those of another Directus are dropped when the table is
// full.
func (n *nicks) load() {
	all := n.stored.All()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		id, mine := strings.CutPrefix(key, n.origin)
		if !mine {
			if len(all) >= maxNicks {
				n.stored.Drop(key)
			}
			continue
		}
		for _, s := range all[key].Nicks {
			if wire.IsNick(s.Nick) && n.byNick[wire.Fold(s.Nick)] == nil {
				n.add(Person{ID: id}, s.Base, s.Nick, true)
			}
		}
		for _, name := range all[key].Accounts {
			if n.byAccount[name] == "" {
				n.reserve(id, name)
			}
		}
	}
}

// add notes a claim. The caller holds mu.
func (n *nicks) add(p Person, base, nick string, kept bool) *Claim {
	c := &Claim{base: base, kept: kept}
	c.user = ircd.User{ID: p.ID, Account: nick, Nick: nick, Username: suffix(p.ID, 8), Host: host, Realname: cmp.Or(p.realname, nick)}
	n.byUser[p.ID] = append(n.byUser[p.ID], c)
	n.byNick[wire.Fold(nick)] = c
	if kept {
		n.kept++
		if base == "" {
			n.anonymous++
		}
	}
	return c
}

// store has the nicks of a user written to the state. An author who is no user of Directus
// need not be stored: the nick comes out the same at each start. The caller holds mu.
func (n *nicks) store(id string) {
	if !collection.IsUUID(id) {
		return
	}
	s := storedNicks{Accounts: slices.Clone(n.accounts[id])}
	for _, c := range n.byUser[id] {
		if c.kept {
			s.Nicks = append(s.Nicks, storedNick{c.base, c.user.Nick})
		}
	}
	n.stored.Put(n.origin+id, s)
	n.changes++
}

// Keep waits until all nicks that were handed out so far are in the state file. It must be
// called before a client is told one, as a daemon that was killed would not know whose nick
// it was. If the file cannot be written, which is logged elsewhere, Keep returns
// nevertheless. The caller holds no lock.
func (n *nicks) Keep(ctx context.Context) {
	n.mu.Lock()
	changes, written := n.changes, n.written
	n.mu.Unlock()
	if changes == written || !n.state.Sync(ctx) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.written = max(n.written, changes)
}

// user returns the IRC identity of p, made at the first call. An anonymous p has a nick of
// its own, as a reader who may not know a name must not learn the nick that the user is
// connected with, either: see known.
func (n *nicks) user(p Person, ns namesakes) ircd.User {
	base := p.base()
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.pinned(p.ID)
	if c == nil || p.anonymous() {
		c = n.claim(p, base, ns)
	}
	if !c.kept && c.connected == 0 {
		n.drop(c)
	}
	u := c.user
	switch {
	case p.account == "": // not what others may read
		u.Account = u.Nick
	case c.connected == 0:
		u.Account = n.account(p, u.Nick)
	}
	return u
}

// claim finds or makes the claim of p on the nick for a base. The caller holds mu.
func (n *nicks) claim(p Person, base string, ns namesakes) *Claim {
	if c := n.find(p.ID, base); c != nil {
		if c.connected == 0 && c.user.Nick != base && wire.Fold(c.user.Nick) == wire.Fold(base) {
			c.user.Nick, c.user.Account = base, base // the name is now written in another case
			n.store(p.ID)
		}
		return c
	}
	kept := n.hasRoom(p.ID, base)
	c := n.add(p, wire.Fold(base), n.free(p, base, ns, kept), kept)
	if kept {
		n.store(p.ID)
	}
	return c
}

// drop ends a claim that is not kept. The caller holds mu.
func (n *nicks) drop(c *Claim) {
	delete(n.byNick, wire.Fold(c.user.Nick))
	id := c.user.ID
	n.byUser[id] = slices.DeleteFunc(n.byUser[id], func(other *Claim) bool { return other == c })
	if len(n.byUser[id]) == 0 {
		delete(n.byUser, id)
	}
}

// find returns the claim of a user on the nick for a base, or nil. The caller holds mu.
func (n *nicks) find(id, base string) *Claim {
	for _, c := range n.byUser[id] {
		if c.base == wire.Fold(base) {
			return c
		}
	}
	return nil
}

// hasRoom reports whether a further nick of a user can be kept. The caller holds mu.
func (n *nicks) hasRoom(id, base string) bool {
	if base == "" {
		return n.kept < maxNicks && n.anonymous < maxAnonymous
	}
	named := 0
	for _, c := range n.byUser[id] {
		if c.kept && c.base != "" {
			named++
		}
	}
	return n.kept < maxNicks && named < maxUserNicks
}

// isFree reports whether nobody ever had a nick, and no other user the account name. The
// caller holds mu.
func (n *nicks) isFree(id, nick string) bool {
	return n.byNick[wire.Fold(nick)] == nil && n.isFor(id, nick)
}

// free returns a nick that nobody ever had: the plain name if nobody else has it, else the
// name with so many digits of the user's id that nobody else gets the same. The caller
// holds mu.
func (n *nicks) free(p Person, base string, ns namesakes, kept bool) string {
	least := idDigits
	if base == "" {
		least = anonymousDigits
	}
	if sure := kept && (n.durable || ns.all); !sure {
		least = sureDigits
	} else if _, numbered := isNumbered(base); base != "" && !numbered && len(ns.ids) == 0 && n.isFree(p.ID, base) {
		return base
	}
	for digits := least; digits <= mostDigits; digits += 4 {
		if nick := p.numbered(base, digits); n.isFree(p.ID, nick) && !ns.share(p, digits) {
			return nick
		}
	}
	for i := 0; ; i++ { // all nicks of the id are taken by ids that begin alike
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", p.ID, i))
		if nick := anonymousPrefix + hex.EncodeToString(sum[:])[:mostDigits]; n.isFree(p.ID, nick) {
			return nick
		}
	}
}

// share reports whether the id of a namesake of p has the same first digits.
func (ns namesakes) share(p Person, digits int) bool {
	mine := idPrefix(p.ID, digits)
	return slices.ContainsFunc(ns.ids, func(id string) bool { return idPrefix(id, digits) == mine })
}

// known returns the identity of a connected user, as everybody in the same channel sees it,
// whether they may read the name or not.
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
func (n *nicks) pinned(id string) *Claim {
	for _, c := range n.byUser[id] {
		if c.connected > 0 {
			return c
		}
	}
	return nil
}

// needs reports whether the nick of p depends on namesakes, so that they need to be looked
// for.
func (n *nicks) needs(p Person) bool {
	if p.anonymous() {
		return false
	}
	base := p.base()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.find(p.ID, base) == nil && n.hasRoom(p.ID, base)
}

// holder returns the user id behind a nick; empty if nobody has had it.
func (n *nicks) holder(nick string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.byNick[wire.Fold(nick)]; c != nil {
		return c.user.ID
	}
	return ""
}

// Connect pins a user's nick while a session lasts; Release undoes it. All sessions of a
// user have the same nick, even if the right to read the name changes in between.
func (n *nicks) Connect(p Person, ns namesakes) *Claim {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.pinned(p.ID)
	if c == nil {
		c = n.claim(p, p.base(), ns)
		c.call(p.realname)
		c.user.Account = n.account(p, c.user.Nick)
	}
	c.connected++
	return c
}

// Reconnect is Connect for a session that takes its Person over from one before: if the real
// name has changed since, it is not changed back.
func (n *nicks) Reconnect(p Person) *Claim {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.pinned(p.ID)
	if c == nil {
		c = n.claim(p, p.base(), namesakes{})
		c.user.Account = n.account(p, c.user.Nick)
	}
	c.connected++
	return c
}

// Release ends a session's use of a claim.
func (n *nicks) Release(c *Claim) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.connected--; c.connected == 0 && !c.kept {
		n.drop(c)
	}
}

// Current returns the identity of a claim as it is now.
func (n *nicks) Current(c *Claim) ircd.User {
	n.mu.Lock()
	defer n.mu.Unlock()
	return c.user
}

// rename gives a connected user another real name and reports whether it has changed. The
// nick stays, as others address the user by it.
func (n *nicks) rename(p Person) (realname string, changed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.pinned(p.ID)
	if c == nil {
		return "", false
	}
	was := c.user.Realname
	c.call(p.realname)
	return c.user.Realname, c.user.Realname != was
}

// call sets the real name, which is the nick for somebody without one. The caller holds mu.
func (c *Claim) call(realname string) { c.user.Realname = cmp.Or(realname, c.user.Nick) }
