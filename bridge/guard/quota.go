package guard

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"directus-ircd/ircd"
)

const (
	// firstDelay is how long an address or account with too many failures is locked. It
	// doubles each time up to maxDelay, and starts again at firstDelay once a time as long
	// as maxDelay has passed.
	firstDelay = time.Minute
	maxDelay   = 15 * time.Minute
	// maxGuarded bounds each table in memory. The least recently used entries are dropped
	// first, but none with an attempt under way.
	maxGuarded = 10000
)

// addressQuota finds or makes the quota of an address. All of an IPv6 network of 64 bits share
// one. The caller holds mu.
func (l *Limiter) addressQuota(remote string) *quota {
	if remote == "" {
		return &quota{}
	}
	remote = networkOf(remote, 32, 64)
	q := l.addresses[remote]
	if q == nil {
		prune(l.addresses, l.most, func(q *quota) (time.Time, bool) { return q.used, q.pending > 0 })
		q = &quota{bucket: l.newBucket()}
		l.addresses[remote] = q
	}
	return q
}

// quota limits failed attempts; those under way count as failed until they end. Its fields are
// guarded by Limiter.mu.
type quota struct {
	bucket  *rate.Limiter // nil: no limit
	pending int           // attempts under way
	used    time.Time     // when it was last used
	delay   time.Duration // the last
	until   time.Time     // no attempt is admitted before
}

// newBucket returns the bucket of a quota; nil if there is no limit. The caller holds mu.
func (l *Limiter) newBucket() *rate.Limiter {
	if l.perMinute == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Every(time.Minute/time.Duration(l.perMinute)), l.perMinute)
}

// ofAddress and ofAccount name the quota that refuses an attempt, in texts for users.
const (
	ofAddress = "from your address"
	ofAccount = "to this account"
)

// check returns an error if the quota is used up; pending attempts are under way. An attempt
// that is alone is admitted after atMost in any case.
func (q *quota) check(whose string, pending int, atMost time.Duration) error {
	now := time.Now()
	q.used = now
	if atMost <= 0 && pending == 0 {
		return nil
	}
	if now.Before(q.until) {
		left := q.until.Sub(now)
		if atMost > 0 {
			left = min(left, atMost)
		}
		return limited("Too many failed logins %s. Try again in %s", whose, wait(left))
	}
	if q.bucket != nil && q.bucket.Tokens()-float64(pending) < 1 {
		return atOnce(whose)
	}
	return nil
}

// atOnce is the error for an attempt while too many are under way.
func atOnce(whose string) error {
	return limited("Too many logins %s at once. Try again in a moment", whose)
}

// limited is the error for an attempt that is not made now.
func limited(format string, args ...any) error {
	return &ircd.LoginError{Reason: ircd.Limited, Text: fmt.Sprintf(format, args...)}
}

// end ends an attempt that was counted in pending.
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

// prune makes room in a table that has full entries by dropping the half that was not used for
// the longest, but no busy entries.
func prune[V any](table map[string]V, full int, used func(V) (last time.Time, busy bool)) {
	if len(table) < full {
		return
	}
	now := time.Now()
	for age := time.Hour; len(table) >= full/2; age /= 2 {
		for key, v := range table {
			if last, busy := used(v); !busy && now.Sub(last) >= age {
				delete(table, key)
			}
		}
		if age == 0 {
			return
		}
	}
}

func wait(d time.Duration) string {
	return max(d.Round(time.Second), time.Second).String()
}
