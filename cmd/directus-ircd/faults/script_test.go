package faults

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"time"
)

const (
	// brief is an outage that a sender is not to notice: shorter than the daemon waits for Directus with a message, 10 s.
	brief = 3 * time.Second
	// lasting is one that every sender is told of, longer than every time limit of the daemon, of which the longest are
	// 16 s, and than an access token, also where a busy machine makes the daemon some seconds late.
	lasting = 22 * time.Second
	// recovery is how long everything that was stored may take to every reader once all is well.
	recovery = 3 * time.Minute
	// healthy is how soon all is well on a machine that is fast enough for a brief fault to be just that.
	healthy = 5 * time.Second
	// reconnection is enough for the daemon to be connected again, on such a machine.
	reconnection = time.Second / 2
	// lateness is how much later than the path breaks a message may arrive.
	lateness = time.Second / 2
)

// play commits all faults once, in random order, and goes on for as long as it is told.
func (w *world) play(ctx context.Context, until time.Time) {
	list := slices.Concat(faults, w.deploymentFaults())
	if time.Now().Before(until) || *only != "" {
		list = append(list, longFaults...)
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		w.t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(f fault) bool { return !wanted.MatchString(f.name) })
	w.settle(ctx, "at the beginning")
	for {
		w.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for i, f := range list {
			if w.givenUp || ctx.Err() != nil {
				return
			}
			begin := time.Now()
			if f.brief && !w.settle(ctx, "before "+f.name) { // how fast the machine is
				return
			}
			if i%2 == 0 && !f.whole && !f.told {
				w.cutClients()
			}
			f.brief = f.brief && time.Since(begin) < healthy
			w.commit(ctx, f)
		}
		if !time.Now().Before(until) {
			return
		}
	}
}

// commit commits a fault and looks at what the senders are told meanwhile.
func (w *world) commit(ctx context.Context, f fault) {
	told, doubts, ended := w.toldBefore()
	w.tell("%s", f.name)
	w.book.fault(f.name)
	begin := time.Now()
	f.commit(ctx, w)
	took := time.Since(begin)
	w.tell("%s: mended after %v", f.name, took.Round(time.Millisecond))
	well := w.settle(ctx, "after "+f.name)
	w.book.do(func() { w.book.spans = append(w.book.spans, span{begin, time.Now()}) })
	if !well || !f.brief && !f.told {
		return
	}
	if slow := w.slowest(begin, time.Now()); f.brief && slow > tooSlow {
		w.note("%s: Directus itself took %v with a message: what senders were told is not judged", f.name, slow)
		return
	}
	w.book.do(func() {
		for _, x := range w.writers {
			if (key{x.name, 0}).barred() {
				continue
			}
			told := w.book.told[x.name] - told[x.name]
			if f.told && told == 0 {
				w.fail("%s for %v: %s was told nothing", f.name, took, x.name)
			}
			if f.cuts {
				told -= w.book.doubts[x.name] - doubts[x.name]
			}
			if !f.brief {
				continue
			}
			// A cut can take the answer to a renewal of the session along, which ends it.
			over := x.person.sessionsEnded() - ended[x.person]
			if over == 0 {
				w.book.brief = append(w.book.brief, spell{x.name, begin, time.Now()})
			}
			if told > over {
				words := w.book.words[x.name]
				w.fail("%s for %v: %s was told %d times that a message is not, or perhaps, sent: %q", f.name, took, x.name, told, words[max(0, len(words)-told):])
			}
		}
	})
}

// toldBefore is what the writers over IRC were told so far, and how many sessions of theirs have ended.
func (w *world) toldBefore() (told, doubts map[string]int, ended map[*person]int) {
	w.book.do(func() { told, doubts = maps.Clone(w.book.told), maps.Clone(w.book.doubts) })
	ended = map[*person]int{}
	for _, x := range w.writers {
		ended[x.person] = x.person.sessionsEnded()
	}
	return told, doubts, ended
}

// patience is recovery, or little once that was in vain.
func (w *world) patience() time.Duration {
	if w.givenUp {
		return healthy
	}
	return recovery
}

// settle waits until every writer has stored a message, and every reader has been shown what was stored before now.
func (w *world) settle(ctx context.Context, when string) bool {
	begin := time.Now()
	fresh := func() bool {
		heard := map[string]bool{}
		for k, l := range w.book.letters {
			if l.outcome == stored && l.asked.After(begin) {
				heard[k.writer] = true
			}
		}
		return len(heard) == w.countWriters()
	}
	if !w.book.await(ctx, w.patience(), fresh) {
		if w.givenUp = true; ctx.Err() == nil {
			w.fail("%s: some writers have not stored a message for %v", when, time.Since(begin))
		}
		return false
	}
	lacking := map[string][]key{}
	w.book.do(func() {
		for _, r := range w.readers {
			for k, l := range w.book.letters {
				if l.outcome == stored && w.mayRead(r.person, k, l.channel) && !r.told[l.channel] {
					lacking[r.name] = append(lacking[r.name], k)
				}
			}
		}
	})
	shown := func() bool {
		for _, r := range w.readers {
			lacking[r.name] = slices.DeleteFunc(lacking[r.name], func(k key) bool { return r.seen[k] })
			if len(lacking[r.name]) == 0 {
				delete(lacking, r.name)
			}
		}
		return len(lacking) == 0
	}
	if !w.book.await(ctx, w.patience(), shown) {
		if w.givenUp = true; ctx.Err() == nil {
			w.fail("%s: messages that are missing %v after they were stored, by reader: %v", when, time.Since(begin), lacking)
			w.book.do(func() {
				for _, r := range w.readers {
					if len(lacking[r.name]) > 0 {
						w.tell("%s was told at last: %q", r.name, r.no)
					}
				}
			})
		}
		return false
	}
	w.note("%s: all is well after %v", when, time.Since(begin))
	w.lookAtCache(ctx)
	return true
}

// tooSlow is how long Directus may take with a message that does not go through the daemon, on a machine that is fast
// enough for a brief fault to be brief.
const tooSlow = 2 * time.Second

// slowest is how long Directus took with such a message at most that was under way between two moments.
func (w *world) slowest(from, to time.Time) (most time.Duration) {
	w.book.do(func() {
		for _, l := range w.book.letters {
			if l.outcome == stored && l.known.After(from) && l.asked.Before(to) && slices.ContainsFunc(w.directs, func(d *directWriter) bool { return d.name == l.key.writer }) {
				most = max(most, l.known.Sub(l.asked))
			}
		}
	})
	return most
}

// countWriters is how many writers there are whose messages are stored.
func (w *world) countWriters() int {
	n := len(w.directs)
	for _, x := range w.writers {
		if !(key{x.name, 0}).barred() {
			n++
		}
	}
	return n
}

// cutClients pulls the cables of somebody and of somebody's device.
func (w *world) cutClients() {
	all := w.clients()
	devices := slices.DeleteFunc(slices.Clone(all), func(c *client) bool { return c.device == "" })
	for _, list := range [][]*client{all, devices} {
		if c := list[w.random.IntN(len(list))]; c.cut() {
			w.tell("client cut: %s", c.name)
			w.book.fault("client cut")
		}
	}
}
