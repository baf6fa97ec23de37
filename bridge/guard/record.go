package guard

import (
	"fmt"
	"slices"
	"time"

	"directus-ircd/ircd"
)

const (
	// maxFailures is how many wrong passwords in a row for one account may ever reach
	// Directus. It suspends the account at the 26th, and time does not make it forget any.
	// The difference allows for failures that a crash keeps out of the state file.
	maxFailures = 20
	// openFailures is how many of those anybody may cause. After that only networks that
	// have not failed on the account are admitted, one attempt at a time, with pauses
	// between: a few attackers soon run out of networks, and the owner has another one.
	openFailures = 12
	// lateFailures is up to how many failures networks that have failed are admitted
	// again, but only latePause after others.
	lateFailures = 15
	latePause    = time.Hour
	// reservedFailures are kept for the remembered password, which counts as a failure
	// too if it was changed meanwhile.
	reservedFailures = 2
	// maxKnowing is how many attempts with the last accepted password may be under way at
	// a time, as long as that many failures are left.
	maxKnowing = 8
	// maxRepeats is up to how many failures Directus is asked again about a password that
	// it refused: clients that keep trying an old password must leave some for the new.
	maxRepeats = 6
	// freshPause is how long after a failure the limits of an account hold back a network
	// that has not failed on it.
	freshPause = 30 * time.Second
	// firstPause is how long Directus is not asked again about a password that it refused;
	// it doubles each time up to maxPause. It ends because Directus gives the same answer
	// for an account that is not active yet.
	firstPause = 5 * time.Minute
	maxPause   = 24 * time.Hour
)

// record is what is kept in memory about the attempts on one account. Its fields are guarded
// by Limiter.mu.
type record struct {
	quota
	refused  map[SecretHash]*refusal
	good     SecretHash // the credentials that Directus accepted last
	knowing  int        // attempts with good that are under way
	refusals int        // failed attempts since the record was made
}

// refusal is what is known of credentials that Directus has refused.
type refusal struct {
	until time.Time     // Directus is not asked again before
	pause time.Duration // the last one
	half  bool          // the password was right, and a one-time code is missing
}

// failurePauses are the pauses before the next attempt from openFailures failures on. The
// first are for an owner who is trying now, the last for one who returns when the attackers
// have given up.
var failurePauses = [maxFailures - openFailures]time.Duration{
	time.Minute, time.Minute, time.Minute, 10 * time.Minute,
	time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

// check refuses an attempt that is known to fail, or that might get the account suspended;
// pending others are under way.
func (r *record) check(t *ticket, network uint32, pending int) error {
	row := t.limiter.ledger.of(t.name)
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
	since := t.limiter.ledger.now().Sub(time.Unix(row.Last, 0))
	if row.Failures >= openFailures {
		pause := failurePauses[row.Failures-openFailures]
		if !fresh {
			if row.Failures >= lateFailures {
				return limited("Too many wrong passwords for this account, which Directus would suspend. The last attempts are for networks other than yours")
			}
			pause += latePause
		}
		if since < pause {
			return limited("Too many wrong passwords for this account, which Directus would suspend. Try again in %s", wait(pause-since))
		}
	}
	if n := pending + r.knowing; n > 0 && row.Failures+n >= openFailures {
		return atOnce(ofAccount) // too many failures if all of them are wrong
	}
	atMost := maxDelay
	if fresh {
		atMost = freshPause - since
	}
	return r.quota.check(ofAccount, pending, atMost)
}

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
	return limited("Too many wrong passwords for this account, which Directus would suspend: it is not asked about others any more. Log in with a static token, or ask the administrator")
}

// pauses notes that Directus has refused credentials, and begins their pause.
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

// accountRecord finds the record of an account. The caller holds mu.
func (l *Limiter) accountRecord(name string) *record {
	r := l.accounts[name]
	if r == nil {
		prune(l.accounts, l.most, func(r *record) (time.Time, bool) { return r.used, r.pending+r.knowing > 0 })
		r = l.newRecord()
		l.accounts[name] = r
	}
	return r
}

func (l *Limiter) newRecord() *record {
	r := &record{quota: quota{bucket: l.newBucket()}, refused: map[SecretHash]*refusal{}}
	r.used = time.Now()
	return r
}
