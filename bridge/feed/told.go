package feed

import (
	"context"
	"errors"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// maxTold and maxToldBytes bound what is kept of events while the collection is read. What
// is beyond that waits in the subscription, which has bounds of its own.
const (
	maxTold      = 256
	maxToldBytes = 1 << 20
)

// told is what the subscription has told of and is still to be used. Its owner is run.
type told struct {
	events []directus.Event // that came while the collection was read
	gap    bool             // with them
	// missed are the keys of new rows that no reading finds, as they are dated before all
	// that it looks at: by a long transaction, an import, or a clock of Directus that was
	// set back.
	missed []string
}

// size is what the events take, in bytes.
func (t *told) size() (n int) {
	for _, event := range t.events {
		for _, item := range event.Items {
			n += len(item)
		}
	}
	return n
}

// drain takes all events that have come.
func (f *Feed) drain() (events []directus.Event, gap bool) {
	events, gap = f.sub.Drain()
	events, gap = append(f.told.events, events...), gap || f.told.gap
	f.told.events, f.told.gap = nil, false
	return events, gap
}

// hear makes sure that what was written before the rows that have just been read comes in
// front of them, also where events alone tell of it.
func (f *Feed) hear(ctx context.Context) error {
	if len(f.told.events) >= maxTold || f.told.size() >= maxToldBytes {
		return nil
	}
	events, gap := f.sub.Drain()
	f.told.events, f.told.gap = append(f.told.events, events...), f.told.gap || gap
	f.noteMissed(events)
	return f.publishMissed(ctx)
}

// noteMissed keeps the keys of the new rows that no reading finds, of some events and of
// what waits for its turn.
func (f *Feed) noteMissed(events []directus.Event) {
	if !f.cursor.set {
		return
	}
	from, until, back := f.sweepable()
	if !back || until.Before(from) {
		from = until
	}
	note := func(r collection.Row) {
		if r.RawDate != "" && r.Date.Before(from) && len(f.told.missed) < maxTold && !f.hasSeen(r.ID) && !slices.Contains(f.told.missed, r.ID) {
			f.told.missed = append(f.told.missed, r.ID)
		}
	}
	for _, event := range events {
		if event.Kind == directus.EventCreate {
			for _, r := range f.parse(event.Items) {
				note(r)
			}
		}
	}
	for _, r := range f.reorder.held {
		note(r.Row)
	}
}

// hasSeen reports whether a row needs not be published any more.
func (f *Feed) hasSeen(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, seen := f.seen[id]
	return seen
}

// publishMissed publishes what no reading finds, as it is in the collection now.
func (f *Feed) publishMissed(ctx context.Context) error {
	most := max(1, collection.PageLimit(ctx, f.leader.Account(), collection.PageSize))
	for len(f.told.missed) > 0 {
		n := min(len(f.told.missed), most)
		_, err := f.publishKeyed(ctx, f.told.missed[:n], false)
		if errors.Is(err, directus.ErrTooLarge) && n > 1 {
			most = n / 2
			continue
		}
		if err != nil {
			return err
		}
		f.told.missed = slices.Delete(f.told.missed, 0, n)
	}
	f.told.missed = nil
	return nil
}
