package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// recheckTime is the time from one check to the next. A tenth of what is promised is
// for the answer, and for asking again.
func (m *member) recheckTime() time.Duration { return m.recheck*7/10 + rand.N(m.recheck/5) }

// checkAfter makes the next check after a while, on a goroutine that only that one
// has. The caller holds mu.
func (m *member) checkAfter(wait time.Duration) {
	m.checkup = time.AfterFunc(wait, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.ctx.Err() == nil { // else nobody would join it
			m.begin(func() error { m.checkNow(); return nil })
		}
	})
}

// checkNow asks Directus what has become of the user, and will again.
func (m *member) checkNow() {
	wait := m.recheckTime()
	if err := m.check(m.ctx); err != nil {
		m.log.Debug().Err(err).Msg("check the user")
		wait = directus.Jitter(m.recheck / 20)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() == nil {
		m.checkAfter(wait)
	}
}

// check finds out what Directus tells no open session: that the user was
// suspended or deleted, or has another password, token or role. A lost permission
// Directus honours at once, but says nothing of before there is an event: this
// does.
func (m *member) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	begun := time.Now()
	if err := m.account.Check(ctx); err != nil {
		if errors.Is(err, directus.ErrLoggedOut) {
			m.End(err)
			return nil
		}
		return err
	}
	if err := m.CheckRights(ctx); err != nil {
		return err
	}
	m.renewProfile(ctx)
	m.tell(nil, "acquaintances", &ircd.Acquaintances{}) // a rule for users may be another
	m.mu.Lock()
	m.checked = begun
	m.mu.Unlock()
	m.ring()
	return nil
}

// CheckRights finds out whether the user's permissions have changed, those of the
// role that the session has. It takes the user off the feeds that are shared with
// people who may read more, or less.
func (m *member) CheckRights(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := m.rights.Renew(ctx)
	if changes := m.rights.Changes(); changes != m.honoured.Load() {
		m.names.Forget()
		m.topics.forget()
		m.feeds.Expel(m)
		m.feeds.Reread(m)
		m.honoured.Store(changes)
		m.ring() // nothing shared was shown meanwhile
	}
	return err
}

// isVerified reports whether the proof is fresh enough to be believed, and the member
// where it is to be with it.
func (m *member) isVerified() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.checked) <= m.recheck && m.rights.Changes() == m.honoured.Load()
}

// renewProfile looks whether the user has got another name.
func (m *member) renewProfile(ctx context.Context) {
	realname, changed, err := m.names.Renew(ctx)
	if err != nil {
		m.log.Debug().Err(err).Msg("look for another name")
	}
	if changed {
		m.tell(nil, "profile", &ircd.Profile{Realname: realname})
	}
}

const (
	// lingerTime is how long a user's Directus session outlives the last connection:
	// a client that comes back at once, and may do so again and again, finds it there
	// and costs Directus no password to check.
	lingerTime = 30 * time.Second
	// closeTimeout is how long the logout after that may take.
	closeTimeout = 5 * time.Second
	// closers is how many members are closed at a time when the daemon stops.
	closers = 16
)

// linger ends a member when its last session has left and none comes back for a
// while. The caller holds mu.
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

// retire closes a member that nobody uses, and so nobody asks what became of it.
func (b *Backend) retire(ctx context.Context, m *member) {
	if err := ircd.Recover(&m.log, func() error { return m.close(ctx) }); err != nil {
		b.opts.Logger.Debug().Err(err).Str("user", m.person.ID).Msg("log out")
	}
}

// add makes s a session of a member. The caller holds mu.
func (b *Backend) add(m *member, s *session) {
	if timer := b.idle[m]; timer != nil {
		timer.Stop()
		delete(b.idle, m)
	}
	s.member, s.plan = m, b.plan.Load()
	m.add(s)
}

// Drain is called when the daemon is about to stop: from now on, who leaves is
// logged out of Directus at once.
func (b *Backend) Drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
}

// closeAll closes all members, some at a time. The caller has set draining.
func (b *Backend) closeAll(ctx context.Context) error {
	b.mu.Lock()
	members := b.idle // those that another one has taken the place of included
	for _, m := range b.members {
		if _, idle := members[m]; !idle {
			members[m] = nil
		}
	}
	b.members, b.idle = map[string]*member{}, map[*member]*time.Timer{}
	b.mu.Unlock()
	var closing errgroup.Group
	closing.SetLimit(closers)
	errs := make(chan error, len(members))
	for m, timer := range members {
		if timer != nil {
			timer.Stop()
			closing.Go(func() error { b.retire(ctx, m); return nil })
			continue
		}
		closing.Go(func() error { errs <- m.close(ctx); return nil })
	}
	_ = closing.Wait() // the errors are in errs
	b.retiring.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}
