// Package presence knows who is connected, in which channels, and who wants to hear of
// it. All connections of one user are one presence: others see the first connection
// join and the last one leave, and the user away once all connections are.
//
// A connection attaches itself to the Roster with an Inbox, reports what its user does,
// and shows its client the Events that arrive in the Inbox. Nothing here waits for a
// client or a backend. The package imports wire, for the case mapping, and nothing else
// of this module.
//
// roster.go is about coming and going, state.go about AWAY, names and bots, watch.go
// about MONITOR, tell.go about who hears of what, query.go answers questions, past.go
// remembers who left (WHOWAS), and inbox.go and compact.go are the way to a connection.
package presence

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/wire"
)

// User is a person as IRC shows them.
type User struct {
	// ID is opaque, stable and unique, and not shown.
	ID string
	// Account is the account name (account-tag, extended-join, WHOIS 330, WHOX, 900): a word
	// that is unique, and the same while the user is connected. Empty: there is none.
	Account string
	// Nick is unique among all users known at one time and valid by IsNick.
	Nick string
	// Username is the part of the mask between "!" and "@".
	Username string
	// Host is the part of the mask after "@"; never an address.
	Host string
	// Realname is free text: the name as people write it.
	Realname string
}

// Roster is the set of connected users and the channels they are in. Events for others
// are put into the inboxes of their connections under the roster's lock, so that
// everybody sees them in the same order.
//
// It knows channels by keys, which its callers choose and which stay the same when a channel
// gets another name: until every connection has been told of that, they know it by
// different names.
type Roster struct {
	mu       sync.Mutex                   // guards everything below; Inbox.mu may be taken under it, nothing else
	users    map[string]*user             // by User.ID
	nicks    map[string]*user             // by Fold(User.Nick)
	channels map[string]map[*user]members // by key; no empty maps
	watchers map[string]members           // by folded nick: who monitors it; no empty maps
	past     []*Departed                  // who left, oldest first; at most maxPast
	most     int                          // the largest len(users) so far
	aways    uint64                       // number of AWAY commands so far

	// See pass.
	until     time.Time   // when woken is counted anew
	woken     int         // connections
	gathering *time.Timer // calls wake; nil if nobody is late
	late      []*Inbox    // are still to be woken

	// bots are the IDs of users marked as bots. The set is replaced as a whole, so that
	// it can be read for each message without the lock.
	bots atomic.Pointer[map[string]struct{}]
}

// members is a set of connections; never empty.
type members map[*Member]struct{}

// user is a connected user. It is guarded by Roster.mu.
type user struct {
	user     User
	key      string // Fold(user.Nick)
	conns    members
	away     string    // as others see it; empty if present
	bot      bool      // as others see it
	signedOn time.Time // when the first connection came
	active   time.Time // when any connection last sent a message
}

// Member is one connection in the roster.
type Member struct {
	inbox *Inbox // has a lock of its own
	p     *user  // static after Attach
	User  User   // static: the user as known to others when the connection came
	// secure says that the connection is encrypted; static.
	secure bool

	channels map[string]struct{} // guarded by Roster.mu: keys
	watching map[string]struct{} // guarded by Roster.mu: folded nicks
	away     string              // guarded by Roster.mu
	awaySeq  uint64              // guarded by Roster.mu: orders the AWAYs of a user
	bot      bool                // guarded by Roster.mu
}

func NewRoster() *Roster {
	return &Roster{
		users:    make(map[string]*user),
		nicks:    make(map[string]*user),
		channels: make(map[string]map[*user]members),
		watchers: make(map[string]members),
	}
}

