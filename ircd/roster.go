package ircd

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/wire"
)

// roster knows who is connected, and where they are. All connections of one
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
type roster struct {
	mu       sync.Mutex                       // guards everything below; inbox.mu may be taken under it, nothing else
	users    map[string]*presence             // by User.ID
	nicks    map[string]*presence             // by Fold(User.Nick)
	channels map[string]map[*presence]members // by Fold(name); no empty maps
	watchers map[string]members               // by folded nick: who waits for it; no empty maps
	past     []*departed                      // who left, oldest first; see maxPast
	most     int                              // the largest len(users) so far
	aways    uint64                           // how many times setAway was called

	// bots are the IDs of the users who are marked as bots. The set is replaced,
	// never changed, so that it can be asked without the lock for each message.
	bots atomic.Pointer[map[string]struct{}]
}

// members are some connections; never empty.
type members map[*member]struct{}

// presence is a connected user. It is guarded by roster.mu.
type presence struct {
	user     User
	key      string // Fold(user.Nick)
	conns    members
	away     string    // as others see it; empty: here
	bot      bool      // as others see it
	signedOn time.Time // of the oldest connection
	active   time.Time // the last message of any connection
}

// member is one connection in the roster.
type member struct {
	inbox *inbox    // has a lock of its own
	p     *presence // static after attach
	user  User      // static: the user as others knew them at that time

	secure   bool                // guarded by roster.mu: encrypted on its way
	channels map[string]struct{} // guarded by roster.mu: folded names
	watching map[string]struct{} // guarded by roster.mu: folded nicks
	away     string              // guarded by roster.mu
	awaySeq  uint64              // guarded by roster.mu: which AWAY was the latest
	bot      bool                // guarded by roster.mu
}

func newRoster() *roster {
	return &roster{
		users:    make(map[string]*presence),
		nicks:    make(map[string]*presence),
		channels: make(map[string]map[*presence]members),
		watchers: make(map[string]members),
	}
}

// attach adds a connection of a user, who is away if that text is not empty.
func (r *roster) attach(u User, in *inbox, away string) *member {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	p := r.users[u.ID]
	first := p == nil
	if first {
		u.Realname = wire.Clip(u.Realname, wire.NameLen)
		p = &presence{user: u, key: wire.Fold(u.Nick), conns: make(members), signedOn: now, active: now}
		r.users[u.ID] = p
		r.nicks[p.key] = p
		r.most = max(r.most, len(r.users))
	}
	m := &member{inbox: in, p: p, channels: make(map[string]struct{}), watching: make(map[string]struct{})}
	if away != "" {
		r.aways++
		m.away, m.awaySeq = away, r.aways
	}
	p.conns[m] = struct{}{}
	if first {
		r.tellWatchers(&presenceEvent{kind: online, user: p.user}, nil)
	} else {
		r.setRealname(p, u.Realname)
		r.refreshBot(p)
	}
	r.refreshAway(p)
	m.user = p.user
	return m
}

// detach removes a connection. If it was the user's last, others see the user
// quit; if it was the last in a channel, they see the user leave that. Nothing
// is told if quiet, when the whole server goes.
func (r *roster) detach(m *member, reason string, quiet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := m.p
	delete(p.conns, m)
	r.unwatchAll(m)
	last := len(p.conns) == 0
	quitEvent := &presenceEvent{kind: quit, user: p.user, text: reason, in: maps.Clone(m.channels)}
	told := make(members)
	for _, name := range slices.Sorted(maps.Keys(m.channels)) {
		switch {
		case !r.removeFrom(name, m) || quiet:
		case last:
			r.tellOnce(name, p, quitEvent, told)
		default:
			r.tell(name, p, &presenceEvent{kind: parted, user: p.user, channel: name, text: reason})
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
func (r *roster) remove(p *presence, channels map[string]struct{}, quiet bool) {
	delete(r.users, p.user.ID)
	if r.nicks[p.key] == p {
		delete(r.nicks, p.key)
	}
	r.markBot(p, false)
	if quiet {
		return
	}
	r.remember(p, channels)
	r.tellWatchers(&presenceEvent{kind: offline, user: p.user}, nil)
}

// join puts a connection into a channel and returns what show makes of those who
// are in it, by nick; nil without show. Everything that happens there from then on
// reaches the inbox.
func (r *roster) join(m *member, channel string, show func(User) string) []string {
	key := wire.Fold(channel)
	r.mu.Lock()
	defer r.mu.Unlock()
	ch := r.channels[key]
	if ch == nil {
		ch = make(map[*presence]members)
		r.channels[key] = ch
	}
	conns := ch[m.p]
	if conns == nil {
		conns = make(members)
		ch[m.p] = conns
		r.tell(key, m.p, &presenceEvent{kind: joined, user: m.p.user, channel: channel, away: m.p.away})
	}
	conns[m] = struct{}{}
	m.channels[key] = struct{}{}
	if show == nil {
		return nil
	}
	return r.namesIn(key, show)
}

// part takes a connection out of a channel.
func (r *roster) part(m *member, channel, reason string) {
	key := wire.Fold(channel)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(m.channels, key)
	if r.removeFrom(key, m) {
		r.tell(key, m.p, &presenceEvent{kind: parted, user: m.p.user, channel: channel, text: reason})
	}
}

// leave is part without a word to the others, who leave as well.
func (r *roster) leave(m *member, channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(m.channels, wire.Fold(channel))
	r.removeFrom(wire.Fold(channel), m)
}

// removeFrom takes a connection out of a channel and reports whether it was the
// last one of its user there. The caller holds mu.
func (r *roster) removeFrom(key string, m *member) (last bool) {
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
