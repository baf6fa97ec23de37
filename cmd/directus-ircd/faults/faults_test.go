package faults

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
)

var (
	length = flag.Duration("faults.for", 0, "how long to commit faults; 0: each of them once")
	only   = flag.String("faults.run", "", "commit only faults whose names match this regular expression")
	least  = flag.Int("faults.messages", 2000, "how many messages are sent at least, however few faults a run has")
	seed   = flag.Uint64("faults.seed", 0, "order of the faults; 0: any")
)

// patience is how long the messages of a run may take on a slow machine.
const patience = 10 * time.Minute

// Whatever breaks, every message is stored once or its sender told, and shown once to everybody who may read it, in order,
// under the right name, and to nobody else.
func TestFaults(t *testing.T) {
	directustest.SkipShort(t)
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("again: -faults.for=%v -faults.seed=%d", *length, *seed)
	w := newWorld(t, *seed)
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		w.wg.Wait()
	}()
	w.start(ctx)
	var until time.Time
	if *length > 0 {
		until = time.Now().Add(*length)
	}
	w.play(ctx, until)
	w.finish(ctx, cancel)

	sum := w.judge()
	w.print(sum)
	if sum.lost+sum.doubled+sum.disordered+sum.stranger+sum.leaked+sum.untrue+sum.handed > 0 {
		t.Errorf("a promise is broken, see notes.log among the artifacts (go test -artifacts)")
	}
}

// finish lets the writers come to their end and the readers see all of it, and ends the clients.
func (w *world) finish(ctx context.Context, cancel context.CancelFunc) {
	if !w.givenUp && !w.book.await(ctx, patience, func() bool { return len(w.book.letters) >= *least }) {
		w.fail("fewer than %d messages after %v", *least, w.since())
	}
	w.settle(ctx, "at the end")
	w.stop()
	if !w.book.await(ctx, w.patience(), func() bool {
		for _, l := range w.book.letters {
			if l.outcome == pending {
				return false
			}
		}
		return true
	}) {
		w.fail("some writers do not know of their last message")
	}
	w.showAll(ctx)
	cancel()
	w.wg.Wait()
}

// showAll waits until every reader was shown all that is stored: on its last connection, if it is shown a backlog on each,
// which may come some seconds behind the JOIN when all come back at once.
func (w *world) showAll(ctx context.Context) {
	for _, channel := range channels {
		store := w.readAll(collectionOf(channel))
		shown := func() bool {
			for _, r := range w.readers {
				seen := r.seen
				if r.device == "" && r.style != paging && !r.told[channel] {
					seen = r.lastSeen(channel)
				}
				for k := range store.of {
					if !seen[k] && w.mayRead(r.person, k, channel) {
						return false
					}
				}
			}
			return true
		}
		if !w.book.await(ctx, w.patience(), shown) {
			w.givenUp = true
			w.note("%s: some readers were not shown everything", channel)
		}
	}
}
