package bridge

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// alterTimeout is how long a change of a stored item may take, with the look for
// it before, so that what the client sends behind it does not wait for long.
const alterTimeout = 8 * time.Second

// attempt does something that asks Directus, within a limit of time; not at all
// while that is known to be in vain, so that many of it do not hold up what the
// client sends behind.
func (m *member) attempt(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	patience := m.patience(directus.State{})
	if patience == 0 {
		return directus.ErrNotConnected
	}
	limited, cancel := context.WithTimeout(ctx, min(patience, limit))
	defer cancel()
	err := do(limited)
	m.setSilent(limited.Err() != nil && ctx.Err() == nil, min(patience, limit))
	return err
}

// changeAlone is attempt for what looks first and changes something then: of what two
// connections of a user want at the same time, the second finds what the first has
// done.
func (m *member) changeAlone(ctx context.Context, do func(context.Context) error) error {
	return m.attempt(ctx, alterTimeout, func(ctx context.Context) error {
		if err := m.changing.Acquire(ctx, 1); err != nil {
			return errors.Join(directus.ErrNotConnected, err)
		}
		defer m.changing.Release(1)
		return do(ctx)
	})
}

// change is a write whose outcome can be looked up.
type change struct {
	do   func(context.Context) error
	done func(context.Context) (bool, error) // looks; an error says that nobody knows
	undo func()                              // takes back what was noted of it before; nil: nothing was
}

// confirm makes a change. Where no answer comes it looks what became of it; ErrUnconfirmed
// says that it is perhaps done. What surely did not happen is undone.
func (c change) confirm(ctx context.Context) error {
	err := c.do(ctx)
	if errors.Is(err, directus.ErrUnconfirmed) {
		after, cancel := afterwards(ctx)
		defer cancel()
		switch done, unknown := c.done(after); {
		case unknown == nil && done:
			return nil
		case unknown == nil && !mayFollow(err):
			err = failureOf(err)
		}
	}
	if err != nil && c.undo != nil && !errors.Is(err, directus.ErrUnconfirmed) {
		c.undo()
	}
	return err
}

// mayFollow reports that Directus may do later what it was asked for, whatever a look
// finds now: it took too long, the connection broke behind the request, or a proxy has
// answered in its place, which may have passed the request on.
func mayFollow(err error) bool {
	if answer, ok := errors.AsType[*directus.Error](err); ok {
		return answer.InDoubt()
	}
	dialing, ok := errors.AsType[*net.OpError](err)
	return !errors.Is(err, directus.ErrNotConnected) && !(ok && dialing.Op == "dial")
}

// failedAt reports that Directus answered, and what it answered is that it failed: by
// a Flow that throws, by a constraint of its database, or without its database.
func failedAt(err error) bool { return directus.IsCode(err, directus.CodeInternal) }

// errFailed says that Directus failed at something, which surely did not happen.
var errFailed = errors.New("directus failed at it")

// failureOf is the error of what surely did not happen: what Directus answered, or
// that it did not.
func failureOf(err error) error {
	if refusal, ok := errors.AsType[*directus.Error](err); ok && failedAt(err) {
		return errors.Join(errFailed, refusal)
	}
	return directus.ErrNotConnected
}

// unanswered reports an error that is no answer of Directus: for one, that nobody waits
// for it any more.
func unanswered(err error) bool {
	return errors.Is(err, directus.ErrUnavailable) || errors.Is(err, directus.ErrNotConnected) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// maxDoubts is how many doubts are remembered for the operator.
const maxDoubts = 20

// Doubt is a message whose creation Directus did not answer, and what was found out of it.
type Doubt struct {
	UserID, Collection string
	Took               time.Duration // from the first attempt to the outcome
	Outcome            string        // "stored", "not stored" or "unknown"
	Ago                time.Duration // since the outcome

	at time.Time // of the outcome
}

// doubts counts messages in doubt by what became of them, and remembers the last ones.
type doubts struct {
	stored, absent, open atomic.Int64

	mu   sync.Mutex // a leaf lock
	last []Doubt    // the newest is the last; at most maxDoubts; guarded by mu
}

// settled notes a message of which it is known by now how it ended, as far as it can be known.
func (c *doubts) settled(d Doubt, err error) {
	counter := &c.absent
	d.Outcome, d.at = "not stored", time.Now()
	switch {
	case err == nil:
		counter, d.Outcome = &c.stored, "stored"
	case errors.Is(err, directus.ErrUnconfirmed), errors.Is(err, collection.ErrHidden):
		counter, d.Outcome = &c.open, "unknown"
	}
	counter.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) == maxDoubts {
		c.last = slices.Delete(c.last, 0, 1)
	}
	c.last = append(c.last, d)
}

// list returns the last ones, the newest first.
func (c *doubts) list() []Doubt {
	c.mu.Lock()
	list := slices.Clone(c.last)
	c.mu.Unlock()
	slices.Reverse(list)
	for i := range list {
		list[i].Ago = time.Since(list[i].at)
	}
	return list
}

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
	seesAll := rightsErr == nil && may.ReadsAll()
	switch {
	case rightsErr == nil && may.MayNotCreate(), err == nil && seesAll && !d.doubtful:
		return collection.Row{}, refusal // certain: nothing can be stored, or nothing is hidden
	case err == nil && seesAll: // an earlier attempt may come through yet
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
		if len(d.once) > 0 || r.Says(d.text) && r.Recipient == d.recipient && !d.feed.KnewBefore(r.ID, d.before) && d.channel.Matches(r) {
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
