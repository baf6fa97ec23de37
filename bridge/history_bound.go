package bridge

import (
	"context"
	"slices"
	"time"

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
func (b *borders) inFrontOf(p ircd.Position) *border { return b.at(p, false) }

// behind is nil for the position "*".
func (b *borders) behind(p ircd.Position) *border { return b.at(p, true) }

func (b *borders) at(p ircd.Position, behind bool) *border {
	switch {
	case b.err != nil || p == ircd.Position{}:
		return nil
	case p.MsgID != "":
		id, date, ok := parseMessageID(p.MsgID)
		if !ok {
			b.err = badReference(b.name)
			return nil
		}
		return &border{date: date, id: id, behind: behind}
	}
	// A millisecond is the smallest step: what is stored behind the time, but
	// within its millisecond, is shown under it.
	at := p.Time.UTC().Truncate(time.Millisecond)
	if unit := b.group.dates.unit(); unit == day && at.Sub(at.Truncate(unit)) > (maxRank+1)*time.Millisecond {
		// Of a day nobody knows what was said before and what behind a time: all of it
		// is on the side that is asked for.
		if at = at.Truncate(unit); !behind {
			at = at.Add(unit)
		}
		return &border{date: at}
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
func (h *historian) inFrontOfTime(ctx context.Context, at time.Time) (border, error) {
	second := at.Truncate(max(time.Second, h.group.dates.unit()))
	ranks := int(at.Sub(second) / time.Millisecond)
	if ranks == 0 || ranks > maxRank+1 || h.group.dates.areFine() {
		return border{date: at}, nil
	}
	keys, err := h.firstKeys(ctx, h.group.dates.of(second))
	if err != nil || len(keys) <= ranks {
		return border{date: at}, err
	}
	slices.SortStableFunc(keys, compareIDs)
	return border{date: second, id: keys[ranks-1], behind: true}, nil
}

// inFront counts the rows in front of one in its date, as far as that makes a
// difference to its time.
func (h *historian) inFront(ctx context.Context, r row) (int, error) {
	part := h.group.dates.of(r.date)
	if r.hasNumber() {
		part = directus.And(part, directus.Compare(h.group.fields.key(), "_lt", r.key))
	}
	keys, err := h.firstKeys(ctx, part)
	keys = slices.DeleteFunc(keys, func(id string) bool { return compareIDs(id, r.id) >= 0 })
	return len(keys), err
}

// firstKeys reads the first keys of a part of the history, at least one more than
// there are milliseconds behind a second.
func (h *historian) firstKeys(ctx context.Context, part directus.Filter) ([]string, error) {
	return readKeys(ctx, h.member.account, h.group, directus.And(h.filter, part), maxRank)
}
