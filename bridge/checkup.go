package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"directus-ircd/directus"
)

// checkup asks Directus, now and then, what has become of the user; its caller
// joins it.
func (m *member) checkup(ctx context.Context) {
	for {
		// A tenth of the time is for the answer, and for asking again.
		wait := m.recheck*7/10 + rand.N(m.recheck/5)
		for wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			wait = 0
			if err := m.check(ctx); err != nil {
				m.log.Debug().Err(err).Msg("check the user's rights")
				wait = jitter(m.recheck / 20)
			}
		}
	}
}

// check finds out what Directus tells no open session: that the user was
// suspended or deleted, or has another password, token or role. A lost
// permission Directus honours at once and says nothing of before there is an event: this does.
func (m *member) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := m.account.Check(ctx); err != nil {
		if errors.Is(err, directus.ErrLoggedOut) {
			m.end(err)
			return nil
		}
		return err
	}
	changed, err := m.rights.renew(ctx)
	if err != nil {
		return err
	}
	if changed {
		m.names.forget()
		m.topics.forget()
		m.reread()
	}
	m.renewProfile(ctx)
	return nil
}
