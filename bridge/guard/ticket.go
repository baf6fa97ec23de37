package guard

import (
	"crypto/sha256"
	"strings"
)

// ticket is the permission to make one attempt. Exactly one of Accepted, Refused, Incomplete,
// Lost and Unknown ends it; they may be called from any goroutine.
type ticket struct {
	limiter  *Limiter
	address  *quota
	account  *record    // nil for a token that is not known
	known    bool       // the credentials are the last that were accepted
	token    bool       // the credentials are a token, not a password
	name     string     // of the account in Limiter.accounts
	password string     // without a one-time code
	Hash     SecretHash // of the credentials, with the code
	good     SecretHash // of the credentials without the code
	network  uint32
	refusals int // record.refusals when the attempt began
}

// NewTicket returns a ticket that was not admitted and must not be ended: its Hash names
// the credentials.
func (l *Limiter) NewTicket(email, secret string) *ticket {
	email = strings.ToLower(strings.TrimSpace(email))
	password, _, _ := strings.Cut(secret, "\x00")
	t := &ticket{limiter: l, token: email == "", password: password, Hash: l.hash(email, secret)}
	if t.token {
		t.name, t.good = string(t.Hash[:]), t.Hash
	} else {
		t.name = l.ledger.name(email)
		t.good = l.hash(t.name, password)
	}
	return t
}

// end ends the attempt. The caller holds Limiter.mu.
func (t *ticket) end(failed bool) {
	t.address.end(failed)
	switch {
	case t.known:
		t.account.knowing--
	case t.account != nil:
		t.account.end(failed)
	}
}

// Refused ends an attempt whose credentials Directus did not accept.
func (t *ticket) Refused() {
	t.limiter.mu.Lock()
	defer t.limiter.mu.Unlock()
	t.end(true)
	if t.account == nil {
		return
	}
	wasGood := t.account.good == t.good
	if wasGood {
		t.account.good = SecretHash{}
	}
	if t.token {
		return
	}
	if !t.known { // the last good password gets no pause yet, as its account may be suspended for a moment only
		t.account.pauses(t.Hash)
	}
	t.account.refusals++
	t.limiter.ledger.fail(t.name, wasGood, t.network)
}

// Incomplete ends an attempt for which Directus wants a one-time code: another one, if code
// says that there was one. Directus counts it like a wrong password.
func (t *ticket) Incomplete(code bool) {
	t.limiter.mu.Lock()
	defer t.limiter.mu.Unlock()
	t.end(code)
	if t.account == nil || t.token {
		return
	}
	known := t.account.pauses(t.Hash)
	if known.half = !code; known.half && t.limiter.ledger.of(t.name).Failures < maxRepeats {
		known.pause = firstPause // the second factor may be switched off
	}
	t.account.refusals++
	if code {
		t.limiter.ledger.fail(t.name, false, t.network)
	} else {
		t.limiter.ledger.fail(t.name, false)
	}
}

// Lost ends an attempt that Directus has not answered in time, but may have counted. With the
// last good password nothing is counted, or a Directus that does not answer would in the end
// shut out the owner.
func (t *ticket) Lost() {
	t.limiter.mu.Lock()
	defer t.limiter.mu.Unlock()
	t.end(false)
	if t.account != nil && !t.known {
		t.account.refusals++
		t.limiter.ledger.fail(t.name, false)
	}
}

// Unknown ends an attempt that did not reach Directus.
func (t *ticket) Unknown() {
	t.limiter.mu.Lock()
	defer t.limiter.mu.Unlock()
	t.end(false)
}

// Accepted ends an attempt that succeeded. It forgets the account's failures, as Directus does,
// but not which passwords are wrong. It takes milliseconds for a password that is not
// remembered yet.
func (t *ticket) Accepted() {
	var digest []byte
	if !t.known && !t.token {
		digest = t.limiter.ledger.digest(t.name, t.password)
	}
	t.limiter.mu.Lock()
	defer t.limiter.mu.Unlock()
	t.end(false)
	r := t.limiter.accountRecord(t.name)
	r.good = t.good
	delete(r.refused, t.Hash)
	if !t.token {
		// Attempts that were refused meanwhile may have reached Directus after this one.
		t.limiter.ledger.succeed(t.name, r.refusals-t.refusals, digest)
	}
}

// SecretHash tells credentials apart without revealing them. It is another after each start.
type SecretHash = [sha256.Size]byte

func (l *Limiter) hash(account, secret string) SecretHash {
	return SecretHash(l.ledger.mac(l.salt, account, secret))
}
