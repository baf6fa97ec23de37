package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

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

// isProven reports whether the proof is fresh enough to be believed, and the member
// where it is to be with it.
func (m *member) isProven() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.checked) <= m.recheck && m.rights.Changes() == m.honoured.Load()
}
