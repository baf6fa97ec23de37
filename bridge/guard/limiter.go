package guard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"directus-ircd/ircd"
)

const (
	// maxFailures is how many wrong passwords in a row of one account reach Directus,
	// ever: it suspends the account at the 26th and never forgets one by time. The rest
	// is for what a crash may keep from the state file.
	maxFailures = 20
	// openFailures is how many of those anybody may make. Then only networks that have
	// not failed on this account are let in, one attempt at a time, with pauses between:
	// of a few who guess there is soon none left, while the owner comes from elsewhere.
	openFailures = 12
	// lateFailures is up to when networks that have failed are let in again, but only
	// latePause after the others.
	lateFailures = 15
	latePause    = time.Hour
	// reservedFailures are kept for the password that is remembered: should it be
	// another by now, that counts too.
	reservedFailures = 2
	// maxKnowing is how many attempts with the password that Directus accepted last
	// may be under way, as long as so many failures are left.
	maxKnowing = 8
	// maxRepeats is up to how many failures a password is asked about again that was
	// refused: clients that go on with an old one leave the rest to the new one.
	maxRepeats = 6
	// freshPause is how long after a failure the limits for an account hold back a
	// network that has not failed on it.
	freshPause = 30 * time.Second
	// firstPause is how long the same refused password is not asked about
	// again; it doubles each time up to maxPause. It is not for ever, because
	// Directus answers alike for an account that is not active yet.
	firstPause = 5 * time.Minute
	maxPause   = 24 * time.Hour
)

