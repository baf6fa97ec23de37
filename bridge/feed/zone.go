package feed

import (
	"directus-ircd/bridge/collection"
	"time"
)

// zoneDoubt is how far the date of a message that was just stored may be from the clock
// of Directus; zones are a quarter of an hour apart at least.
const zoneDoubt = 10 * time.Minute

// CheckZone says once if Directus turns out to write its dates in another time zone
// than it is configured: then all times are wrong by the difference. The row was stored
// a moment ago. It may be called from any goroutine.
func (f *Feed) CheckZone(r collection.Row) {
	if r.RawDate == "" || collection.IsDay(r.RawDate) || !collection.IsLocal(r.RawDate) {
		return
	}
	f.mu.Lock()
	account, log := f.carrier.Account(), f.carrier.Log()
	f.mu.Unlock()
	_, _, known := collection.ServerNow(account)
	off := r.Date.Sub(account.Now())
	if !known || off.Abs() < zoneDoubt || !f.Group.Dates.Doubt() {
		return
	}
	log.Error().Str("collection", f.Group.Collection).Str("field", f.Group.Fields.Date).
		Stringer("off", off.Round(15*time.Minute)).
		Msg("Directus writes these dates in another time zone: set directus.timezone to the one that Directus runs in (its TZ), or make the field a timestamp")
}
