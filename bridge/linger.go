package bridge

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"directus-ircd/ircd"
)

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