// Attach adds a connection of a user. A non-empty away text marks it as away, and secure
// says that it is encrypted.
func (r *Roster) Attach(u User, in *Inbox, away string, secure bool) *Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	p := r.users[u.ID]
	first := p == nil
	if first {
		u.Realname = wire.Clip(u.Realname, wire.NameLen)
		p = &user{user: u, key: wire.Fold(u.Nick), conns: make(members), signedOn: now, active: now}
		r.users[u.ID] = p
		r.nicks[p.key] = p
		r.most = max(r.most, len(r.users))
	}
	m := &Member{inbox: in, p: p, secure: secure, channels: make(map[string]struct{}), watching: make(map[string]struct{})}
	if away != "" {
		r.aways++
		m.away, m.awaySeq = away, r.aways
	}
	p.conns[m] = struct{}{}
	if first {
		r.tellWatchers(&Event{Kind: Online, User: p.user}, nil)
	} else {
		r.setRealname(p, u.Realname)
		r.refreshBot(p)
	}
	r.refreshAway(p)
	m.User = p.user
	return m
}

// Detach removes a connection. If it was the user's last, others see the user quit; if
// it was only the last in a channel, they see a PART. With quiet, used when the server
// shuts down, nobody is told.
func (r *Roster) Detach(m *Member, reason string, quiet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := m.p
	delete(p.conns, m)
	for key := range m.watching {
		r.unwatchOne(m, key)
	}
	last := len(p.conns) == 0
	quitEvent := &Event{Kind: Quit, User: p.user, Text: reason, In: maps.Clone(m.channels)}
	told := make(members)
	for _, name := range slices.Sorted(maps.Keys(m.channels)) {
		switch {
		case !r.removeFrom(name, m) || quiet:
		case last:
			r.tellOnce(name, p, quitEvent, told)
		default:
			r.tell(name, p, &Event{Kind: Parted, User: p.user, Channel: name, Text: reason})
		}
	}
	if last {
		r.remove(p, m.channels, quiet)
	} else {
		r.refreshAway(p)
		r.refreshBot(p)
	}
	clear(m.channels)
}

// remove removes a user who was in the given channels until now. The caller holds mu.
func (r *Roster) remove(p *user, channels map[string]struct{}, quiet bool) {
	delete(r.users, p.user.ID)
	if r.nicks[p.key] == p {
		delete(r.nicks, p.key)
	}
	r.markBot(p, false)
	if quiet {
		return
	}
	r.remember(p, channels)
	r.tellWatchers(&Event{Kind: Offline, User: p.user}, nil)
}

// Join adds a connection to a channel, whose events reach the inbox from then on. It
// returns show of each user in the channel, sorted by nick; nil if show is nil.
func (r *Roster) Join(m *Member, key string, show func(User) string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.enter(m, key, &Event{Kind: Joined, User: m.p.user, Channel: key, Away: m.p.away})
	if show == nil {
		return nil
	}
	return r.namesIn(key, show)
}

// enter adds a connection to a channel, of which the others there are told. The caller holds mu.
func (r *Roster) enter(m *Member, key string, joined *Event) {
	ch := r.channels[key]
	if ch == nil {
		ch = make(map[*user]members)
		r.channels[key] = ch
	}
	conns := ch[m.p]
	if conns == nil {
		conns = make(members)
		ch[m.p] = conns
		r.tell(key, m.p, joined)
	}
	conns[m] = struct{}{}
	m.channels[key] = struct{}{}
}

// Part removes a connection from a channel. With quiet, for a channel that all connections
// leave, nobody is told.
func (r *Roster) Part(m *Member, key, reason string, quiet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(m.channels, key)
	if r.removeFrom(key, m) && !quiet {
		r.tell(key, m.p, &Event{Kind: Parted, User: m.p.user, Channel: key, Text: reason})
	}
}

// removeFrom removes a connection from a channel and reports whether it was its user's
// last one there. The caller holds mu.
func (r *Roster) removeFrom(key string, m *Member) (last bool) {
	ch := r.channels[key]
	conns := ch[m.p]
	delete(conns, m)
	if conns == nil || len(conns) > 0 {
		return false
	}
	delete(ch, m.p)
	if len(ch) == 0 {
		delete(r.channels, key)
	}
	return true
}
