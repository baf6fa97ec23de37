package bridge

import (
	"context"
	"maps"
	"sync"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// feedKey says what a feed reads and who may share it: one user, or all of whom
// Directus has said the same.
type feedKey struct {
	group    *collection.Group
	owner    Member              // nil: shared
	audience collection.Audience // empty: not shared
	fork     int                 // tells the feeds of an owner apart, if there are several
}

func (k feedKey) isShared() bool { return k.audience != "" }

// same reports whether a feed with one key is as good as one with the other.
func (k feedKey) same(other feedKey) bool {
	k.fork = other.fork
	return k == other
}

// feeds are those that are open, of all members. A feed runs as long as it has a
// reader.
type feeds struct {
	ctx    context.Context // ends all
	cancel context.CancelFunc
	wg     sync.WaitGroup // joined by close

	mu     sync.Mutex
	open   map[feedKey]*feed  // guarded by mu
	shared map[*feed]struct{} // those of open that are; guarded by mu
	forks  int                // so far; guarded by mu

	deeds deeds
}

func newFeeds() *feeds {
	fs := &feeds{open: map[feedKey]*feed{}, shared: map[*feed]struct{}{}}
	fs.ctx, fs.cancel = context.WithCancel(context.Background())
	return fs
}

// attach makes a session of a member read the feed with a key. It is nil if the key
// was found before the member lost its proof: who was not there at that time was not
// expelled either.
func (fs *feeds) attach(key feedKey, m Member, wake func()) (r *reader) {
	fs.change(m, func(about func(*feed)) {
		if key.isShared() && m.Names().Audience(key.group) != key.audience {
			return
		}
		f := fs.open[key]
		if f == nil {
			f = newFeed(key, m, m.Account().Now())
			f.deeds = &fs.deeds
			fs.start(f)
		}
		about(f)
		r = f.attach(m, wake)
		f.ring()
	})
	return r
}

// detach ends a reader; the last takes its feed along.
func (fs *feeds) detach(r *reader) {
	fs.change(r.member, func(about func(*feed)) {
		if next := r.next.Load(); next != nil {
			r = next // nobody has followed it there
		}
		about(r.feed)
		fs.settle(r.feed, r.feed.journal.detach(r))
	})
}

// change takes a step that decides who reads what, with mu held, on behalf of a member;
// the step says which feeds it is about. A panic halfway leaves nobody between two
// feeds: those feeds end, and the sessions of the member and of all who read them, who
// may come back. The panic then goes on.
func (fs *feeds) change(m Member, step func(about func(*feed))) {
	var touched []*feed
	done := false
	defer func() {
		if !done {
			fs.end(ircd.ErrPanic, touched, m)
		}
	}()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	step(func(f *feed) { touched = append(touched, f) })
	done = true
}

// end ends feeds, and the sessions of all who read them and of those named.
func (fs *feeds) end(err error, ended []*feed, others ...Member) {
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
func (fs *feeds) start(f *feed) {
	fs.open[f.key] = f
	if f.key.isShared() {
		fs.shared[f] = struct{}{}
	}
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(fs.ctx)
	log := f.carrier.Log()
	fs.wg.Go(func() {
		if err := ircd.Recover(log, func() error { f.run(ctx); return nil }); err != nil {
			fs.end(err, []*feed{f}) // those who read it may come back, to another one
		}
	})
}

// settle does what is due when a feed has fewer readers. The caller holds mu.
func (fs *feeds) settle(f *feed, readers int) {
	if readers > 0 {
		f.ring()
		return
	}
	fs.remove(f)
}

// remove ends a feed and makes it unknown. The caller holds mu.
func (fs *feeds) remove(f *feed) {
	f.cancel()
	if fs.open[f.key] == f {
		delete(fs.open, f.key)
	}
	delete(fs.shared, f)
}

// expel passes a member's readers on to feeds of its own where it is not proven any
// more that it sees what the others see.
func (fs *feeds) expel(m Member) {
	fs.change(m, func(about func(*feed)) {
		for f := range fs.shared {
			members := f.journal.members()
			if _, reads := members[m]; !reads || m.Names().Audience(f.group) == f.key.audience {
				continue
			}
			about(f)
			fs.forks++
			fs.start(f.fork(feedKey{group: f.group, owner: m, fork: fs.forks}, m))
			fs.settle(f, len(members)-1)
		}
	})
}

// linked looks at who carries the shared feeds: a link has come up or gone down.
func (fs *feeds) linked() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for f := range fs.shared {
		f.ring()
	}
}

// reread makes the feeds that a member reads alone read their collections again.
func (fs *feeds) reread(m Member) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for key, f := range fs.open {
		if key.owner == m {
			f.reread()
		}
	}
}

// deedsDone are what members have done to messages lately. It may be called from any goroutine.
func (fs *feeds) deedsDone() *deeds { return &fs.deeds }

func (fs *feeds) count() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return len(fs.open)
}

// close ends all feeds.
func (fs *feeds) close() {
	fs.cancel()
	fs.wg.Wait()
}
