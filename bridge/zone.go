package bridge

import "time"

// zoneDoubt is how far the date of a message that was just stored may be from the clock
// of Directus; zones are a quarter of an hour apart at least.
const zoneDoubt = 10 * time.Minute

// checkZone says once if Directus turns out to write its dates in another time zone
// than it is configured: then all times are wrong by the difference. The row was stored
// a moment ago. It may be called from any goroutine.
func (f *feed) checkZone(r Row) {
	if r.RawDate == "" || IsDay(r.RawDate) || !IsLocal(r.RawDate) {
		return
	}
	f.mu.Lock()
	account, log := f.carrier.account, f.carrier.log
	f.mu.Unlock()
	_, _, known := ServerNow(account)
	off := r.Date.Sub(account.Now())
	if !known || off.Abs() < zoneDoubt || !f.group.Dates.Doubt() {
		return
	}
	log.Error().Str("collection", f.group.Collection).Str("field", f.group.Fields.Date).
		Stringer("off", off.Round(15*time.Minute)).
		Msg("Directus writes these dates in another time zone: set directus.timezone to the one that Directus runs in (its TZ), or make the field a timestamp")
}

// IsLocal recognises a date that does not say its zone.
func IsLocal(raw string) bool {
	_, err := time.Parse(time.RFC3339Nano, raw)
	return err != nil
}

// Doubt reports whether nobody has said yet that the zone is wrong.
func (d *Dates) Doubt() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.doubted
	d.doubted = true
	return first
}
