package bridge

import (
	"time"

	"directus-ircd/directus"
)

// serverNow is the earliest moment that the clock of Directus may show now, and
// the latest date that a row can have without being of the future. As long as Directus
// has not told its clock the first is zero, and the other a minute from now by ours.
func serverNow(account *directus.Account) (now, limit time.Time, ok bool) {
	early, late, ok := account.ServerTime()
	if !ok {
		return time.Time{}, account.Now().Add(overlap), false
	}
	return early, late.Add(time.Second), true // MySQL rounds up
}

// A dateClock tells the time by the clock of Directus, and whether Directus has told it.
type dateClock func() (now time.Time, known bool)

func clockOf(c *directus.Client) dateClock {
	return func() (time.Time, bool) {
		_, _, known := c.ServerTime()
		return c.Now(), known
	}
}

// dateLimit is the limit of serverNow.
func dateLimit(account *directus.Account) time.Time {
	_, limit, _ := serverNow(account)
	return limit
}

// horizon says what dates rows can have that are not of the future.
type horizon struct {
	now  time.Time // the limit of serverNow
	ever time.Time // the same of any time so far: later where the clock of Directus was set back
}

func horizonOf(account *directus.Account) horizon {
	h := horizon{now: dateLimit(account)}
	if h.ever = h.now; account.LatestEver().Add(time.Second).After(h.now) {
		h.ever = account.LatestEver().Add(time.Second)
	}
	return h
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
