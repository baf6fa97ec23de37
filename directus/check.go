package directus

import (
	"context"
	"fmt"
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

// checked is closed when the token has been renewed or verified, or the account
// is over.
func (a *Account) checked() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.news == nil {
		a.news = make(chan struct{})
	}
	return a.news
}

// announce tells those who wait in checked. Callers hold mu.
func (a *Account) announce() {
	if a.news != nil {
		close(a.news)
		a.news = nil
	}
}
