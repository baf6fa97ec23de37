package directus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// silentProbe is how long a socket without heartbeat may be silent before it is probed.
const silentProbe = 45 * time.Second

// serve reads from a link until it ends, joins its errands and returns the reason. Run's
// goroutine calls it.
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

// keep does what is due on a link and sets the timer for what is due next: it
// authenticates the socket anew, probes it when it is silent, and ends it with ctx. It
// is the link's keeping errand.
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

// care does what is due now. An error is the reason to end the link.
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
	if checks := r.account.checked(); checks != l.checks { // a check may replace the token, which is looked at next
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

// unkept stops the timers of keep. It is called after the keeping errand has ended.
func (l *link) unkept() {
	for _, t := range []*time.Timer{l.watch, l.expiry} {
		if t != nil {
			t.Stop()
		}
	}
}

// renew authenticates the live socket with a new token. If there is no new token yet,
// it sets the time for another attempt before the old one expires.
func (r *Realtime) renew(ctx context.Context, l *link) error {
	t, err := r.account.current(ctx)
	switch {
	case errors.Is(err, ErrLoggedOut):
		return err
	case err == nil && t.value == l.token.value && t.expires.After(l.token.expires):
		// Directus returns the same token for a second refresh within a second. Its
		// expiry had been estimated too early.
		l.authenticated(t)
		return nil
	case err != nil || t.value == l.token.value:
		l.token.renew = time.Now().Add(min(refreshPause, max(time.Until(l.token.expires)/3, 50*time.Millisecond)))
		return nil
	}
	return l.authenticate(ctx, t, r.account.prove)
}

// follow authenticates the live socket anew after Account.Check, with the new token or
// again with the static one: only then does Directus look at the user's rights again.
func (r *Realtime) follow(ctx context.Context, l *link) error {
	t, err := r.account.current(ctx)
	switch {
	case errors.Is(err, ErrLoggedOut):
		return err
	case err != nil, t.value == l.token.value && !r.account.static:
		return nil // renew will authenticate the socket
	}
	return l.authenticate(ctx, t, r.account.prove)
}

// authenticate sends a token on a live socket. Directus does not say for which user it
// took the token, so nothing is read or written until prove has confirmed the user.
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

// authenticated notes the token of the socket. Unless another one replaces it in time,
// the link ends when it expires: from then on Directus treats the socket as another user.
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

// silentAt is when the socket will have been silent for too long.
func (l *link) silentAt() time.Time {
	after := silentProbe
	if h := l.info.WebSocket.Heartbeat; h > 0 {
		after = h + h/2
	}
	return l.opened.Add(time.Duration(l.heard.Load()) + after)
}

// probe checks that Directus answers on the socket: by a ping, or by an unsubscribe where
// the heartbeat is off, because Directus then does not answer pings. It says nothing about
// the database behind the socket.
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

// earliest is the first of some times. Zero times are ignored.
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
