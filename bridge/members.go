package bridge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"directus-ircd/bridge/guard"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rights"
	"directus-ircd/bridge/rooms"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// admit makes a session for an account that has just logged in. If its user already has a
// member, the session joins that one and the new login is ended. secret is the hash of what
// the user logged in with.
func (b *Backend) admit(ctx context.Context, account *directus.Account, secret guard.SecretHash, from device) (*session, error) {
	b.checkUser(ctx, account.ID())
	if s := b.addTo(account.ID(), secret, from); s != nil {
		s.member.rt.Retry() // the login shows that Directus is up, and the link may be waiting to reconnect
		b.logout(account)
		return s, nil
	}
	p := b.plan.Load()
	may := rights.NewCache(account, &b.rights)
	var info sync.WaitGroup
	info.Go(func() { // which is kept, and needed next
		_ = ircd.Recover(&b.opts.Logger, func() error {
			_, err := account.Info(ctx)
			return err
		})
	})
	err := may.Renew(ctx, nil)
	if info.Wait(); err != nil {
		b.opts.Logger.Debug().Err(err).Msg("the user's rights are not known") // then the user's feeds are not shared
	}
	names := b.people.NewDirectory(account, may, people.Options{NickFields: p.NickFields, AccountField: p.AccountField, PublicURL: p.PublicURL, Life: p.Recheck})
	who, others, err := names.Self(ctx)
	if err != nil {
		b.logout(account)
		return nil, admissionError(err)
	}
	s := newSession(b, who, from)
	s.nick = b.people.Connect(who, others)
	b.people.Keep(ctx)
	if !b.enter(s, names, may, secret) {
		b.logout(account) // a simultaneous login of the user was faster
	}
	return s, nil
}

// checkUser ends a user's current member if Directus has ended its session, so that a login
// with a new password or token does not join a member that is about to end.
func (b *Backend) checkUser(ctx context.Context, id string) {
	b.mu.Lock()
	m := b.members[id]
	b.mu.Unlock()
	if m == nil {
		return
	}
	if err := m.check(ctx, false); err != nil {
		b.opts.Logger.Debug().Err(err).Str("user", id).Msg("check the user")
	}
}

// addTo adds a session to the user's current member, after Directus has accepted the secret.
// It returns nil if the user has no member, or one that is over.
func (b *Backend) addTo(user string, secret guard.SecretHash, from device) *session {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.members[user]
	if m == nil || m.IsOver() {
		return nil
	}
	b.accept(m, secret)
	return b.sessionOf(m, from)
}

// sessionOf adds a new session to a member that is not over. The caller holds mu.
func (b *Backend) sessionOf(m *member, from device) *session {
	s := newSession(b, m.person, from)
	s.nick = b.people.Reconnect(m.person) // keeps the nick of the member's other sessions
	b.add(m, s)
	return s
}

// accept notes that Directus has just accepted the secret of the member's user. The caller
// holds mu.
func (b *Backend) accept(m *member, secret guard.SecretHash) {
	if m.secret == secret {
		m.accepted = time.Now()
	}
}

// enter adds s to its user's member, and makes one if needed. fresh reports that it did, and
// that the new member uses the account of names.
func (b *Backend) enter(s *session, names *people.Directory, may *rights.Cache, secret guard.SecretHash) (fresh bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	account := names.Account()
	m := b.members[account.ID()]
	if m != nil {
		if _, ended := m.health(); ended != nil {
			m = nil
		}
	}
	if m == nil {
		fresh = true
		log, p := b.opts.Logger.Hook(directus.UserLabel(account.ID())), b.plan.Load()
		m = newMember(names, may, b.markers.Of(account.ID(), p.markerStore(account)), b.feeds, p.Recheck, log)
		m.person, m.secret, m.topics.setters, m.doubts = s.person, secret, &b.topics, &b.doubts
		m.rooms.plan = &b.plan
		b.members[account.ID()] = m
	}
	b.accept(m, secret)
	b.add(m, s)
	return fresh
}

// add adds a session to a member and keeps the member from being closed as idle. The caller
// holds mu.
func (b *Backend) add(m *member, s *session) {
	if timer := b.idle[m]; timer != nil {
		timer.Stop()
		delete(b.idle, m)
	}
	s.member, s.plan = m, b.plan.Load()
	m.add(s)
}

func (b *Backend) leave(ctx context.Context, s *session) error {
	b.people.Release(s.nick)
	if b.remove(s) {
		return s.member.close(ctx)
	}
	return nil
}

// remove removes a session from its member. last reports that the caller has to close the
// member: it has no other session, and does not linger.
func (b *Backend) remove(s *session) (last bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, current := s.member.remove(s), b.members[s.person.ID] == s.member
	if last && current && !b.draining && !s.member.IsOver() {
		b.linger(s.member)
		return false
	}
	if last && current {
		delete(b.members, s.person.ID)
	}
	return last
}

const (
	// lingerTime is how long a user's Directus session outlives the last connection. A
	// client that reconnects within it, perhaps again and again, finds the session there,
	// and Directus need not check the password again, which is expensive.
	lingerTime = 30 * time.Second
	// closeTimeout bounds the logout after lingerTime.
	closeTimeout = 5 * time.Second
	// closers is how many members are closed in parallel when the daemon stops.
	closers = 16
)

