package feed

import (
	"context"
	"errors"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// maxTold and maxToldBytes bound the events kept while the collection is read. Further events
// wait in the subscription, which has bounds of its own.
const (
	maxTold      = 256
	maxToldBytes = 1 << 20
)

// told holds events that were taken from the subscription and are still to be applied. It
// belongs to run.
type told struct {
	events []directus.Event // that came while the collection was read
	gap    bool             // with them
	// missed are the keys of new rows that no reading finds, because their dates are before
	// all that it looks at: they come from a long transaction, an import, or a clock of
	// Directus that was set back.
	missed []string
}

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

// hear takes the events that came during a reading and publishes the rows that only events
// tell of, so that they come before the rows that have just been read.
func (f *Feed) hear(ctx context.Context) error {
	if len(f.told.events) >= maxTold || f.told.size() >= maxToldBytes {
		return nil
	}
	events, gap := f.sub.Drain()
	f.told.events, f.told.gap = append(f.told.events, events...), f.told.gap || gap
	f.noteMissed(events)
	return f.publishMissed(ctx)
}

// noteMissed keeps the keys of new rows that no reading finds, from some events and from the
// reorder buffer.
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
