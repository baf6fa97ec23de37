package ircd

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// roster knows who is connected, and where they are. All connections of one
// user are one presence: others see the first of them join a channel and the
// last one leave it, and the user away when all of them are.
//
// What others are to see is put into the inbox of each of their connections
// under the roster's lock, so that everybody sees it in one order.
type roster struct {
	mu       sync.Mutex                       // guards everything below; inbox.mu may be taken under it, nothing else
	users    map[string]*presence             // by User.ID
	nicks    map[string]*presence             // by Fold(User.Nick)
	channels map[string]map[*presence]members // by Fold(name); no empty maps
	most     int                              // the largest len(users) so far
	aways    uint64                           // how many times setAway was called
}

// members are the connections of one user that are in one channel; never empty.
type members map[*member]struct{}

// presence is a connected user. It is guarded by roster.mu.
type presence struct {
	user     User
	conns    map[*member]struct{} // never empty
	away     string               // as others see it; empty: here
	signedOn time.Time            // of the oldest connection
	active   time.Time            // the last message of any connection
}

// member is one connection in the roster.
type member struct {
	inbox *inbox    // has a lock of its own
	p     *presence // static after attach

	channels map[string]struct{} // guarded by roster.mu: folded names
	away     string              // guarded by roster.mu
	awaySeq  uint64              // guarded by roster.mu: which AWAY was the latest
}

// person is what the roster tells about a connected user.
type person struct {
	User
	Away     string
	SignedOn time.Time
	Active   time.Time
}

func newRoster() *roster {
	return &roster{
		users:    make(map[string]*presence),
		nicks:    make(map[string]*presence),
		channels: make(map[string]map[*presence]members),
	}
}

// attach adds a connection of a user, who is here (not away).
func (r *roster) attach(u User, in *inbox) *member { return r.attachAway(u, in, "") }

// attachAway adds a connection of a user who is away; not if away is empty.
func (r *roster) attachAway(u User, in *inbox, away string) *member {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	p := r.users[u.ID]
	if p == nil {
		p = &presence{user: u, conns: make(map[*member]struct{}), signedOn: now, active: now}
		r.users[u.ID] = p
		r.nicks[Fold(u.Nick)] = p
		r.most = max(r.most, len(r.users))
	}
	m := &member{inbox: in, p: p, channels: make(map[string]struct{})}
	if away != "" {
		r.aways++
		m.away, m.awaySeq = away, r.aways
	}
	p.conns[m] = struct{}{}
	r.refreshAway(p)
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
	last := len(p.conns) == 0
	quitEvent := &presenceEvent{kind: quit, user: p.user, text: reason}
	told := make(map[*member]struct{})
	for _, name := range slices.Sorted(maps.Keys(m.channels)) {
		switch {
		case !r.removeFrom(name, m) || quiet:
		case last:
			r.tellOnce(name, p, quitEvent, told)
		default:
			r.tell(name, p, &presenceEvent{kind: parted, user: p.user, channel: name, text: reason})
		}
	}
	clear(m.channels)
	if !last {
		r.refreshAway(p)
		return
	}
	delete(r.users, p.user.ID)
	if key := Fold(p.user.Nick); r.nicks[key] == p {
		delete(r.nicks, key)
	}
}

// join puts a connection into a channel and returns who is in it, by nick.
// Everything that happens there from then on reaches the inbox.
func (r *roster) join(m *member, channel string) []person {
	key := Fold(channel)
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
	return r.people(key)
}

// part takes a connection out of a channel.
func (r *roster) part(m *member, channel, reason string) {
	key := Fold(channel)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(m.channels, key)
	if r.removeFrom(key, m) {
		r.tell(key, m.p, &presenceEvent{kind: parted, user: m.p.user, channel: channel, text: reason})
	}
}

// setAway marks a connection as away, or here again if text is empty.
func (r *roster) setAway(m *member, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aways++
	m.away, m.awaySeq = text, r.aways
	r.refreshAway(m.p)
}