// failurePauses are how long after the last of openFailures and more an attempt is let
// in. The first are for an owner who is there now, the last for one who comes back when
// those who guess have given up.
var failurePauses = [maxFailures - openFailures]time.Duration{
	time.Minute, time.Minute, time.Minute, 10 * time.Minute,
	time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

// Limiter keeps login attempts from reaching Directus in numbers: clients reconnect every
// few seconds with the password that was just refused, and strangers guess. Only attempts
// that fail count, so that a gateway with many users, or one user with many connections,
// is not held up.
//
// What Directus counts for ever, the ledger does. What only slows down is in memory, and
// may be forgotten when others need the room.
//
// Whoever has logged in to an account with its present password gets in at once, whatever
// strangers try. Else the right password cannot be told from a guess: it gets in within a
// minute from a network that has not failed on the account, as long as no more than
// openFailures networks guess. Each further one may take one of the later attempts, and
// when maxFailures are spent the account is closed to passwords that are not remembered.
type Limiter struct {
	key    []byte // of the hashes in memory
	ledger *ledger

	most      int        // entries of each table: maxGuarded
	digesting sync.Mutex // held while a password is compared with the one remembered: one at a time

	mu        sync.Mutex
	perMinute int                // failures; guarded by mu; 0: no limit
	addresses map[string]*quota  // guarded by mu
	accounts  map[string]*record // by ledger.name, or the hash of a token; guarded by mu
}

// record is what is known for the moment of the attempts on one account. Its fields are
// guarded by the guard's mu.
type record struct {
	quota
	refused  map[SecretHash]*refusal
	good     SecretHash // the password that Directus accepted last
	knowing  int        // attempts with it that are under way
	refusals int        // all since the record was made
}

type refusal struct {
	until time.Time
	pause time.Duration
	half  bool // the password was right, and a code is missing
}

// ticket is the leave to make one attempt. Exactly one of accepted, refused, incomplete,
// lost and unknown ends it.
type ticket struct {
	guard    *Limiter
	address  *quota
	account  *record    // nil for a token that is not known
	known    bool       // it is the account's last good password
	token    bool       // and not a password
	name     string     // of the account in the guard's table
	password string     // without a one-time code
	Hash     SecretHash // of all
	good     SecretHash // without the code
	network  uint32
	refusals int // of the account, when the attempt began
}

func NewLimiter(perMinute int, kept Kept, origin string, now func() time.Time) *Limiter {
	key := make([]byte, 32)
	rand.Read(key)
	return &Limiter{perMinute: perMinute, key: key, most: maxGuarded, ledger: newLedger(kept, origin, now),
		addresses: map[string]*quota{}, accounts: map[string]*record{}}
}

// HashWith sets the cost of hashing a password that is remembered, in rounds of PBKDF2. It
// is called before the first login.
func (g *Limiter) HashWith(rounds int) { g.ledger.rounds = rounds }

// Limit takes over another limit, for those who are counted already too.
func (g *Limiter) Limit(perMinute int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.perMinute == perMinute {
		return
	}
	g.perMinute = perMinute
	for _, q := range g.addresses {
		q.bucket, q.until = g.newBucket(), time.Time{}
	}
	for _, r := range g.accounts {
		r.bucket, r.until = g.newBucket(), time.Time{}
	}
}

// Refuses says why credentials are not worth waiting for, and finds out whether they are
// the ones remembered; begin, which follows, may refuse more. The arguments and the error
// are those of begin.
func (g *Limiter) Refuses(remote, email, secret string) error {
	t := g.NewTicket(email, secret)
	g.recall(t)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	r := g.accounts[t.name]
	if r != nil && r.good == t.good {
		r.used = now
		return r.repeats(t.Hash, g.ledger.of(t.name).Failures, now)
	}
	if err := g.addressQuota(remote).check(ofAddress, 0, maxDelay); err != nil || t.token {
		return err
	}
	if r == nil {
		r = g.newRecord()
	}
	return r.check(t, g.ledger.network(remote), 0)
}

// recall looks whether a password is the one that the ledger remembers.
func (g *Limiter) recall(t *ticket) {
	g.mu.Lock()
	row, r := g.ledger.of(t.name), g.accounts[t.name]
	known := r != nil && (r.good == t.good || r.refused[t.Hash] != nil)
	g.mu.Unlock()
	if t.token || row.Secret == nil || known {
		return
	}
	g.digesting.Lock()
	same := subtle.ConstantTimeCompare(g.ledger.digest(t.name, t.password), row.Secret) == 1
	g.digesting.Unlock()
	if !same {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.ledger.of(t.name); subtle.ConstantTimeCompare(now.Secret, row.Secret) == 1 {
		g.accountRecord(t.name).good = t.good
	}
}

// Begin asks for leave to try a password of an account, or a token (an empty e-mail), from
// a remote address; an empty address has no limit. A one-time code follows the password
// behind a NUL. The error is a *ircd.LoginError.
func (g *Limiter) Begin(remote, email, secret string) (*ticket, error) {
	t := g.NewTicket(email, secret)
	g.mu.Lock()
	defer g.mu.Unlock()
	t.network = g.ledger.network(remote)
	if r := g.accounts[t.name]; r != nil && r.good == t.good {
		// Whoever guesses must not keep out who knows.
		return t, g.admitKnown(t, r)
	}
	return t, g.admit(t, remote)
}

func (g *Limiter) NewTicket(email, secret string) *ticket {
	email = strings.ToLower(strings.TrimSpace(email))
	password, _, _ := strings.Cut(secret, "\x00")
	t := &ticket{guard: g, token: email == "", password: password, Hash: g.hash(email, secret)}
	if t.token {
		t.name, t.good = string(t.Hash[:]), t.Hash
	} else {
		t.name = g.ledger.name(email)
		t.good = g.hash("\x00"+t.name, password)
	}
	return t
}

// admitKnown admits an attempt with the last good secret. The caller holds mu.
func (g *Limiter) admitKnown(t *ticket, r *record) error {
	now := time.Now()
	r.used = now
	if !t.token {
		failures := g.ledger.of(t.name).Failures
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

// admit looks whether an address and an account may try what may be wrong. The
// caller holds mu.
func (g *Limiter) admit(t *ticket, remote string) error {
	t.address = g.addressQuota(remote)
	if err := t.address.check(ofAddress, t.address.pending, maxDelay); err != nil {
		return err
	}
	if !t.token {
		// Only now, so that an address beyond its quota cannot fill the table.
		r := g.accountRecord(t.name)
		if err := r.check(t, t.network, r.pending); err != nil {
			return err
		}
		r.pending++
		t.account, t.refusals = r, r.refusals
	}
	t.address.pending++
	return nil
}

// check refuses what is known to be in vain or dangerous, with so many attempts under way.
func (r *record) check(t *ticket, network uint32, pending int) error {
	row := t.guard.ledger.of(t.name)
	if err := r.repeats(t.Hash, row.Failures, time.Now()); err != nil {
		return err
	}
	budget := maxFailures
	if row.Secret != nil {
		budget -= reservedFailures
	}
	if row.Failures >= budget {
		return spent()
	}
	fresh := !slices.Contains(row.Networks, network)
	since := t.guard.ledger.since(row)
	if row.Failures >= openFailures {
		pause := failurePauses[row.Failures-openFailures]
		if !fresh {
			if row.Failures >= lateFailures {
				return &ircd.LoginError{Reason: ircd.Limited, Text: "Too many wrong passwords for this account, which Directus would suspend. The last attempts are for networks other than yours"}
			}
			pause += latePause
		}
		if since < pause {
			return &ircd.LoginError{Reason: ircd.Limited, Text: fmt.Sprintf(
				"Too many wrong passwords for this account, which Directus would suspend. Try again in %s", wait(pause-since))}
		}
	}
	if n := pending + r.knowing; n > 0 && row.Failures+n >= openFailures {
		return atOnce(ofAccount) // should they all be wrong, it were too many
	}
	atMost := maxDelay
	if fresh {
		atMost = freshPause - since
	}
	return r.quota.check(ofAccount, pending, atMost)
}

// repeats refuses what was refused a while ago.
func (r *record) repeats(hash SecretHash, failures int, now time.Time) error {
	known := r.refused[hash]
	switch {
	case known == nil:
		return nil
	case known.half && (now.Before(known.until) || failures >= lateFailures):
		return &ircd.LoginError{Reason: ircd.OTPRequired, Text: "Your Directus account asks for a one-time code"}
	case known.half:
		return nil
	case failures >= maxRepeats:
		return &ircd.LoginError{Reason: ircd.Rejected, Text: "Directus refused this very password time and again and is not asked about it any more. Correct the password in your client"}
	case now.Before(known.until):
		return &ircd.LoginError{Reason: ircd.Rejected, Text: fmt.Sprintf(
			"Directus refused this very password a while ago and is not asked about it again for %s. Correct the password in your client", wait(known.until.Sub(now)))}
	}
	return nil
}

func spent() error {
	return &ircd.LoginError{Reason: ircd.Limited, Text: "Too many wrong passwords for this account, which Directus would suspend: it is not asked about others any more. Log in with a static token, or ask the administrator"}
}

// end ends the attempt, with mu held.
func (t *ticket) end(failed bool) {
	t.address.end(failed)
	switch {
	case t.known:
		t.account.knowing--
	case t.account != nil:
		t.account.end(failed)
	}
}

// Refused remembers that Directus did not accept the credentials.
func (t *ticket) Refused() {
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
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
	if !t.known { // else no pause yet: the account may have been suspended, and be restored soon
		t.account.pauses(t.Hash)
	}
	t.account.refusals++
	t.guard.ledger.fail(t.name, t.network, wasGood)
}

// Incomplete remembers that Directus asks for another one-time code, or for one at all. It
// counts that as it counts a wrong password.
func (t *ticket) Incomplete(code bool) {
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	t.end(code)
	if t.account == nil || t.token {
		return
	}
	known := t.account.pauses(t.Hash)
	if known.half = !code; known.half && t.guard.ledger.of(t.name).Failures < maxRepeats {
		known.pause = firstPause // the second factor may be switched off
	}
	t.account.refusals++
	if code {
		t.guard.ledger.fail(t.name, t.network, false)
	} else {
		t.guard.ledger.lose(t.name)
	}
}

// Lost ends an attempt that Directus may have counted, as who asked did not wait for its
// answer. With the last good password nothing is counted: a Directus that does not answer
// would shut out who knows it.
func (t *ticket) Lost() {
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	t.end(false)
	if t.account != nil && !t.known {
		t.account.refusals++
		t.guard.ledger.lose(t.name)
	}
}

// Unknown ends an attempt that Directus has not looked at.
func (t *ticket) Unknown() {
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	t.end(false)
}

// pauses notes credentials that Directus has refused.
func (r *record) pauses(hash SecretHash) *refusal {
	now := time.Now()
	known := r.refused[hash]
	if known == nil {
		if len(r.refused) > 100 {
			clear(r.refused)
		}
		known = &refusal{pause: firstPause}
		r.refused[hash] = known
	} else if !now.Before(known.until) { // not one of those that were under way
		known.pause = min(2*known.pause, maxPause)
	}
	known.until = now.Add(known.pause)
	return known
}

// Accepted forgets the account's failures, as Directus does, but not which
// passwords are wrong. It takes milliseconds for a password that is not remembered.
func (t *ticket) Accepted() {
	var digest []byte
	if !t.known && !t.token {
		digest = t.guard.ledger.digest(t.name, t.password)
	}
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	t.end(false)
	r := t.guard.accountRecord(t.name)
	r.good = t.good
	delete(r.refused, t.Hash)
	if !t.token {
		// Those that were refused while this was under way may have come after it.
		t.guard.ledger.succeed(t.name, r.refusals-t.refusals, digest)
	}
}

func (g *Limiter) hash(email, secret string) SecretHash {
	mac := hmac.New(sha256.New, g.key)
	fmt.Fprintf(mac, "%s\x00%s", email, secret)
	return SecretHash(mac.Sum(nil))
}

// accountRecord finds the record of an account. The caller holds mu.
func (g *Limiter) accountRecord(name string) *record {
	r := g.accounts[name]
	if r == nil {
		prune(g.accounts, g.most, func(r *record) (time.Time, bool) { return r.used, r.pending+r.knowing > 0 })
		r = g.newRecord()
		g.accounts[name] = r
	}
	return r
}

func (g *Limiter) newRecord() *record {
	r := &record{quota: quota{bucket: g.newBucket()}, refused: map[SecretHash]*refusal{}}
	r.used = time.Now()
	return r
}

// SecretHash tells credentials apart without being them; see guard.hash.
type SecretHash = [sha256.Size]byte
