package bridge

import "time"

// zoneDoubt is how far the date of a message that was just stored may be from the clock
// of Directus; zones are a quarter of an hour apart at least.
const zoneDoubt = 10 * time.Minute

// checkZone says once if Directus turns out to write its dates in another time zone
// than it is configured: then all times are wrong by the difference. The row was stored
// a moment ago. It may be called from any goroutine.
func (f *feed) checkZone(r row) {
	if r.rawDate == "" || isDay(r.rawDate) || !isLocal(r.rawDate) {
		return
	}
	f.mu.Lock()
	account, log := f.carrier.account, f.carrier.log
	f.mu.Unlock()
	_, _, known := serverNow(account)
	off := r.date.Sub(account.Now())
	if !known || off.Abs() < zoneDoubt || !f.group.dates.doubt() {
		return
	}
	log.Error().Str("collection", f.group.collection).Str("field", f.group.fields.Date).
		Stringer("off", off.Round(15*time.Minute)).
		Msg("Directus writes these dates in another time zone: set directus.timezone to the one that Directus runs in (its TZ), or make the field a timestamp")
}

// isLocal recognises a date that does not say its zone.
func isLocal(raw string) bool {
	_, err := time.Parse(time.RFC3339Nano, raw)
	return err != nil
}

// doubt reports whether nobody has said yet that the zone is wrong.
func (d *dates) doubt() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.doubted
	d.doubted = true
	return first
}
