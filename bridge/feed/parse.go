package feed

import (
	"encoding/json"
	"time"

	"directus-ircd/bridge/collection"
)

// parse makes rows of the items of an event. It leaves out objects that are no items:
// Directus 10 sends empty ones for rows whose fields may not be read.
func (f *Feed) parse(items []json.RawMessage) []collection.Row {
	rows := make([]collection.Row, 0, len(items))
	for _, raw := range items {
		r, err := f.Group.Parse(raw)
		if err != nil {
			f.gap = true
			continue
		}
		if !f.Group.Concerns(r, f.leader.Account().ID()) {
			continue
		}
		rows = append(rows, f.Dated(r))
	}
	return rows
}

// maxFirst is how many rows without a date, or with a day alone, are remembered with the
// moment at which they came.
const maxFirst = 256

// Dated dates a row that has just been stored if Directus does not date it, or only to the
// day: the best guess is the moment at which the feed saw it first.
func (f *Feed) Dated(r collection.Row) collection.Row {
	if !r.Date.IsZero() && !collection.IsDay(r.RawDate) {
		return r
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.first[r.ID]
	if !known {
		if f.first == nil || len(f.first) >= maxFirst {
			f.first = map[string]time.Time{}
		}
		at = f.clock().UTC().Truncate(time.Millisecond)
		f.first[r.ID] = at
	}
	if r.Date.IsZero() {
		r.Date = at
	} else {
		r.Seen = at
	}
	return r
}

// zoneDoubt is how far the date of a message that was just stored may be from the clock of
// Directus before its time zone is doubted; zones are at least a quarter of an hour apart.
const zoneDoubt = 10 * time.Minute

// CheckZone logs, once, that Directus writes its dates in another time zone than the
// configured one, so that all times are wrong by the difference. The row must have been stored
// a moment ago.
func (f *Feed) CheckZone(r collection.Row) {
	if r.RawDate == "" || collection.IsDay(r.RawDate) || !collection.IsLocal(r.RawDate) {
		return
	}
	f.mu.Lock()
	account, log := f.leader.Account(), f.leader.Log()
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