// touch notes that a user has said something.
func (r *roster) touch(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.p.active = time.Now()
}

// typing tells the others in a channel that a user is typing.
func (r *roster) typing(m *member, channel string, ev *presenceEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for o := range r.others(Fold(channel), m.p) {
		o.inbox.addIfRoom(ev)
	}
}

// typingTo tells one other user, on all connections.
func (r *roster) typingTo(m *member, id string, ev *presenceEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	if p == nil || p == m.p {
		return
	}
	for o := range p.conns {
		o.inbox.addIfRoom(ev)
	}
}

// members returns who is in a channel, by nick.
func (r *roster) members(channel string) []person {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.people(Fold(channel))
}

// count returns how many users are in a channel.
func (r *roster) count(channel string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.channels[Fold(channel)])
}

// byNick returns a connected user.
func (r *roster) byNick(nick string) (person, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.nicks[Fold(nick)]
	if p == nil {
		return person{}, false
	}
	return p.person(), true
}

// byID returns a connected user.
func (r *roster) byID(id string) (person, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	if p == nil {
		return person{}, false
	}
	return p.person(), true
}

// isIn reports whether a user is in a channel.
func (r *roster) isIn(id, channel string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.users[id]
	return p != nil && r.channels[Fold(channel)][p] != nil
}

type rosterStats struct {
	users, most, channels, connections int
}

func (r *roster) stats() rosterStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := rosterStats{users: len(r.users), most: r.most, channels: len(r.channels)}
	for _, p := range r.users {
		s.connections += len(p.conns)
	}
	return s
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

const (
	// unattended is the AWAY of a client that nobody sits at (IRCv3 pre-away).
	unattended = "*"
	// awayText is what others are told of a user whose clients are all so.
	awayText = "Away"
)

// refreshAway derives a user's state from those of the connections: away when
// all are, with the words of the latest. Unattended ones count for nothing if
// there is any other. The caller holds mu.
func (r *roster) refreshAway(p *presence) {
	text := awayText
	var latest uint64
	for m := range p.conns {
		if m.away == "" {
			text = ""
			break
		}
		if m.away != unattended && m.awaySeq > latest {
			text, latest = m.away, m.awaySeq
		}
	}
	if text == p.away {
		return
	}
	p.away = text
	ev := &presenceEvent{kind: awayChanged, user: p.user, away: text}
	told := make(map[*member]struct{})
	for m := range p.conns {
		for key := range m.channels {
			r.tellOnce(key, p, ev, told)
		}
	}
}

// tell puts an event into the inboxes of all others in a channel. The caller
// holds mu.
func (r *roster) tell(key string, p *presence, ev *presenceEvent) {
	for o := range r.others(key, p) {
		o.inbox.add(ev)
	}
}

// tellOnce is tell for an event that concerns several channels. The caller
// holds mu.
func (r *roster) tellOnce(key string, p *presence, ev *presenceEvent, told map[*member]struct{}) {
	for o := range r.others(key, p) {
		if _, ok := told[o]; !ok {
			told[o] = struct{}{}
			o.inbox.add(ev)
		}
	}
}

// others yields the connections in a channel of everybody but p. The caller
// holds mu.
func (r *roster) others(key string, p *presence) func(yield func(*member) bool) {
	return func(yield func(*member) bool) {
		for q, conns := range r.channels[key] {
			if q == p {
				continue
			}
			for o := range conns {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// people lists a channel by nick. The caller holds mu.
func (r *roster) people(key string) []person {
	list := make([]person, 0, len(r.channels[key]))
	for p := range r.channels[key] {
		list = append(list, p.person())
	}
	slices.SortFunc(list, func(a, b person) int { return cmp.Compare(Fold(a.Nick), Fold(b.Nick)) })
	return list
}

func (p *presence) person() person {
	return person{User: p.user, Away: p.away, SignedOn: p.signedOn, Active: p.active}
}
