package guard

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"directus-ircd/ircd"
)

const (
	// firstDelay is how long nobody is let in from an address, or to an account,
	// with too many failures; it doubles each time up to maxDelay, and begins
	// anew after a time as long as that.
	firstDelay = time.Minute
	maxDelay   = 15 * time.Minute
	// maxGuarded bounds each table of what is known for the moment only; the entries
	// that have not been used for the longest time go first, but none of an attempt
	// that is under way.
	maxGuarded = 10000
)

// addressQuota finds the quota of an address, an IPv6 network of 64 bits
// counting as one. The caller holds mu.
func (g *Limiter) addressQuota(remote string) *quota {
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
		prune(g.addresses, g.most, func(q *quota) (time.Time, bool) { return q.used, q.pending > 0 })
		q = &quota{bucket: g.newBucket()}
		g.addresses[remote] = q
	}
	return q
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
func (g *Limiter) newBucket() *rate.Limiter {
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

// check says why there is no attempt left, with so many under way. After atMost one at a
// time is let in all the same.
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
		return &ircd.LoginError{Reason: ircd.Limited, Text: fmt.Sprintf(
			"Too many failed logins %s. Try again in %s", whose, wait(left))}
	}
	if q.bucket != nil && q.bucket.Tokens()-float64(pending) < 1 {
		return atOnce(whose)
	}
	return nil
}

func atOnce(whose string) error {
	return &ircd.LoginError{Reason: ircd.Limited, Text: "Too many logins " + whose + " at once. Try again in a moment"}
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

// prune makes room in a table of full entries by dropping the half used longest ago, but for what
// is busy.
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
