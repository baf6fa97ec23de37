package collection

import (
	"time"

	"directus-ircd/directus"
)

// ServerNow is the earliest moment that the clock of Directus may show now, and
// the latest date that a row can have without being of the future. As long as Directus
// has not told its clock the first is zero, and the other a minute from now by ours.
func ServerNow(account *directus.Account) (now, limit time.Time, ok bool) {
	early, late, ok := account.ServerTime()
	if !ok {
		return time.Time{}, account.Now().Add(Overlap), false
	}
	return early, late.Add(time.Second), true // MySQL rounds up
}

// A dateClock tells the time by the clock of Directus, and whether Directus has told it.
type DateClock func() (now time.Time, known bool)

func ClockOf(c *directus.Client) DateClock {
	return func() (time.Time, bool) {
		_, _, known := c.ServerTime()
		return c.Now(), known
	}
}

// DateLimit is the limit of serverNow.
func DateLimit(account *directus.Account) time.Time {
	_, limit, _ := ServerNow(account)
	return limit
}

// Horizon says what dates rows can have that are not of the future.
type Horizon struct {
	Now  time.Time // the limit of serverNow
	Ever time.Time // the same of any time so far: later where the clock of Directus was set back
}

func HorizonOf(account *directus.Account) Horizon {
	h := Horizon{Now: DateLimit(account)}
	if h.Ever = h.Now; account.LatestEver().Add(time.Second).After(h.Now) {
		h.Ever = account.LatestEver().Add(time.Second)
	}
	return h
}

func Earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// EarliestSince is the earliest date that what was written in a group since a moment of ours can
// have; zero as long as Directus has not told its clock.
func EarliestSince(g *Group, account *directus.Account, moment time.Time) time.Time {
	date, known := account.EarliestSince(moment)
	switch {
	case !known:
		return time.Time{}
	case g.Dates.HaveFractions():
		return date.Truncate(time.Millisecond)
	}
	return date.Truncate(time.Second) // a message may be dated to its beginning
}
