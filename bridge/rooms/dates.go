package rooms

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// The fields in which Directus itself dates an item. A collection has them if whoever made it
// wanted them.
const (
	CreatedField = "date_created"
	UpdatedField = "date_updated"
)

var dateFields = []string{CreatedField, UpdatedField}

// dates is what is known of the fields that date a room.
type dates struct {
	turn  *semaphore.Weighted // held while Directus is asked
	there atomic.Pointer[map[string]bool]
}

// HasDate reports whether the rooms have one of the fields that date them. It is false before
// LearnDates has found out.
func (r *Rooms) HasDate(field string) bool {
	there := r.dates.there.Load()
	return there != nil && (*there)[field]
}

// LearnDates finds out which fields date the rooms, unless that is known. It asks as a user who may
// read them by all that is known, and does not find out while that user can read no room.
func (r *Rooms) LearnDates(ctx context.Context, account *directus.Account) error {
	if r.dates.there.Load() != nil {
		return nil
	}
	if err := r.dates.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.dates.turn.Release(1)
	if r.dates.there.Load() != nil {
		return nil
	}
	there := map[string]bool{}
	for _, field := range dateFields {
		var items []map[string]json.RawMessage
		err := account.Items(ctx, r.Collection, directus.Query{Fields: []string{keyField, field}, Limit: 1}, &items)
		switch {
		case collection.IsForbidden(err): // what Directus says of a field that there is not
		case err != nil:
			return err
		case len(items) == 0:
			return nil
		default:
			_, there[field] = items[0][field] // Directus 10 leaves out what there is not
		}
	}
	r.dates.there.Store(&there)
	return nil
}

// datesFor are the fields with dates that a reader may read.
func (r *Rooms) datesFor(m Reader) (fields []string) {
	for _, field := range dateFields {
		if r.HasDate(field) && m.Reads(r.Collection, field) {
			fields = append(fields, field)
		}
	}
	return fields
}

// dated notes the dates of an item in its room.
func (r *Rooms) dated(room *Room, item map[string]json.RawMessage) {
	for field, at := range map[string]*atomic.Int64{CreatedField: &room.created, UpdatedField: &room.updated} {
		if date := collection.ParseDateIn(collection.Scalar(item[field]), r.Groups[0].Dates.Zone); !date.IsZero() {
			at.Store(date.Unix())
		}
	}
}

// Created is when the room was made, to the second; zero if that is not known.
func (r *Room) Created() time.Time { return secondOf(&r.created) }

// Updated is when anything about the room was changed last, to the second; zero if it never was, or
// that is not known.
func (r *Room) Updated() time.Time { return secondOf(&r.updated) }

func secondOf(at *atomic.Int64) time.Time {
	if s := at.Load(); s != 0 {
		return time.Unix(s, 0)
	}
	return time.Time{}
}

// is reports whether two rooms are the same for those who are in them, whatever their dates.
func (r *Room) is(o *Room) bool {
	return r.ID == o.ID && r.Name == o.Name && r.Topic == o.Topic && r.slug == o.slug
}

// redate takes the dates of the same room read anew.
func (r *Room) redate(o *Room) {
	r.created.Store(o.created.Load())
	r.updated.Store(o.updated.Load())
}
