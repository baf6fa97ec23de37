package presence

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/wire"
)

// Roster knows who is connected, and where they are. All connections of one
// user are one presence: others see the first of them join a channel and the
// last one leave it, and the user away when all of them are.
//
// What others are to see is put into the inbox of each of their connections
// under the roster's lock, so that everybody sees it in one order.
//
// This file is about coming and going. roster_query.go answers questions,
// roster_tell.go tells others, roster_state.go keeps what else there is about a
// user, roster_watch.go tells those who wait for somebody, and roster_past.go
// remembers who left.
type Roster struct {
	mu       sync.Mutex                   // guards everything below; inbox.mu may be taken under it, nothing else
	users    map[string]*user             // by User.ID
	nicks    map[string]*user             // by Fold(User.Nick)
	channels map[string]map[*user]members // by Fold(name); no empty maps
	watchers map[string]members           // by folded nick: who waits for it; no empty maps
	past     []*Departed                  // who left, oldest first; see maxPast
	most     int                          // the largest len(users) so far
	aways    uint64                       // how many times setAway was called

	// bots are the IDs of the users who are marked as bots. The set is replaced,
	// never changed, so that it can be asked without the lock for each message.
	bots atomic.Pointer[map[string]struct{}]
}

// members are some connections; never empty.
type members map[*Member]struct{}

// user is a connected user. It is guarded by roster.mu.
type user struct {
	user     User
	key      string // Fold(user.Nick)
	conns    members
	away     string    // as others see it; empty: here
	bot      bool      // as others see it
	signedOn time.Time // of the oldest connection
	active   time.Time // the last message of any connection
}

// Member is one connection in the roster.
type Member struct {
	inbox *Inbox // has a lock of its own
	p     *user  // static after attach
	User  User   // static: the user as others knew them at that time

	secure   bool                // guarded by roster.mu: encrypted on its way
	channels map[string]struct{} // guarded by roster.mu: folded names
	watching map[string]struct{} // guarded by roster.mu: folded nicks
	away     string              // guarded by roster.mu
	awaySeq  uint64              // guarded by roster.mu: which AWAY was the latest
	bot      bool                // guarded by roster.mu
}

func NewRoster() *Roster {
	return &Roster{
		users:    make(map[string]*user),
		nicks:    make(map[string]*user),
		channels: make(map[string]map[*user]members),
		watchers: make(map[string]members),
	}
}

// Attach adds a connection of a user, who is away if that text is not empty.
func (r *Roster) Attach(u User, in *Inbox, away string) *Member {
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
	m := &Member{inbox: in, p: p, channels: make(map[string]struct{}), watching: make(map[string]struct{})}
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

// Detach removes a connection. If it was the user's last, others see the user
// quit; if it was the last in a channel, they see the user leave that. Nothing
// is told if quiet, when the whole server goes.
func (r *Roster) Detach(m *Member, reason string, quiet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := m.p
	delete(p.conns, m)
	r.unwatchAll(m)
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

// remove takes a user off who was in some channels until now. The caller holds
// mu.
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

// Join puts a connection into a channel and returns what show makes of those who
// are in it, by nick; nil without show. Everything that happens there from then on
// reaches the inbox.
func (r *Roster) Join(m *Member, channel string, show func(User) string) []string {
	key := wire.Fold(channel)
	r.mu.Lock()
	defer r.mu.Unlock()
	ch := r.channels[key]
	if ch == nil {
		ch = make(map[*user]members)
		r.channels[key] = ch
	}
	conns := ch[m.p]
	if conns == nil {
		conns = make(members)
		ch[m.p] = conns
		r.tell(key, m.p, &Event{Kind: Joined, User: m.p.user, Channel: channel, Away: m.p.away})
	}
	conns[m] = struct{}{}
	m.channels[key] = struct{}{}
	if show == nil {
		return nil
	}
	return r.namesIn(key, show)
}

// Part takes a connection out of a channel.
func (r *Roster) Part(m *Member, channel, reason string) {
	key := wire.Fold(channel)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(m.channels, key)
	if r.removeFrom(key, m) {
		r.tell(key, m.p, &Event{Kind: Parted, User: m.p.user, Channel: channel, Text: reason})
	}
}

// Leave is part without a word to the others, who leave as well.
func (r *Roster) Leave(m *Member, channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(m.channels, wire.Fold(channel))
	r.removeFrom(wire.Fold(channel), m)
}

// removeFrom takes a connection out of a channel and reports whether it was the
// last one of its user there. The caller holds mu.
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
