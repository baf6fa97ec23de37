package faults

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"time"

	"directus-ircd/directus/directustest"
)

const (
	// brief is an outage that a sender is not to notice: shorter than the daemon waits for Directus with a message, 10 s.
	brief = 3 * time.Second
	// lasting is one that every sender is told of, longer than every time limit of the daemon and than an access token.
	lasting = 18 * time.Second
	// recovery is how long everything that was stored may take to every reader once all is well.
	recovery = 3 * time.Minute
	// healthy is how soon all is well on a machine that is fast enough for a brief fault to be just that.
	healthy = 5 * time.Second
)

// fault is something that goes wrong and is mended.
type fault struct {
	name  string
	brief bool // shorter than the time limit of sending: no sender may be refused
	cuts  bool // what is on its way is lost: a message that nothing marks may be in doubt
	told  bool // longer: every sender over IRC is told, and has to be connected
	whole bool // everybody has to be connected
	// commit returns when the fault is mended.
	commit func(ctx context.Context, w *world)
}

// faults are what a run commits, each at least once.
var faults = []fault{
	{name: "Directus killed, restarted with refresh tokens that expire", whole: true, commit: expireSessions},
	{name: "Directus frozen", told: true, commit: freeze(lasting)},
	{name: "path refused briefly", brief: true, cuts: true, commit: func(ctx context.Context, w *world) { w.proxy.Refuse(); w.mendAfter(ctx, brief) }},
	{name: "path cut up", brief: true, cuts: true, commit: cut(directustest.Up)},
	{name: "path cut down", brief: true, cuts: true, commit: cut(directustest.Down)},
	{name: "path cut", brief: true, cuts: true, commit: cut(directustest.Up, directustest.Down)},
	{name: "path stalled up", brief: true, commit: stall(brief, directustest.Up)},
	{name: "path stalled down", brief: true, commit: stall(brief, directustest.Down)},
	{name: "path delayed up", brief: true, commit: delay(directustest.Up)},
	{name: "path delayed down", brief: true, commit: delay(directustest.Down)},
	{name: "events swapped", brief: true, commit: func(ctx context.Context, w *world) { w.proxy.Rotate(); w.mendAfter(ctx, brief) }},
	{name: "read permission revoked", commit: revoke("read")},
	{name: "create permission revoked", commit: revoke("create")},
	{name: "user suspended", whole: true, commit: suspend},
	{name: "daemons restarted", commit: restart},
	{name: "daemons killed", commit: func(_ context.Context, w *world) {
		for _, d := range w.daemons {
			d.kill()
			d.start()
		}
	}},
}

// longFaults take longer than a short run has.
var longFaults = []fault{
	{name: "Directus frozen briefly", brief: true, commit: freeze(brief)},
	{name: "path stalled up for long", told: true, commit: stall(lasting, directustest.Up)},
	{name: "path stalled down for long", told: true, commit: stall(lasting, directustest.Down)},
	{name: "path refused for long", told: true, commit: func(ctx context.Context, w *world) { w.proxy.Refuse(); w.mendAfter(ctx, lasting) }},
	{name: "Directus killed and restarted", commit: func(_ context.Context, w *world) { w.dx.Restart() }},
}

