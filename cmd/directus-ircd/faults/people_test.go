package faults

import (
	"context"
	"errors"
	"strings"
	"sync"

	"directus-ircd/directus/directustest"
)

// person is a Directus user. Its clients come only while it is let in.
type person struct {
	daemon  *daemon
	user    directustest.User
	account string // the e-mail address
	staff   bool   // may read #staff
	// token is the static token that it logs in with; empty: with e-mail address and password.
	token    string
	namesake bool // somebody else has the same name

	mu    sync.Mutex
	gate  chan struct{} // closed while its clients may come; guarded by mu
	ended int           // sessions that Directus ended, as its clients were told; guarded by mu
	// endings is ended without keepOut's new beginning; guarded by mu.
	endings int
	bell    chan struct{} // cap 1: ended has changed
}

func newPerson(d *daemon, u directustest.User, staff bool) *person {
	p := &person{daemon: d, user: u, account: u.Email, staff: staff, gate: make(chan struct{}), bell: make(chan struct{}, 1)}
	close(p.gate)
	return p
}

// secret is what its clients log in with.
func (p *person) secret(device string) string {
	if p.token != "" {
		return p.token
	}
	return p.account + device + ":" + p.user.Password
}

// admitted waits until the person's clients may come; false when ctx has ended.
func (p *person) admitted(ctx context.Context) bool {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-gate:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// keepOut holds the person's clients back once their connections are over; letIn ends that.
func (p *person) keepOut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate, p.ended = make(chan struct{}), 0
}

func (p *person) letIn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.gate)
}

// sessionsEnded is how many sessions Directus has ended so far.
func (p *person) sessionsEnded() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.endings
}

// heard takes the reason for which a connection was over.
func (p *person) heard(err error) {
	if err == nil || !strings.Contains(err.Error(), "Directus has ended your session") && !strings.Contains(err.Error(), "belongs to another Directus user") {
		return
	}
	p.mu.Lock()
	p.ended++
	p.endings++
	p.mu.Unlock()
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

// awaitEnd waits until Directus has ended the session of n clients.
func (p *person) awaitEnd(ctx context.Context, n int) error {
	for {
		p.mu.Lock()
		ended := p.ended
		p.mu.Unlock()
		if ended >= n {
			return nil
		}
		select {
		case <-p.bell:
		case <-ctx.Done():
			return errors.Join(errors.New("the session is not ended"), ctx.Err())
		}
	}
}
