package directus

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Check asks Directus whether the account still stands, and as what. Directus
// believes an access token until it ends, and an open socket the role it began
// with: whoever was suspended, deleted or given another role goes unnoticed until
// then, and with a static token for ever. So Check renews the session before its
// time, or verifies the static token, and the account's links authenticate anew.
// ErrLoggedOut is final; any other error says nothing about the account.
func (a *Account) Check(ctx context.Context) error {
	if a.static {
		err := a.verify(ctx)
		if err == nil {
			a.mu.Lock()
			a.announce()
			a.mu.Unlock()
		}
		return err
	}
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
	if a.renewed == before { // the old token goes on for want of an answer
		return fmt.Errorf("check the directus session: %w", a.failure)
	}
	return nil
}

// checked counts how often the token has been renewed or verified.
func (a *Account) checked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.checks
}

// announce tells the keepers of links that the token has been renewed or verified,
// or that the account is over. Callers hold mu.
func (a *Account) announce() {
	a.checks++
	for _, e := range a.keepers {
		e.ring()
	}
}

// tell makes announce ring an errand, which untell undoes.
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
