package bridge

import (
	"context"
	"directus-ircd/bridge/guard"
	"time"
)

// rejoinTime is how long a password counts as right that Directus has accepted, as
// long as the session holds that it was accepted for. It is not for ever: Directus
// ends that session when the password, the e-mail address or the status changes, but
// not when a second factor is switched on.
const rejoinTime = 5 * time.Minute

// join makes a session of a member that is there, for a secret that the member has
// logged in with a moment ago. To check a password costs Directus twenty times what
// it costs to renew the session, which fails if the password has been changed. Of
// clients that come at once the first is asked about for all. nil: log in as everybody
// does.
func (b *Backend) join(ctx context.Context, secret guard.SecretHash, device string, came time.Time) *session {
	m, accepted := b.recent(secret)
	if m == nil || !accepted.After(came) && m.checkLately(ctx) != nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.members[m.person.ID] != m || m.IsOver() {
		return nil // its last session has left meanwhile
	}
	return b.sessionOf(m, device)
}

// checkLately is check for many who come at once: they wait for who is at it, and one
// that has begun since is theirs as well.
func (m *member) checkLately(ctx context.Context) error {
	asked := time.Now()
	select {
	case m.checking <- struct{}{}:
		defer func() { <-m.checking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	m.mu.Lock()
	known := m.checked.After(asked)
	m.mu.Unlock()
	if known {
		return nil
	}
	return m.check(ctx)
}

// recent finds the member that has logged in with a secret a moment ago, and when
// Directus accepted that.
func (b *Backend) recent(secret guard.SecretHash) (m *member, accepted time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.members {
		if m.secret == secret && time.Since(m.accepted) < rejoinTime && !m.IsOver() {
			return m, m.accepted
		}
	}
	return nil, time.Time{}
}
