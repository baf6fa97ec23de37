package guard

import (
	"crypto/rand"
	"crypto/subtle"
	"sync"
	"time"
)

// Limiter keeps failed logins away from Directus: clients reconnect every few seconds with the
// password that was just refused, and strangers guess. Only attempts that fail count, so that
// a gateway with many users, or a user with many connections, is not slowed down. All methods
// may be called from any goroutine.
//
// The ledger counts what Directus counts for ever. What only slows attempts down is kept in
// memory, and the least recently used of it is dropped when there is too much.
//
// Somebody who has logged in with the present password of an account gets in at once, whatever
// strangers try. Otherwise the right password cannot be told from a guess: it gets in within a
// minute from a network that has not failed on the account, as long as no more than
// openFailures networks guess. Each further network may take one of the later attempts, and
// when maxFailures are used up the account is closed to passwords that are not remembered.
type Limiter struct {
	salt   string // of the hashes in memory
	ledger *ledger

	most      int        // entries of each table: maxGuarded
	digesting sync.Mutex // held while a password is compared with the remembered one, which keeps a core busy: one at a time; never together with mu

	mu        sync.Mutex
	perMinute int                // failed attempts of an address or on an account; 0: no limit; guarded by mu
	addresses map[string]*quota  // guarded by mu
	accounts  map[string]*record // by ledger.name, or the hash of a token; guarded by mu
}

// NewLimiter returns a limiter for the accounts of the Directus at origin. perMinute is how
// many failed attempts a minute an address may make, and an account may see; 0: no limit. now
// tells the time by the clock of Directus.
func NewLimiter(perMinute int, kept Kept, origin string, now func() time.Time) *Limiter {
	return &Limiter{perMinute: perMinute, salt: rand.Text(), most: maxGuarded, ledger: newLedger(kept, origin, now),
		addresses: map[string]*quota{}, accounts: map[string]*record{}}
}

// HashWith sets the cost of hashing a password that is remembered, in rounds of PBKDF2. It
// is called before the first login.
func (l *Limiter) HashWith(rounds int) { l.ledger.rounds = rounds }

// Limit sets another perMinute, from now on, for addresses and accounts that are known too.
func (l *Limiter) Limit(perMinute int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perMinute == perMinute {
		return
	}
	l.perMinute = perMinute
	for _, q := range l.addresses {
		q.bucket, q.until = l.newBucket(), time.Time{}
	}
	for _, r := range l.accounts {
		r.bucket, r.until = l.newBucket(), time.Time{}
	}
}

// Refuses returns an error for credentials that Begin would refuse by now, so that they need
// not wait for the Gate. It compares a password with the remembered one, which may take
// milliseconds. The arguments and the error are those of Begin, which must still be called
// and may refuse more.
func (l *Limiter) Refuses(remote, email, secret string) error {
	t := l.NewTicket(email, secret)
	l.recall(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	r := l.accounts[t.name]
	if r != nil && r.good == t.good {
		r.used = now
		return r.repeats(t.Hash, l.ledger.of(t.name).Failures, now)
	}
	if err := l.addressQuota(remote).check(ofAddress, 0, maxDelay); err != nil || t.token {
		return err
	}
	if r == nil {
		r = l.newRecord()
	}
	return r.check(t, l.ledger.network(remote), 0)
}

// recall finds out whether a password is the one that the ledger remembers.
func (l *Limiter) recall(t *ticket) {
	l.mu.Lock()
	row, r := l.ledger.of(t.name), l.accounts[t.name]
	known := r != nil && (r.good == t.good || r.refused[t.Hash] != nil)
	l.mu.Unlock()
	if t.token || row.Secret == nil || known {
		return
	}
	l.digesting.Lock()
	same := subtle.ConstantTimeCompare(l.ledger.digest(t.name, t.password), row.Secret) == 1
	l.digesting.Unlock()
	if !same {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.ledger.of(t.name); subtle.ConstantTimeCompare(now.Secret, row.Secret) == 1 {
		l.accountRecord(t.name).good = t.good
	}
}

// Begin admits an attempt to log in with a password to the account of an e-mail address or,
// with an empty e-mail, with a token, from a remote IP address; an empty address has no limit
// of its own. In secret a one-time code follows the password after a NUL. The error is an
// *ircd.LoginError; without one, the ticket must be ended.
func (l *Limiter) Begin(remote, email, secret string) (*ticket, error) {
	t := l.NewTicket(email, secret)
	l.mu.Lock()
	defer l.mu.Unlock()
	t.network = l.ledger.network(remote)
	if r := l.accounts[t.name]; r != nil && r.good == t.good {
		// Whoever guesses must not keep out who knows.
		return t, l.admitKnown(t, r)
	}
	return t, l.admit(t, remote)
}

// admitKnown admits an attempt with the credentials that were accepted last. The caller holds
// mu.
func (l *Limiter) admitKnown(t *ticket, r *record) error {
	now := time.Now()
	r.used = now
	if !t.token {
		failures := l.ledger.of(t.name).Failures
		if err := r.repeats(t.Hash, failures, now); err != nil {
			return err
		}
		if failures >= maxFailures {
			return spent()
		}
		if r.knowing >= maxKnowing || failures+r.pending+r.knowing >= maxFailures {
			return atOnce(ofAccount)
		}
	}
	r.knowing++
	t.address, t.account, t.known, t.refusals = &quota{}, r, true, r.refusals
	return nil
}

// admit admits an attempt with credentials that may be wrong, if the limits of its address and
// account allow. The caller holds mu.
func (l *Limiter) admit(t *ticket, remote string) error {
	t.address = l.addressQuota(remote)
	if err := t.address.check(ofAddress, t.address.pending, maxDelay); err != nil {
		return err
	}
	if !t.token {
		// The record is made after the check of the address, so that an address beyond
		// its quota cannot fill the table.
		r := l.accountRecord(t.name)
		if err := r.check(t, t.network, r.pending); err != nil {
			return err
		}
		r.pending++
		t.account, t.refusals = r, r.refusals
	}
	t.address.pending++
	return nil
}
