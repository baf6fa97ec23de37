package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// errShared says that the leader of a shared list does not see every room any more.
var errShared = errors.New("the leader may not read every room any more")

// maxSingle is how many rooms that events tell of are read one by one; of more, all are read.
const maxSingle = 100

// follower reads the rooms as one reader. It belongs to the goroutine of the list.
type follower struct {
	list     *List
	reader   Reader
	members  *directus.Subscription // nil: none
	failures int                    // in a row
	undated  bool                   // the dates of rooms are not read
}

// take reads the rooms that events tell of, or all. The events are no more than a doorbell:
// each shows its room as it was when it was sent, and they may come in another order.
func (f *follower) take(ctx context.Context, events []directus.Event, all bool) error {
	news, causes := map[string]*Room{}, map[string]Cause{}
	changed, whole := f.readMembers(ctx)
	for _, id := range changed {
		news[id] = nil
	}
	for _, e := range events {
		for _, raw := range e.Items {
			var item struct{ ID json.RawMessage }
			if json.Unmarshal(raw, &item) == nil {
				news[collection.Scalar(item.ID)] = nil
			}
		}
		for _, key := range e.Keys {
			// Directus tells everybody of every deletion, so that it is looked whether the room
			// is gone.
			news[key], causes[key] = nil, Deleted
		}
	}
	delete(news, "")
	if all || whole || len(news) > collection.PageLimit(ctx, f.reader.Account(), maxSingle) {
		return f.readAll(ctx, causes)
	}
	if len(news) == 0 {
		return nil
	}
	keys := make([]string, 0, len(news))
	for id := range news {
		keys = append(keys, id)
	}
	slices.Sort(keys)
	items, err := f.read(ctx, directus.Query{Key: keyField, Keys: keys, Limit: len(keys)})
	if err != nil {
		return err
	}
	for _, item := range items {
		f.note(item, news, causes)
	}
	return f.publish(ctx, news, causes)
}

// maxMoved is how often rooms are read again at once because some were made or deleted meanwhile.
const maxMoved = 3

// readAll reads all rooms, page by page. Where the reader may read every room, those that are not
// there, archived or not, were deleted.
func (f *follower) readAll(ctx context.Context, causes map[string]Cause) error {
	for moved := 0; ; moved++ {
		now, _, _ := f.list.Now()
		news, all := unreadable(now), map[string]bool{}
		limit, read := f.list.rooms.Current().Limit, 0
		err := collection.ReadItems(ctx, f.reader.Account(), f.list.rooms.Collection, keyField, directus.Query{Fields: f.fields()}, limit, func(item map[string]json.RawMessage) {
			if read++; read <= limit {
				f.note(item, news, causes)
			}
			all[collection.Scalar(item[keyField])] = true
		})
		switch {
		case errors.Is(err, collection.ErrMoved) && moved < maxMoved, f.refusesDates(err):
			continue
		case err != nil:
			return fmt.Errorf("read the rooms: %w", err)
		case read > limit:
			f.reader.Log().Warn().Int("limit", limit).Str("collection", f.list.rooms.Collection).
				Msg("there are more rooms than rooms.limit allows: the last ones are not shown")
		}
		if err := f.publish(ctx, news, causes); err != nil {
			return err
		}
		if f.list.key.Owner == nil && read <= limit {
			f.list.rooms.retain(all)
		}
		return nil
	}
}

func (f *follower) read(ctx context.Context, q directus.Query) ([]map[string]json.RawMessage, error) {
	var items []map[string]json.RawMessage
	q.Fields = f.fields()
	err := f.reader.Account().Items(ctx, f.list.rooms.Collection, q, &items)
	if f.refusesDates(err) {
		return f.read(ctx, q)
	}
	if err != nil {
		return nil, fmt.Errorf("read the rooms: %w", err)
	}
	return items, nil
}

// fields are those of a room that are read, with its dates where the reader may read them.
func (f *follower) fields() []string {
	fields := f.list.rooms.queryOf(f.reader)
	if !f.undated {
		fields = append(fields, f.list.rooms.datesFor(f.reader)...)
	}
	return fields
}

// refusesDates notes that Directus refuses the dates, if it does: a room can do without.
func (f *follower) refusesDates(err error) bool {
	if f.undated || !collection.IsForbidden(err) || len(f.list.rooms.datesFor(f.reader)) == 0 {
		return false
	}
	f.undated = true
	return true
}

// note adds to news the room of an item, and to causes that it is archived.
func (f *follower) note(item map[string]json.RawMessage, news map[string]*Room, causes map[string]Cause) {
	room, archived, ok := f.list.rooms.parse(item)
	switch {
	case !ok:
		f.reader.Log().Debug().Str("collection", f.list.rooms.Collection).Msg("a room cannot be read whole, and is not shown")
	case archived:
		news[room.ID], causes[room.ID] = nil, Archived
	default:
		f.list.rooms.dated(room, item)
		news[room.ID] = room
	}
}

// fail notes why the rooms cannot be read. A list of one reader is empty from then on if that is
// for want of the right, by what is known of that; a shared one is left by its leader when it is.
func (f *follower) fail(err error) {
	if f.list.key.Owner == nil || !collection.IsForbidden(err) || f.reader.Reads(f.list.rooms.Collection, keyField) {
		f.list.set(nil, nil, err)
		return
	}
	now, _, _ := f.list.Now()
	f.list.set(unreadable(now), nil, nil)
}

// unreadable are the rooms of a listing, which may be nil, all of them gone.
func unreadable(l *Listing) map[string]*Room {
	news := map[string]*Room{}
	if l != nil {
		for id := range l.Rooms {
			news[id] = nil
		}
	}
	return news
}

// publish replaces rooms of the list. Before rooms vanish from a shared list for no reason that
// is known, it makes sure that the leader still sees what all may see.
func (f *follower) publish(ctx context.Context, news map[string]*Room, causes map[string]Cause) error {
	now, _, _ := f.list.Now()
	if now != nil && f.list.key.Owner == nil {
		for id, room := range news {
			if _, known := causes[id]; room == nil && !known && now.Rooms[id] != nil && !f.reader.Shares(ctx) {
				f.list.rung.Ring()
				return errShared
			}
		}
	}
	f.list.set(news, causes, nil)
	return nil
}
