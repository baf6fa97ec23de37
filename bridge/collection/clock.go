package collection

import (
	"time"

	"directus-ircd/directus"
)

// ServerNow returns the earliest time that the clock of Directus may show now, and the
// latest date that a row can have without lying in the future. ok is false until Directus
// has sent its time: then now is zero, and limit is a minute ahead of our own clock.
func ServerNow(account *directus.Account) (now, limit time.Time, ok bool) {
	early, late, ok := account.ServerTime()
	if !ok {
		return time.Time{}, account.Now().Add(Overlap), false
	}
	return early, late.Add(time.Second), true // MySQL rounds up
}

// DateLimit returns the limit of ServerNow.
func DateLimit(account *directus.Account) time.Time {
	_, limit, _ := ServerNow(account)
	return limit
}

// Horizon tells dates of the past from dates of the future.
type Horizon struct {
	Now  time.Time // the limit of ServerNow
	Ever time.Time // the latest that Now has ever been: later than Now if the clock of Directus was set back
}

// HorizonOf returns the horizon of an account's Directus at this moment.
func HorizonOf(account *directus.Account) Horizon {
	h := Horizon{Now: DateLimit(account)}
	if h.Ever = h.Now; account.LatestEver().Add(time.Second).After(h.Now) {
		h.Ever = account.LatestEver().Add(time.Second)
	}
	return h
}

// Earlier returns the earlier of two times.
func Earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// EarliestSince returns the earliest date that a row can have which was written to the
// group after moment, a time of our own clock; zero until Directus has sent its time.
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
