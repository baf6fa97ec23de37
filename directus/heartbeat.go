package directus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// silentProbe is how long a socket without heartbeat may be silent.
const silentProbe = 45 * time.Second

// serve reads from a link until it ends, joins its errands and returns why.
func (r *Realtime) serve(ctx context.Context, l *link) error {
	l.subscribing.ring()
	l.keeping.ring()
	r.account.tell(&l.keeping)
	stop := context.AfterFunc(ctx, l.keeping.ring)
	l.contain(l.read)
	stop()
	r.account.untell(&l.keeping)
	l.keeping.stop()
	l.subscribing.stop()
	l.writing.stop()
	l.unkept()
	reason := l.reason()
	if errors.Is(reason, errPoisoned) {
		r.account.invalidate(l.token.value)
	}
	return reason
}

// keep does what a link needs at certain times: authenticate it anew, probe a
// silent socket, end it with ctx. It is an errand, for there are long times without
// anything.
func (r *Realtime) keep(ctx context.Context, l *link) {
	if l.watch == nil {
		l.watch = time.AfterFunc(time.Hour, l.keeping.ring)
		l.authenticated(l.token)
	}
	if err := r.care(ctx, l); err != nil {
		if ctx.Err() != nil {
			l.goodbye()
		}
		l.fail(err)
		return
	}
	l.watch.Reset(time.Until(earliest(l.token.renew, l.silentAt())))
}

// care does what is due now. It returns why the link ends, and nil if it does not.
func (r *Realtime) care(ctx context.Context, l *link) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-l.done:
		return l.reason()
	default:
	}
	if l.suspect.Swap(false) {
		if err := l.probe(ctx); err != nil {
			return err
		}
	}
	if checks := r.account.checked(); checks != l.checks { // before the token is looked at
		l.checks = checks
		if err := r.follow(ctx, l); err != nil {
			return err
		}
	}
	if due(l.token.renew, time.Now()) {
		if err := r.renew(ctx, l); err != nil {
			return err
		}
	}
	if due(l.silentAt(), time.Now()) {
		return l.probe(ctx)
	}
	return nil
}

// unkept stops the timers of keep, which has ended.
func (l *link) unkept() {
	for _, t := range []*time.Timer{l.watch, l.expiry} {
		if t != nil {
			t.Stop()
		}
	}
}

// renew authenticates the live socket with a new token. As long as there is
// none it tries again until the old one expires.
func (r *Realtime) renew(ctx context.Context, l *link) error {
	t, err := r.account.current(ctx)
	switch {
	case errors.Is(err, ErrLoggedOut):
		return err
	case err == nil && t.value == l.token.value && t.expires.After(l.token.expires):
		// Directus makes the same token again within a second, with an end that
		// was estimated too early before.
		l.authenticated(t)
		return nil
	case err != nil || t.value == l.token.value:
		l.token.renew = time.Now().Add(min(refreshPause, max(time.Until(l.token.expires)/3, 50*time.Millisecond)))
		return nil
	}
	return l.authenticate(ctx, t, r.account.prove)
}

// follow authenticates the live socket anew after the account was checked, with
// a new token or the static one: that is when Directus looks at the user.
func (r *Realtime) follow(ctx context.Context, l *link) error {
	t, err := r.account.current(ctx)
	switch {
	case errors.Is(err, ErrLoggedOut):
		return err
	case err != nil, t.value == l.token.value && !r.account.static:
		return nil // renew sees to it
	}
	return l.authenticate(ctx, t, r.account.prove)
}

// authenticate tells a live socket who it belongs to. Directus does not say whom it
// took the token for, so nothing is read or written until prove has found that out.
func (l *link) authenticate(ctx context.Context, t token, prove func(context.Context) error) error {
	req, err := newRequest(l.uid(), map[string]any{"type": "auth", "access_token": t.value})
	if err != nil {
		return err
	}
	req.alone, req.proved = true, make(chan struct{})
	if _, err := l.roundTrip(ctx, req, &l.auth); err != nil {
		return fmt.Errorf("authenticate socket anew: %w", err)
	}
	if err := prove(ctx); err != nil {
		return fmt.Errorf("authenticate socket anew: %w", err)
	}
	close(req.proved)
	l.authenticated(t)
	return nil
}

// authenticated notes the token of the socket. Should nothing replace it in
// time, then the link ends before Directus takes it for somebody else's.
func (l *link) authenticated(t token) {
	if l.expiry != nil {
		l.expiry.Stop()
		l.expiry = nil
	}
	l.token = t
	if !t.expires.IsZero() {
		l.expiry = time.AfterFunc(time.Until(t.expires), func() { l.fail(errPoisoned) })
	}
}

// silentAt is when the silence of the socket becomes suspicious.
func (l *link) silentAt() time.Time {
	after := silentProbe
	if h := l.info.WebSocket.Heartbeat; h > 0 {
		after = h + h/2
	}
	return l.opened.Add(time.Duration(l.heard.Load()) + after)
}

// probe asks for a sign of life: a ping, or where the heartbeat is off, and
// pings have no answer, the echo of an unsubscribe. It proves the socket and
// not the database behind it.
func (l *link) probe(ctx context.Context) error {
	message := map[string]any{"type": "ping"}
	if l.info.WebSocket.Heartbeat == 0 {
		message["type"] = "unsubscribe"
	}
	req, err := newRequest(l.uid(), message)
	if err != nil {
		return err
	}
	_, err = l.roundTrip(ctx, req, nil)
	if err == nil || isRefusal(err) { // a refusal is an answer too
		return nil
	}
	return fmt.Errorf("probe socket: %w", err)
}

// earliest is the first of some times; zero times do not count.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
