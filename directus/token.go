package directus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// refreshPause is the wait after a refresh that Directus could not answer.
const refreshPause = 5 * time.Second

// Token returns an access token and the time from which on it must not be used, which is
// zero for a static token. It renews the token when two thirds of its life are over, and at
// least 30 s before the end if its life is a minute or longer. While Directus is unavailable
// it returns the old token as long as that is valid, then ErrUnavailable. ErrLoggedOut is
// final.
func (a *Account) Token(ctx context.Context) (value string, expires time.Time, err error) {
	t, err := a.current(ctx)
	return t.value, t.expires, err
}

// current is Token, with the time of the next renewal. Only one refresh runs at a time, on
// the goroutine that began it; other callers wait for its end.
func (a *Account) current(ctx context.Context) (token, error) {
	for {
		a.mu.Lock()
		if a.over != nil {
			defer a.mu.Unlock()
			return token{}, a.over
		}
		now := time.Now()
		if a.static || now.Before(a.token.renew) {
			defer a.mu.Unlock()
			return a.token, nil
		}
		valid := now.Before(a.token.expires)
		if !a.failed.IsZero() && now.Sub(a.failed) < a.refreshWait(valid) {
			defer a.mu.Unlock()
			if valid {
				return a.token, nil
			}
			return token{}, a.failure
		}
		flight := a.flight
		if flight != nil {
			a.mu.Unlock()
			select {
			case <-flight:
				continue
			case <-ctx.Done():
				return token{}, fmt.Errorf("wait for a token: %w", ctx.Err())
			}
		}
		a.flight = make(chan struct{})
		old := a.refresh
		a.mu.Unlock()
		if err := a.rotate(ctx, old); err != nil && ctx.Err() != nil {
			return token{}, err
		}
	}
}

// refreshWait is refreshPause, or less where the token is invalid already or lives
// but seconds. Callers hold mu.
func (a *Account) refreshWait(valid bool) time.Duration {
	if !valid {
		return time.Second
	}
	return min(refreshPause, max(a.token.expires.Sub(a.token.renew)/4, 100*time.Millisecond))
}

// rotate exchanges the refresh token, which can be used only once, for a new session. It
// closes a.flight.
func (a *Account) rotate(ctx context.Context, old string) error {
	started := time.Now()
	s, err := a.client.authenticate(ctx, "/auth/refresh", map[string]string{"refresh_token": old, "mode": "json"})
	if err == nil {
		err = a.adopt(ctx, s)
	}
	a.mu.Lock()
	close(a.flight)
	a.flight = nil
	switch {
	case err == nil && a.over != nil: // a Logout whose ctx had ended did not wait for the refresh
		a.mu.Unlock()
		a.client.endSession(ctx, s.RefreshToken)
		return ErrLoggedOut
	case err == nil:
		a.token, a.refresh = s.token(started), s.RefreshToken
		a.failed, a.failure = time.Time{}, nil
		a.renewed++
		a.announce()
		a.mu.Unlock()
		return nil
	}
	err = fmt.Errorf("refresh the directus session: %w", err)
	refused := isRefusal(err)
	switch {
	case refused:
	case ctx.Err() == nil:
		a.failed, a.failure = time.Now(), err
	case time.Since(started) >= abandon: // the next caller should not wait as long for nothing
		a.failed, a.failure = time.Now(), fmt.Errorf("refresh the directus session: %w: no answer in time", ErrUnavailable)
	}
	a.mu.Unlock()
	if refused {
		return a.finish(err)
	}
	return err
}

// invalidate makes the next call of current renew the token, unless value, which Directus
// has refused, was replaced already.
func (a *Account) invalidate(value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token.value == value && !a.static {
		past := time.Now().Add(-time.Nanosecond)
		a.token.renew, a.token.expires = past, past
	}
}

// token computes when a new access token expires and should be renewed. asked is a moment
// before the request for it. Directus ends a token at a whole second, so its real life is up
// to a second shorter than stated.
func (s session) token(asked time.Time) token {
	life := time.Duration(s.Expires) * time.Millisecond
	if c, ok := parseClaims(s.AccessToken); ok && c.life() > 0 {
		life = c.life()
	}
	life = min(max(life, 0), 10*365*24*time.Hour)
	if life > 2*time.Second {
		life -= time.Second
	} else {
		life /= 2
	}
	early := max(life/3, min(30*time.Second, life/2))
	return token{value: s.AccessToken, expires: asked.Add(life), renew: asked.Add(life - early)}
}

// claims are the parts of an access token's payload that a client may use. Only Directus
// can check the signature.
type claims struct {
	ID  string `json:"id"`
	IAT int64  `json:"iat"`
	EXP int64  `json:"exp"`
}

// parseClaims reads the payload of a JWT (RFC 7519); ok is false for any other
// string.
func parseClaims(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return claims{}, false
	}
	return c, true
}

// life is the time between iat and exp; 0 if the token does not say, or says nonsense.
func (c claims) life() time.Duration {
	if c.IAT <= 0 || c.EXP <= c.IAT || c.EXP-c.IAT > 10*365*86400 {
		return 0
	}
	return time.Duration(c.EXP-c.IAT) * time.Second
}
