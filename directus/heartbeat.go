package directus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// silentProbe is how long a socket without heartbeat may be silent.
	silentProbe = 45 * time.Second
	// staticCheck is how often a static token is verified: a socket never
	// notices that its token was revoked.
	staticCheck = 5 * time.Minute
)

// serve runs a link until it ends, joins its goroutines and returns why.
func (r *Realtime) serve(ctx context.Context, l *link) error {
	var wg sync.WaitGroup
	wg.Go(l.read)
	wg.Go(l.write)
	wg.Go(func() { r.subscriber(ctx, l) })
	err := r.keep(ctx, l)
	if ctx.Err() != nil {
		l.goodbye()
	}
	l.fail(err)
	wg.Wait()
	reason := l.reason()
	if errors.Is(reason, errPoisoned) {
		r.account.invalidate(l.token.value)
	}
	return reason
}

// keep does what a link needs at certain times: authenticate it anew, verify a
// static token, probe a silent socket. It returns why the link ends.
func (r *Realtime) keep(ctx context.Context, l *link) error {
	l.authenticated(l.token)
	defer func() {
		if l.expiry != nil {
			l.expiry.Stop()
		}
	}()
	var verify time.Time
	if r.account.static {
		verify = verifyTime()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(earliest(l.token.renew, verify, l.silentAt())))
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
		case <-timer.C:
		}
		var err error
		switch now := time.Now(); {
		case due(l.token.renew, now):
			err = r.renew(ctx, l)
		case due(verify, now):
			verify = verifyTime()
			if err = r.account.verify(ctx); !errors.Is(err, ErrLoggedOut) {
				err = nil
			}
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

func verifyTime() time.Time {
	return time.Now().Add(staticCheck*9/10 + rand.N(staticCheck/5))
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
