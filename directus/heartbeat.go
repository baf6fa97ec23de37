package directus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// silentProbe is how long a socket without heartbeat may be silent.
const silentProbe = 45 * time.Second

// serve runs a link until it ends, joins its goroutines and returns why.
func (r *Realtime) serve(ctx context.Context, l *link) error {
	var reading sync.WaitGroup
	reading.Go(func() { l.guard(l.read) })
	l.subscribing.ring()
	l.guard(func() {
		err := r.keep(ctx, l)
		if ctx.Err() != nil {
			l.goodbye()
		}
		l.fail(err)
	})
	reading.Wait()
	l.subscribing.stop()
	l.writing.stop()
	reason := l.reason()
	if errors.Is(reason, errPoisoned) {
		r.account.invalidate(l.token.value)
	}
	return reason
}

// keep does what a link needs at certain times: authenticate it anew, probe a
// silent socket. It returns why the link ends.
func (r *Realtime) keep(ctx context.Context, l *link) error {
	l.authenticated(l.token)
	defer func() {
		if l.expiry != nil {
			l.expiry.Stop()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	checked := l.checked
	for {
		timer.Reset(time.Until(earliest(l.token.renew, l.silentAt())))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.done:
			return l.reason()
		case <-l.suspect:
			if err := l.probe(ctx); err != nil {
				return err
			}
			continue
		case <-checked:
			checked = r.account.checked() // before the token is looked at
			if err := r.follow(ctx, l); err != nil {
				return err
			}
			continue
		case <-timer.C:
		}
		var err error
		switch now := time.Now(); {
		case due(l.token.renew, now):
			err = r.renew(ctx, l)
		case due(l.silentAt(), now):
			err = l.probe(ctx)
		}
		if err != nil {
			return err
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
	return l.authenticate(ctx, t)
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
	return l.authenticate(ctx, t)
}

// authenticate tells a live socket who it belongs to.
func (l *link) authenticate(ctx context.Context, t token) error {
	req, err := newRequest(l.uid(), map[string]any{"type": "auth", "access_token": t.value})
	if err != nil {
		return err
	}
	req.alone = true
	if _, err := l.roundTrip(ctx, req, &l.auth); err != nil {
		return fmt.Errorf("authenticate socket anew: %w", err)
	}
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
	return time.Unix(0, l.heard.Load()).Add(after)
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
