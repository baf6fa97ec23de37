package bridge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"directus-ircd/ircd"
)

const (
	// maxFailures is how many refused passwords of one account reach Directus
	// before the guard slows down: to one in an hour, the next in two, and so on.
	// Directus suspends the account at the 26th in a row and never forgets one by
	// time, so that many more would do that within half a day.
	maxFailures = 15
	// maxDoublings bounds how often that time doubles.
	maxDoublings = 12
	// maxKnowing is how many attempts with the password that Directus accepted last
	// may be under way: should it be another by now, each of them counts there too.
	maxKnowing = 8
	// firstPause is how long the same refused password is not asked about
	// again; it doubles each time up to maxPause. It is not for ever, because
	// Directus answers alike for an account that is not active yet.
	firstPause = 5 * time.Minute
	maxPause   = 24 * time.Hour
	// firstDelay is how long nobody is let in from an address, or to an account,
	// with too many failures; it doubles each time up to maxDelay, and begins
	// anew after a time as long as that.
	firstDelay = time.Minute
	maxDelay   = 15 * time.Minute
	// maxGuarded bounds each table of the guard; the entries that have not been
	// used for the longest time go first.
	maxGuarded = 10000
)

// guard keeps login attempts from reaching Directus in numbers: clients
// reconnect every few seconds with the password that was just refused. Only
// attempts that fail count, so that a gateway with many users, or one user with
// many connections, is not held up.
type guard struct {
	key []byte

	mu        sync.Mutex
	perMinute int                // failures; guarded by mu; 0: no limit
	addresses map[string]*quota  // guarded by mu
	accounts  map[string]*record // guarded by mu
}

// record is what is remembered of the attempts on one account. Its fields are
// guarded by the guard's mu.
type record struct {
	quota
	failures int
	next     time.Time // after maxFailures: not before
	refused  map[[sha256.Size]byte]*refusal
	good     [sha256.Size]byte // the password that Directus accepted last
	knowing  int               // attempts with it that are under way
}

type refusal struct {
	until time.Time
	pause time.Duration
}

// ticket is the leave to make one attempt. Exactly one of accepted, refused
// and unknown ends it.
type ticket struct {
	guard   *guard
	address *quota
	account *record // nil for a token, and while known is set
	known   *record // the account whose last good password this is
	email   string  // empty for a token
	name    string  // of the account in the guard's table
	hash    [sha256.Size]byte
}

func newGuard(perMinute int) *guard {
	key := make([]byte, 32)
	rand.Read(key)
	return &guard{perMinute: perMinute, key: key, addresses: map[string]*quota{}, accounts: map[string]*record{}}
}

// limit takes over another limit, for those who are counted already too.
func (g *guard) limit(perMinute int) {
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

// refuses says why credentials are not worth waiting for; begin, which follows, may
// refuse more. The arguments and the error are those of begin.
func (g *guard) refuses(remote, email, secret string) error {
	t := g.newTicket(email, secret)
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.accounts[t.name]
	if r != nil && r.good == t.hash {
		r.used = time.Now()
		return nil
	}
	if err := g.addressQuota(remote).check(ofAddress, 0); err != nil || t.email == "" || r == nil {
		return err
	}
	if err := r.check(t.hash, time.Now()); err != nil {
		return err
	}
	return r.quota.check(ofAccount, 0)
}

// begin asks for leave to try a password of an account, or a token (an empty
// e-mail), from a remote address; an empty address has no limit. The error is a
// *ircd.LoginError.
func (g *guard) begin(remote, email, secret string) (*ticket, error) {
	t := g.newTicket(email, secret)
	g.mu.Lock()
	defer g.mu.Unlock()
	if r := g.accounts[t.name]; r != nil && r.good == t.hash {
		// Whoever guesses must not keep out who knows.
		if r.knowing >= maxKnowing && t.email != "" {
			return nil, atOnce(ofAccount)
		}
		r.knowing++
		t.address, t.known = &quota{}, r
		r.used = time.Now()
		return t, nil
	}
	if err := g.admit(t, remote); err != nil {
		return nil, err
	}
	return t, nil
}

func (g *guard) newTicket(email, secret string) *ticket {
	email = strings.ToLower(strings.TrimSpace(email))
	t := &ticket{guard: g, email: email, name: email, hash: g.hash(email, secret)}
	if email == "" {
		t.name = string(t.hash[:])
	}
	return t
}

// admit looks whether an address and an account may try what may be wrong. The
// caller holds mu.
func (g *guard) admit(t *ticket, remote string) error {
	t.address = g.addressQuota(remote)
	if err := t.address.begin(ofAddress); err != nil {
		return err
	}
	if t.email == "" {
		return nil
	}
	// Only now, so that an address beyond its quota cannot fill the table.
	t.account = g.accountRecord(t.email)
	err := t.account.check(t.hash, time.Now())
	if n := t.account.pending; err == nil && n > 0 && t.account.failures+n >= maxFailures {
		err = atOnce(ofAccount) // should they all be wrong, it were too many
	}
	if err == nil {
		err = t.account.begin(ofAccount)
	}
	if err != nil {
		t.address.end(false)
	}
	return err
}

// check refuses what is known to be in vain or dangerous.
func (r *record) check(hash [sha256.Size]byte, now time.Time) error {
	known := r.refused[hash]
	if known != nil && r.failures >= maxFailures {
		return &ircd.LoginError{Reason: ircd.Rejected, Text: "Directus refused this very password time and again and is not asked about it any more. Correct the password in your client"}
	}
	if known != nil && now.Before(known.until) {
		return &ircd.LoginError{Reason: ircd.Rejected, Text: fmt.Sprintf(
			"Directus refused this very password a while ago and is not asked about it again for %s. Correct the password in your client", wait(known.until.Sub(now)))}
	}
	if now.Before(r.next) {
		return &ircd.LoginError{Reason: ircd.Limited, Text: fmt.Sprintf(
			"Too many wrong passwords for this account, which Directus would suspend. Try again in %s", wait(r.next.Sub(now)))}
	}
	return nil
}

// refused remembers that Directus did not accept the credentials.
func (t *ticket) refused() {
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	t.address.end(true)
	switch {
	case t.known != nil:
		t.known.knowing--
		if t.known.good == t.hash {
			t.known.good = [sha256.Size]byte{}
		}
		if t.email != "" { // no pause yet: the account may have been suspended, and be restored soon
			t.known.count()
		}
	case t.account != nil:
		t.account.end(true)
		t.account.fail(t.hash)
	}
}

// fail notes a password that Directus has refused.
func (r *record) fail(hash [sha256.Size]byte) {
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
	r.count()
}

// count counts a refusal, as Directus does.
func (r *record) count() {
	if r.failures++; r.failures >= maxFailures {
		r.next = time.Now().Add(time.Hour << min(r.failures-maxFailures, maxDoublings))
	}
}

// accepted forgets the account's failures, as Directus does, but not which
// passwords are wrong.
func (t *ticket) accepted() {
	t.unknown()
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	if t.known != nil {
		return
	}
	r := t.guard.accountRecord(t.name)
	r.failures, r.next, r.good = 0, time.Time{}, t.hash
	delete(r.refused, t.hash)
}

// unknown ends an attempt that says nothing about the credentials.
func (t *ticket) unknown() {
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	t.address.end(false)
	switch {
	case t.known != nil:
		t.known.knowing--
	case t.account != nil:
		t.account.end(false)
	}
}

func (g *guard) hash(email, secret string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, g.key)
	fmt.Fprintf(mac, "%s\x00%s", email, secret)
	return [sha256.Size]byte(mac.Sum(nil))
}