// linger closes a member, whose last session has left, after lingerTime unless a new session
// joins it. The caller holds mu.
func (b *Backend) linger(m *member) {
	var timer *time.Timer
	timer = time.AfterFunc(lingerTime, func() {
		b.mu.Lock()
		if b.idle[m] != timer {
			b.mu.Unlock()
			return
		}
		delete(b.idle, m)
		if b.members[m.person.ID] == m {
			delete(b.members, m.person.ID)
		}
		b.retiring.Add(1)
		b.mu.Unlock()
		defer b.retiring.Done()
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		b.retire(ctx, m)
	})
	b.idle[m] = timer
}

// retire closes an idle member. An error is only logged: no session is left to report it.
func (b *Backend) retire(ctx context.Context, m *member) {
	if err := ircd.Recover(&m.log, func() error { return m.close(ctx) }); err != nil {
		b.opts.Logger.Debug().Err(err).Str("user", m.person.ID).Msg("log out")
	}
}

// closeAll closes all members, closers of them at a time. The error is the first of those who
// are in use. Backend.draining has been set.
func (b *Backend) closeAll(ctx context.Context) error {
	b.mu.Lock()
	members := b.idle // includes ended members whose user has got a new one
	for _, m := range b.members {
		if _, idle := members[m]; !idle {
			members[m] = nil
		}
	}
	b.members, b.idle = map[string]*member{}, map[*member]*time.Timer{}
	b.mu.Unlock()
	var closing errgroup.Group
	closing.SetLimit(closers)
	for m, timer := range members {
		closing.Go(func() error {
			if timer == nil {
				return m.close(ctx)
			}
			timer.Stop()
			b.retire(ctx, m)
			return nil
		})
	}
	err := closing.Wait()
	b.retiring.Wait()
	return err
}

func (b *Backend) logout(account *directus.Account) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := account.Logout(ctx); err != nil {
		b.opts.Logger.Debug().Err(err).Str("user", account.ID()).Msg("log out")
	}
}

// roomList is the list of rooms that a member reads, for all of its sessions.
type roomList struct {
	plan *atomic.Pointer[plan] // of the Backend

	mu   sync.Mutex   // a leaf lock
	of   *rooms.Rooms // guarded by mu
	list *rooms.List  // of; nil without rooms; guarded by mu
}

// current returns the member's list by the configuration of now, which it attaches to if
// needed; nil if there is none.
func (l *roomList) current(m *member) *rooms.List {
	if l.plan == nil {
		return nil
	}
	for {
		p := l.plan.Load()
		of, list := l.known()
		if of == p.rooms || m.ctx.Err() != nil {
			return list
		}
		var next *rooms.List
		if p.rooms != nil {
			next = p.rooms.Attach(m.roomsKey(p), m, m.recheck, m.ring)
		}
		l.swap(m, of, list, p.rooms, next)
	}
}

// renew attaches the member to the list that its rights allow now.
func (l *roomList) renew(m *member) {
	of, list := l.known()
	if list == nil || m.ctx.Err() != nil {
		return
	}
	p := l.plan.Load()
	if p.rooms != of { // a reload has changed them, or taken them away
		l.current(m)
		return
	}
	if key := m.roomsKey(p); key != list.Key() {
		l.swap(m, of, list, of, of.Attach(key, m, m.recheck, m.ring))
	} else if key.Owner != nil {
		list.Reread()
	}
}

func (l *roomList) known() (*rooms.Rooms, *rooms.List) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of, l.list
}

// swap puts a list that the member is attached to in the place of another one, and detaches the
// member from that; or from the new one, if that place was taken meanwhile or the member is over.
func (l *roomList) swap(m *member, oldOf *rooms.Rooms, old *rooms.List, nextOf *rooms.Rooms, next *rooms.List) {
	l.mu.Lock()
	if l.of == oldOf && l.list == old && m.ctx.Err() == nil {
		l.of, l.list, next = nextOf, next, old
	}
	l.mu.Unlock()
	if next != nil {
		next.Of().Detach(next, m)
	}
}

// leave detaches the member, whose ctx has ended, from its list for good.
func (l *roomList) leave(m *member) {
	l.mu.Lock()
	list := l.list
	l.list = nil
	l.mu.Unlock()
	if list != nil {
		list.Of().Detach(list, m)
	}
}

// doubt has the member's sessions learn anew of which rooms the user is a member.
func (l *roomList) doubt(m *member) {
	if _, list := l.known(); list != nil {
		list.Doubt(m)
	}
}

func (l *roomList) linked() {
	if _, list := l.known(); list != nil {
		list.Linked()
	}
}

// roomsKey says whose list of rooms the member may read: that of all who may read every room,
// or its own.
func (m *member) roomsKey(p *plan) rooms.Key {
	if p.OwnFeeds || !m.readsAllRooms(p) {
		return rooms.Key{Owner: m}
	}
	return rooms.Key{}
}

func (m *member) readsAllRooms(p *plan) bool {
	fields := p.rooms.Query()
	readable, said := m.rights.Readable(p.rooms.Collection, fields)
	return said && len(readable) == len(fields)
}

// Reads implements rooms.Reader.
func (m *member) Reads(collection, field string) bool { return m.rights.Reads(collection, field) }

// Hides implements rooms.Reader.
func (m *member) Hides(collection, field string) bool {
	return m.rights.Hides(collection, field)
}

// Shares implements rooms.Reader.
func (m *member) Shares(ctx context.Context) bool {
	p := m.rooms.plan.Load()
	return p.rooms != nil && m.CheckRights(ctx) == nil && m.readsAllRooms(p)
}