// play commits all faults once, in random order, and goes on for as long as it is told.
func (w *world) play(ctx context.Context, until time.Time) {
	list := slices.Clone(faults)
	if time.Now().Before(until) || *only != "" {
		list = append(list, longFaults...)
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		w.t.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(f fault) bool { return !wanted.MatchString(f.name) })
	for {
		w.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for i, f := range list {
			begin := time.Now()
			if !w.settle(ctx, "before "+f.name) || ctx.Err() != nil {
				return
			}
			if i%2 == 0 && !f.whole && !f.told {
				w.cutClient()
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
	if !f.brief && !f.told {
		return
	}
	if !w.settle(ctx, "after "+f.name) {
		return
	}
	w.book.do(func() {
		if f.brief {
			w.book.brief = append(w.book.brief, window{from: begin, to: time.Now()})
		}
		for _, x := range w.writers {
			told := w.book.told[x.name] - told[x.name]
			if f.told && told == 0 {
				w.fail("%s for %v: %s was told nothing", f.name, took, x.name)
			}
			if f.cuts {
				told -= w.book.doubts[x.name] - doubts[x.name]
			}
			// A cut can take the answer to a renewal of the session along, which ends it.
			if f.brief && told > x.person.sessionsEnded()-ended[x.person] {
				w.fail("%s for %v: %s was told %d times that a message is not, or perhaps, sent", f.name, took, x.name, told)
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
		return len(heard) == len(w.writers)+len(w.directs)
	}
	if !w.book.await(ctx, recovery, fresh) {
		if ctx.Err() == nil {
			w.fail("%s: some writers have not stored a message for %v", when, recovery)
		}
		return false
	}
	lacking := map[string][]key{}
	w.book.do(func() {
		for _, r := range w.readers {
			for k, l := range w.book.letters {
				if l.outcome == stored && w.mayRead(r.person, k, l.channel) {
					lacking[r.name] = append(lacking[r.name], k)
				}
			}
		}
	})
	shown := func() bool {
		all := true
		for _, r := range w.readers {
			lacking[r.name] = slices.DeleteFunc(lacking[r.name], func(k key) bool { return r.seen[k] })
			all = all && len(lacking[r.name]) == 0
		}
		return all
	}
	if !w.book.await(ctx, recovery, shown) {
		if ctx.Err() == nil {
			w.fail("%s: messages that are missing %v after they were stored, by reader: %v", when, recovery, lacking)
		}
		return false
	}
	w.note("%s: all is well after %v", when, time.Since(begin))
	return true
}

// cutClient breaks the connection of somebody.
func (w *world) cutClient() {
	list := w.clients()
	if c := list[w.random.IntN(len(list))]; c.cut() {
		w.tell("client cut: %s", c.name)
		w.book.fault("client cut")
	}
}

func (w *world) mendAfter(ctx context.Context, d time.Duration) {
	pause(ctx, d)
	w.proxy.Mend()
}

func freeze(d time.Duration) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		w.dx.Pause()
		pause(ctx, d)
		w.dx.Resume()
	}
}

func cut(dirs ...directustest.Direction) func(context.Context, *world) {
	return func(_ context.Context, w *world) { w.proxy.Cut(dirs...) }
}

func stall(d time.Duration, dir directustest.Direction) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		w.proxy.Stall(dir)
		w.mendAfter(ctx, d)
	}
}

func delay(dir directustest.Direction) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		w.proxy.Delay(300*time.Millisecond, dir)
		w.mendAfter(ctx, brief/2)
	}
}

func restart(_ context.Context, w *world) {
	for _, d := range w.daemons {
		if err := d.stop(); err != nil {
			w.fail("the end of the daemon %q: %v", d.name, err)
		}
		d.start()
	}
}

// expireSessions restarts Directus with a short life for refresh tokens, until the session of everybody on IRC has
// expired, and again with the usual one.
func expireSessions(ctx context.Context, w *world) {
	for _, p := range w.people {
		p.keepOut()
	}
	w.dx.RestartWith(map[string]string{"REFRESH_TOKEN_TTL": shortRefreshTTL})
	limited, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	for _, p := range w.people {
		if err := p.awaitEnd(limited, 1); err != nil {
			w.fail("refresh tokens expire: %v", err)
		}
	}
	w.book.fault("refresh token expired")
	w.dx.RestartWith(map[string]string{"REFRESH_TOKEN_TTL": longRefreshTTL})
	for _, p := range w.people {
		p.letIn()
	}
}

// revoke takes a permission on #messages from everybody, and has messages written that nobody may see until it is back.
func revoke(action string) func(context.Context, *world) {
	return func(ctx context.Context, w *world) {
		restore := w.dx.Revoke("messages", action)
		from := time.Now()
		pause(ctx, brief/2)
		if action == "read" {
			w.book.do(func() { w.book.windows = append(w.book.windows, window{"#messages", nil, from, time.Now()}) })
		}
		restore()
	}
}

// suspend suspends somebody until the session is over and a new login is refused.
func suspend(ctx context.Context, w *world) {
	p := w.people[w.random.IntN(len(w.people))]
	p.keepOut()
	w.dx.UpdateUser(p.user, map[string]any{"status": "suspended"})
	limited, cancel := context.WithTimeout(ctx, accessTTL+recovery)
	defer cancel()
	begin := time.Now()
	if err := p.awaitEnd(limited, 1); err != nil {
		w.fail("user suspended: %v", err)
	}
	from := time.Now()
	if took := from.Sub(begin); took > accessTTL+2*time.Second {
		w.fail("user suspended: the session went on for %v, access tokens last %v", took, accessTTL)
	}
	if c, err := connect(limited, p, "", nil); err == nil {
		c.close()
		w.fail("a suspended user got in")
	} else {
		w.note("suspended: %v", err)
	}
	w.book.do(func() { w.book.windows = append(w.book.windows, window{"", p, from, time.Now()}) })
	w.dx.UpdateUser(p.user, map[string]any{"status": "active"})
	p.letIn()
}
