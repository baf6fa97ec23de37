package bridge

import (
	"context"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// borders turns the positions of a query into borders. The first error stays.
type borders struct {
	*historian
	ctx context.Context
	err error
}

// inFrontOf is nil for the position "*".
func (b *borders) inFrontOf(p ircd.Position) *collection.Bound { return b.at(p, false) }

// behind is nil for the position "*".
func (b *borders) behind(p ircd.Position) *collection.Bound { return b.at(p, true) }

func (b *borders) at(p ircd.Position, behind bool) *collection.Bound {
	switch {
	case b.err != nil || p == ircd.Position{}:
		return nil
	case p.MsgID != "":
		id, date, ok := collection.ParseMessageID(p.MsgID)
		if !ok {
			b.err = badReference(b.name)
			return nil
		}
		return &collection.Bound{Date: date, ID: id, Behind: behind}
	}
	// A millisecond is the smallest step: what is stored behind the time, but
	// within its millisecond, is shown under it.
	at := p.Time.UTC().Truncate(time.Millisecond)
	if unit := b.group.Dates.Unit(); unit == collection.Day && at.Sub(at.Truncate(unit)) > (collection.MaxRank+1)*time.Millisecond {
		// Of a day nobody knows what was said before and what behind a time: all of it
		// is on the side that is asked for.
		if at = at.Truncate(unit); !behind {
			at = at.Add(unit)
		}
		return &collection.Bound{Date: at}
	}
	if behind {
		at = at.Add(time.Millisecond)
	}
	border, err := b.inFrontOfTime(b.ctx, at)
	if err != nil {
		b.err = err
		return nil
	}
	return &border
}

// inFrontOfTime is the border in front of what is shown at a time or later. Where
// dates come in whole seconds, it may be between two rows of one date.
func (h *historian) inFrontOfTime(ctx context.Context, at time.Time) (collection.Bound, error) {
	second := at.Truncate(max(time.Second, h.group.Dates.Unit()))
	ranks := int(at.Sub(second) / time.Millisecond)
	if ranks == 0 || ranks > collection.MaxRank+1 || h.group.Dates.HaveFractions() {
		return collection.Bound{Date: at}, nil
	}
	keys, err := h.firstKeys(ctx, h.group.Dates.Of(second))
	if err != nil || len(keys) <= ranks {
		return collection.Bound{Date: at}, err
	}
	slices.SortStableFunc(keys, collection.CompareIDs)
	return collection.Bound{Date: second, ID: keys[ranks-1], Behind: true}, nil
}

// inFront counts the rows in front of one in its date, as far as that makes a
// difference to its time.
func (h *historian) inFront(ctx context.Context, r collection.Row) (int, error) {
	part := h.group.Dates.Of(r.Date)
	if r.HasNumber() {
		part = directus.And(part, directus.Compare(h.group.Fields.Key(), "_lt", r.Key))
	}
	keys, err := h.firstKeys(ctx, part)
	keys = slices.DeleteFunc(keys, func(id string) bool { return collection.CompareIDs(id, r.ID) >= 0 })
	return len(keys), err
}

// firstKeys reads the first keys of a part of the history, at least one more than
// there are milliseconds behind a second.
func (h *historian) firstKeys(ctx context.Context, part directus.Filter) ([]string, error) {
	return collection.ReadKeys(ctx, h.member.account, h.group, directus.And(h.filter, part), collection.MaxRank)
}
