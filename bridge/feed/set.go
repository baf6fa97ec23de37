package feed

import (
	"context"
	"maps"
	"sync"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// Key says what a feed reads and who may share it: one user, or all of whom
// Directus has said the same.
type Key struct {
	Group    *collection.Group
	Owner    Member              // nil: shared
	Audience collection.Audience // empty: not shared
	fork     int                 // tells the feeds of an owner apart, if there are several
}

// IsShared reports that members of the same audience read the feed together.
func (k Key) IsShared() bool { return k.Audience != "" }

// Same reports whether a feed with one key is as good as one with the other.
func (k Key) Same(other Key) bool {
	k.fork = other.fork
	return k == other
}

// Set is all feeds that are open, of all members. A feed runs as long as it has a reader.
type Set struct {
	ctx    context.Context // ends all
	cancel context.CancelFunc
	wg     sync.WaitGroup // joined by Close

	mu     sync.Mutex
	open   map[Key]*Feed      // guarded by mu
	shared map[*Feed]struct{} // those of open that are; guarded by mu
	forks  int                // so far; guarded by mu

	deeds deeds
	watch watch
}

// NewSet makes a set without feeds. Close ends it.
func NewSet() *Set {
	fs := &Set{open: map[Key]*Feed{}, shared: map[*Feed]struct{}{}}
	fs.ctx, fs.cancel = context.WithCancel(context.Background())
	return fs
}

// Attach makes a session of a member read the feed with a key. It is nil if the key
// was found before the member lost its place in that audience: Expel had no
// reader of it to pass on.
func (fs *Set) Attach(key Key, m Member, wake func(news bool)) (r *Reader) {
	fs.change(m, func(about func(*Feed)) {
		if key.IsShared() && m.Names().Audience(key.Group) != key.Audience {
			return
		}
		f := fs.open[key]
		if f == nil {
			f = New(key, m, m.Account().Now())
			f.deeds = &fs.deeds
			fs.start(f)
		}
		about(f)
		r = f.Attach(m, wake)
		f.rung.Ring()
	})
	return r
}

// Detach ends a reader; the last takes its feed along.
func (fs *Set) Detach(r *Reader) {
	fs.change(r.member, func(about func(*Feed)) {
		if next := r.Next.Load(); next != nil {
			r = next // nobody has followed it there
		}
		about(r.Feed)
		fs.release(r.Feed, r.Feed.journal.detach(r))
	})
}

// change takes a step that decides who reads what, with mu held, on behalf of a member;
// the step says which feeds it is about. A panic halfway leaves nobody between two
// feeds: those feeds end, and the sessions of the member and of all who read them, who
// may come back. The panic then goes on.
func (fs *Set) change(m Member, step func(about func(*Feed))) {
	var touched []*Feed
	done := false
	defer func() {
		if !done {
			fs.end(ircd.ErrPanic, touched, m)
		}
	}()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	step(func(f *Feed) { touched = append(touched, f) })
	done = true
}

// end ends feeds, and the sessions of all who read them and of those named.
func (fs *Set) end(err error, ended []*Feed, others ...Member) {
	readers := map[Member]struct{}{}
	for _, m := range others {
		readers[m] = struct{}{}
	}
	fs.mu.Lock()
	for _, f := range ended {
		fs.remove(f)
		maps.Copy(readers, f.journal.members())
	}
	fs.mu.Unlock()
	for m := range readers {
		m.End(err)
	}
}

// start runs a feed. The caller holds mu.
func (fs *Set) start(f *Feed) {
	fs.open[f.Key] = f
	if f.Key.IsShared() {
		fs.shared[f] = struct{}{}
	}
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(fs.ctx)
	log := f.leader.Log()
	f.watch = &fs.watch
	fs.watch.add(f)
	fs.wg.Go(func() {
		if err := ircd.Recover(log, func() error { f.run(ctx); return nil }); err != nil {
			fs.end(err, []*Feed{f}) // those who read it may come back, to another one
		}
	})
}

// release ends a feed that has no reader left; a feed that has lost some of its readers
// elects its leader again. The caller holds mu.
func (fs *Set) release(f *Feed, readers int) {
	if readers > 0 {
		f.rung.Ring()
		return
	}
	fs.remove(f)
}

// remove ends a feed and makes it unknown. The caller holds mu.
func (fs *Set) remove(f *Feed) {
	f.cancel()
	if fs.open[f.Key] == f {
		delete(fs.open, f.Key)
	}
	delete(fs.shared, f)
	fs.watch.remove(f)
}

// Expel passes a member's readers on to feeds of its own where it is not proven any
// more that it sees what the others see.
func (fs *Set) Expel(m Member) {
	fs.change(m, func(about func(*Feed)) {
		for f := range fs.shared {
			members := f.journal.members()
			if _, reads := members[m]; !reads || m.Names().Audience(f.Group) == f.Key.Audience {
				continue
			}
			about(f)
			fs.forks++
			fs.start(f.fork(Key{Group: f.Group, Owner: m, fork: fs.forks}, m))
			fs.release(f, len(members)-1)
		}
	})
}

// Linked is called when a member's realtime session has come up, gone down, or failed to come
// up. The leaders of the shared feeds are elected again, and who reads what the member leads is
// woken. Where a session has failed once more, that concerns but the latter.
func (fs *Set) Linked(m Member) {
	again := m.Link().Failures > 0
	for _, f := range fs.ringShared(m, again) {
		f.IsDown()
		f.journal.ring()
	}
}

// ringShared wakes the shared feeds to elect their leaders, or only those led by m, and
// returns the latter.
func (fs *Set) ringShared(m Member, onlyLed bool) (led []*Feed) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for f := range fs.shared {
		is := f.isLedBy(m)
		if is {
			led = append(led, f)
		}
		if is || !onlyLed {
			f.rung.Ring()
		}
	}
	return led
}

// Reread makes the feeds that a member reads alone read their collections again.
func (fs *Set) Reread(m Member) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for key, f := range fs.open {
		if key.Owner == m {
			f.Reread()
		}
	}
}

// Deeds are what members have done to messages lately.
func (fs *Set) Deeds() *deeds { return &fs.deeds }

// Count is how many feeds are open.
func (fs *Set) Count() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.open)
}

// Close ends all feeds and waits for their goroutines.
func (fs *Set) Close() {
	fs.cancel()
	fs.wg.Wait()
}

const (
	// lessPause is how long a session waits after its first try to read a channel in another
	// group: each try costs a subscription, and every session makes its own.
	lessPause = 3 * time.Minute
	// longestPause is how long the wait grows while Directus refuses.
	longestPause = 4 * lessPause
)

// RetryPause spaces out a session's tries to attach to a feed that Directus refuses. It belongs
// to the session's goroutine; the zero value lets the first try begin at once.
type RetryPause struct {
	next time.Time
	wait time.Duration // after the next try; zero: lessPause
}

// IsOver reports that the next try may begin.
func (p *RetryPause) IsOver(now time.Time) bool { return !now.Before(p.next) }

// Begin notes a try: the one after it waits twice as long as this one did.
func (p *RetryPause) Begin(now time.Time) {
	wait := max(p.wait, lessPause)
	p.next, p.wait = now.Add(directus.Jitter(wait)), min(2*wait, longestPause)
}
