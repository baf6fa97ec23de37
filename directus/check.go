package directus

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Check asks Directus whether the user still exists and is active, and makes the
// account's links authenticate anew, so that a change of role takes effect. Directus
// itself accepts an access token until it expires and keeps the role with which a
// socket was opened: without Check, a user who was suspended, deleted or given another
// role would go on until then, and for ever with a static token. Check renews the
// session early, or verifies the static token. ErrLoggedOut is final; any other error
// says nothing about the account.
func (a *Account) Check(ctx context.Context) error {
	_, err := a.CheckMe(ctx, []string{"id"})
	return err
}

// CheckMe is Check that also reads fields of the own user, as Me does, where that takes no
// further request: with a static token. For others me is nil. The id must be among the fields.
func (a *Account) CheckMe(ctx context.Context, fields []string) (me User, err error) {
	if !a.static {
		return nil, a.renewEarly(ctx)
	}
	me, err = a.me(ctx, fields)
	refused := IsCode(err, CodeForbidden)
	if refused {
		err = a.verify(ctx)
	}
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.announce()
	a.mu.Unlock()
	if refused || reduced(me, fields) {
		return a.readableMe(ctx, fields)
	}
	return me, nil
}

// IsStatic reports whether the account was logged in by a static token, which an administrator
// may give to another user at any time.
func (a *Account) IsStatic() bool { return a.static }

// renewEarly renews the session though its token is still good.
func (a *Account) renewEarly(ctx context.Context) error {
	a.mu.Lock()
	before := a.renewed
	if now := time.Now(); a.token.renew.After(now) {
		a.token.renew = now
	}
	a.mu.Unlock()
	if _, err := a.current(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.renewed == before { // Directus did not answer: current returned the old token
		return fmt.Errorf("check the directus session: %w", a.failure)
	}
	return nil
}

// checked returns how often the token has been renewed or verified.
func (a *Account) checked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.checks
}

// isOver reports whether the account can be used no more.
func (a *Account) isOver() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over != nil
}

// announce tells the links that the token was renewed or verified, or that the account
// is over. Callers hold mu.
func (a *Account) announce() {
	a.checks++
	for _, e := range a.keepers {
		e.ring()
	}
}

// tell makes announce ring e from now on; untell undoes it.
func (a *Account) tell(e *errand) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keepers = append(a.keepers, e)
}

func (a *Account) untell(e *errand) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keepers = slices.DeleteFunc(a.keepers, func(other *errand) bool { return other == e })
}
