package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// errBlind says that a message cannot be told from older ones.
var errBlind = errors.New("the collection has not been read yet")

// lateness is how long a message that can not be sent again is looked for: what
// Directus has taken just before the link broke may be seen a moment later.
const lateness = 3 * time.Second

// settle looks for a message in doubt until Directus can be asked or ctx ends.
// What Directus has answered, if only that it failed, comes no later.
func (d *delivery) settle(ctx context.Context, answered bool) (collection.Row, bool, error) {
	begin := time.Now()
	for {
		r, found, err := d.look(ctx)
		over := len(d.once) > 0 || answered || time.Since(begin) >= lateness
		if found || err == nil && over || err != nil && !errors.Is(err, directus.ErrUnavailable) {
			return r, found, err
		}
		if !d.pause(ctx) || err != nil && d.member.rt.Ready(ctx) != nil {
			return collection.Row{}, false, err
		}
	}
}

// disputed settles an error that Directus also gives for an item that it has
// stored: one already there, or one that the user may not read back.
func (d *delivery) disputed(ctx context.Context, refusal error) (collection.Row, error) {
	r, found, err := d.settle(ctx, true)
	if found {
		return r, nil
	}
	if !directus.IsCode(refusal, directus.CodeForbidden) && err == nil && !d.doubtful {
		return collection.Row{}, refusal // another field of the item has to be unique
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	may, rightsErr := d.member.rights.Now(ctx, d.feed.Group.Collection)
	switch {
	case rightsErr == nil && (may.MayNotCreate() || err == nil && may.ReadsAll()):
		return collection.Row{}, refusal // certain: nothing can be stored, or nothing is hidden
	case err == nil || collection.IsForbidden(err):
		return collection.Row{}, errors.Join(collection.ErrHidden, refusal)
	}
	d.doubtful = true
	return collection.Row{}, errors.Join(directus.ErrUnconfirmed, refusal)
}

// failed settles the error of a Directus that has failed at a message which is not to
// be seen: it is certain that it was not stored if nothing could hide it.
func (d *delivery) failed(ctx context.Context, failure error) (collection.Row, error) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	may, err := d.member.rights.Now(ctx, d.feed.Group.Collection)
	if err == nil && may.ReadsAll() {
		return collection.Row{}, failureOf(failure)
	}
	return collection.Row{}, failure
}

// afterwards gives a look at the truth a little time of its own when ctx has run
// out, because the truth is worth more than a quick answer; less when the connection
// has ended, because then the daemon stops.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	lasting := ircd.Lasting(ctx)
	stop := context.AfterFunc(lasting, func() {
		if errors.Is(lasting.Err(), context.Canceled) {
			time.AfterFunc(silentTimeout, cancel)
		}
	})
	return after, func() {
		stop()
		cancel()
	}
}

// look searches the collection for the message.
func (d *delivery) look(ctx context.Context) (r collection.Row, found bool, err error) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	filter, limit := d.once, 1
	if len(filter) == 0 {
		if d.blind {
			return collection.Row{}, false, errBlind
		}
		filter, limit = d.likely(), 20
	}
	rows, _, err := collection.ReadRows(ctx, d.member.account, d.feed.Group, directus.Query{
		Filter: filter, Sort: []string{"-" + d.channel.Fields.Date, "-" + d.channel.Fields.Key()}, Limit: limit,
	})
	if err != nil {
		return collection.Row{}, false, err
	}
	// The oldest that fits: of two equal texts in doubt the first is the one
	// that was sent first.
	for _, r := range slices.Backward(rows) {
		if len(d.once) > 0 || r.Says(d.text) && r.Recipient == d.recipient && !d.wasSeen(r.ID) && d.channel.Matches(r) {
			d.feed.Take(r)
			return r, true, nil
		}
	}
	return collection.Row{}, false, nil
}

// likely narrows the search by author and date where nothing unique does.
func (d *delivery) likely() directus.Filter {
	filter := directus.Filter{d.channel.Fields.Author: map[string]any{"_eq": "$CURRENT_USER"}}
	if d.since.IsZero() {
		return filter
	}
	return directus.And(filter, d.feed.Group.Dates.From(d.since.Add(-collection.Overlap)))
}

// wasSeen reports that a row was there before this message was sent, or that
// an earlier search took it for another.
func (d *delivery) wasSeen(id string) bool {
	return d.feed.KnewBefore(id, d.before)
}