// addressQuota finds the quota of an address, an IPv6 network of 64 bits
// counting as one. The caller holds mu.
func (g *guard) addressQuota(remote string) *quota {
	if remote == "" {
		return &quota{}
	}
	if ip, err := netip.ParseAddr(remote); err == nil && ip.Unmap().Is6() {
		if network, err := ip.Prefix(64); err == nil {
			remote = network.String()
		}
	}
	q := g.addresses[remote]
	if q == nil {
		prune(g.addresses, func(q *quota) time.Time { return q.used })
		q = &quota{bucket: g.newBucket()}
		g.addresses[remote] = q
	}
	return q
}

// accountRecord finds the record of an account. The caller holds mu.
func (g *guard) accountRecord(email string) *record {
	r := g.accounts[email]
	if r == nil {
		prune(g.accounts, func(r *record) time.Time { return r.used })
		r = &record{quota: quota{bucket: g.newBucket()}, refused: map[[sha256.Size]byte]*refusal{}}
		r.used = time.Now()
		g.accounts[email] = r
	}
	return r
}

// quota limits failed attempts; those under way count as failed until they
// end. Its fields are guarded by the guard's mu.
type quota struct {
	bucket  *rate.Limiter // nil: no limit
	pending int
	used    time.Time
	delay   time.Duration // the last
	until   time.Time     // nobody is let in before
}

// newBucket is for one quota; nil where there is no limit. The caller holds mu.
func (g *guard) newBucket() *rate.Limiter {
	if g.perMinute == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Every(time.Minute/time.Duration(g.perMinute)), g.perMinute)
}

// Whose quota it is that keeps somebody out.
const (
	ofAddress = "from your address"
	ofAccount = "to this account"
)

// check says why there is no attempt left, with so many under way.
func (q *quota) check(whose string, pending int) error {
	now := time.Now()
	q.used = now
	if now.Before(q.until) {
		return &ircd.LoginError{Reason: ircd.Limited, Text: fmt.Sprintf(
			"Too many failed logins %s. Try again in %s", whose, wait(q.until.Sub(now)))}
	}
	if q.bucket != nil && q.bucket.Tokens()-float64(pending) < 1 {
		return atOnce(whose)
	}
	return nil
}

func atOnce(whose string) error {
	return &ircd.LoginError{Reason: ircd.Limited, Text: "Too many logins " + whose + " at once. Try again in a moment"}
}

func (q *quota) begin(whose string) error {
	if err := q.check(whose, q.pending); err != nil {
		return err
	}
	q.pending++
	return nil
}

func (q *quota) end(failed bool) {
	q.pending--
	if !failed || q.bucket == nil {
		return
	}
	now := time.Now()
	if q.bucket.Allow(); q.bucket.Tokens() >= 1 || now.Before(q.until) {
		return
	}
	if now.Sub(q.until) > maxDelay {
		q.delay = 0
	}
	q.delay = min(max(2*q.delay, firstDelay), maxDelay)
	q.until = now.Add(q.delay)
}

// prune makes room in a full table by dropping the half used longest ago.
func prune[V any](table map[string]V, used func(V) time.Time) {
	if len(table) < maxGuarded {
		return
	}
	now := time.Now()
	for age := time.Hour; len(table) >= maxGuarded/2; age /= 2 {
		for key, v := range table {
			if now.Sub(used(v)) >= age {
				delete(table, key)
			}
		}
	}
}

func wait(d time.Duration) string {
	return max(d.Round(time.Second), time.Second).String()
}
