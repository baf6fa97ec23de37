package bridge

import (
	"context"
	"sync"

	"directus-ircd/ircd"
)

// feedKey says what a feed reads and who may share it: one user, or all of whom
// Directus has said the same.
type feedKey struct {
	group *group
	owner *member // nil: shared
	proof proof   // empty: not shared
	fork  int     // tells the feeds of an owner apart, if there are several
}

func (k feedKey) isShared() bool { return k.proof != "" }

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
}

func newFeeds() *feeds {
	fs := &feeds{open: map[feedKey]*feed{}, shared: map[*feed]struct{}{}}
	fs.ctx, fs.cancel = context.WithCancel(context.Background())
	return fs
}

// attach makes a session of a member read the feed with a key. It is nil if the key
// was found before the member lost its proof: who was not there at that time was not
// expelled either.
func (fs *feeds) attach(key feedKey, m *member, wake func()) *reader {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if key.isShared() && m.proof(key.group) != key.proof {
		return nil
	}
	f := fs.open[key]
	if f == nil {
		f = newFeed(key, m, m.account.Now())
		fs.start(f)
	}
	r := &reader{member: m, feed: f, wake: wake}
	f.journal.attach(r)
	f.ring()
	return r
}

// detach ends a reader; the last takes its feed along.
func (fs *feeds) detach(r *reader) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if next := r.next.Load(); next != nil {
		r = next // nobody has followed it there
	}
	fs.settle(r.feed, r.feed.journal.detach(r))
}

// start runs a feed. The caller holds mu.
func (fs *feeds) start(f *feed) {
	fs.open[f.key] = f
	if f.key.isShared() {
		fs.shared[f] = struct{}{}
	}
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(fs.ctx)
	log := f.carrier.log
	fs.wg.Go(func() {
		if err := ircd.Guard(&log, func() error { f.run(ctx); return nil }); err != nil {
			fs.crashed(f, err)
		}
	})
}

// crashed ends the sessions of all who read a feed that has panicked: they may come
// back, to another one.
func (fs *feeds) crashed(f *feed, err error) {
	fs.mu.Lock()
	fs.remove(f)
	fs.mu.Unlock()
	for m := range f.journal.members() {
		m.end(err)
	}
}

// settle does what is due when a feed has fewer readers. The caller holds mu.
func (fs *feeds) settle(f *feed, readers int) {
	if readers > 0 {
		f.ring()
		return
	}
	f.cancel()
	fs.remove(f)
}

// remove makes a feed unknown. The caller holds mu.
func (fs *feeds) remove(f *feed) {
	if fs.open[f.key] == f {
		delete(fs.open, f.key)
	}
	delete(fs.shared, f)
}

// expel passes a member's readers on to feeds of its own where it is not proven any
// more that it sees what the others see.
func (fs *feeds) expel(m *member) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for f := range fs.shared {
		members := f.journal.members()
		if _, reads := members[m]; !reads || m.proof(f.group) == f.key.proof {
			continue
		}
		fs.forks++
		fs.start(f.fork(feedKey{group: f.group, owner: m, fork: fs.forks}, m))
		fs.settle(f, len(members)-1)
	}
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
func (fs *feeds) reread(m *member) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for key, f := range fs.open {
		if key.owner == m {
			f.reread()
		}
	}
}

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
