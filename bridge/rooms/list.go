package rooms

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/bell"
)

// Reader is the user of a login, as far as lists need to know. All methods may be called from
// any goroutine; only Shares waits.
type Reader interface {
	Account() *directus.Account
	Realtime() *directus.Realtime
	Log() *zerolog.Logger
	// Link is the state of the realtime session, which is opened when the reader leads, and IsOver
	// reports that the reader has ended.
	Link() directus.State
	IsOver() bool
	// Reads reports whether the reader may read a field of a collection, by what is known.
	Reads(collection, field string) bool
	// Hides reports that the reader is known not to be allowed to read a field of a collection.
	Hides(collection, field string) bool
	// Shares asks Directus anew whether the reader may read every room, without a rule.
	Shares(ctx context.Context) bool
}

// Key says whose list it is: that of one reader, or of all who may read every room.
type Key struct {
	Owner Reader // nil: shared
}

// List is the rooms that its readers may read. One of them leads it: the events come over the
// realtime session of the leader, and the rooms are read as the leader.
type List struct {
	rooms   *Rooms
	key     Key
	recheck time.Duration
	doubt   bell.Bell // rung by Reread
	rung    bell.Bell // the leader is to be elected again
	cancel  context.CancelFunc

	readers []reader               // in the order in which they came; guarded by Rooms.mu
	mine    map[Reader]*membership // of the readers; guarded by Rooms.mu
	now     *Listing               // nil: not read yet; guarded by Rooms.mu
	err     error                  // why it cannot be read; guarded by Rooms.mu
	changed chan struct{}          // closed when now or err changes; guarded by Rooms.mu
}

type reader struct {
	Reader
	wake func()
}

// Attach makes a reader read the list with a key, until Detach. wake is called when there is
// something new; it must not wait. recheck is how often the rooms are read again though nothing
// seems to be missing.
func (r *Rooms) Attach(key Key, m Reader, recheck time.Duration, wake func()) *List {
	log := m.Log()
	r.mu.Lock()
	l := r.lists[key]
	if l == nil {
		l = &List{rooms: r, key: key, recheck: recheck, doubt: bell.New(), rung: bell.New(), changed: make(chan struct{}), mine: map[Reader]*membership{}}
		r.lists[key] = l
		var ctx context.Context
		ctx, l.cancel = context.WithCancel(r.ctx)
		r.wg.Go(func() {
			if err := ircd.Recover(log, func() error { l.run(ctx); return nil }); err != nil {
				l.set(nil, nil, err)
			}
		})
	}
	l.readers = append(l.readers, reader{m, wake})
	if l.mine[m] == nil {
		l.mine[m] = &membership{doubts: 1}
	}
	l.mine[m].attached++
	r.mu.Unlock()
	l.rung.Ring()
	return l
}

// Detach undoes one Attach; the last ends the list.
func (r *Rooms) Detach(l *List, m Reader) {
	defer l.rung.Ring()
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(l.readers, func(o reader) bool { return o.Reader == m }); i >= 0 {
		l.readers = slices.Delete(l.readers, i, i+1)
		if l.mine[m].attached--; l.mine[m].attached == 0 {
			delete(l.mine, m)
		}
	}
	if len(l.readers) > 0 {
		return
	}
	l.cancel()
	if r.lists[l.key] == l {
		delete(r.lists, l.key)
	}
	l.now = nil
}

// Of is what the list was made by.
func (l *List) Of() *Rooms { return l.rooms }

// Key says whose list it is.
func (l *List) Key() Key { return l.key }

// Now is the latest listing, nil if the rooms have not been read yet, or why they cannot be.
// changed is closed when either changes.
func (l *List) Now() (now *Listing, changed <-chan struct{}, err error) {
	l.rooms.mu.Lock()
	defer l.rooms.mu.Unlock()
	return l.now, l.changed, l.err
}

// Reread makes the list be read again soon.
func (l *List) Reread() { l.doubt.Ring() }

// Linked elects the leader again: a realtime session has come up or gone down.
func (l *List) Linked() { l.rung.Ring() }

// Learn adds a room that a reader of the list has just been told of by Directus, ahead of the
// event, and returns its channel.
func (l *List) Learn(room *Room) *collection.Channel {
	l.set(map[string]*Room{room.ID: room}, nil, nil)
	return l.rooms.Channel(room.ID)
}

// set replaces some rooms, or notes why they cannot be read, and wakes the readers.
func (l *List) set(news map[string]*Room, causes map[string]Cause, err error) {
	made := l.rooms.make(news)
	for {
		old, _, _ := l.Now()
		next := old
		if err == nil {
			next = old.next(l, news, causes)
		}
		if readers, done := l.replace(old, next, made, err); done {
			for _, r := range readers {
				r.wake()
			}
			return
		}
	}
}

// replace replaces the listing old. The readers are to be woken. It is not done, and to be tried
// again, if somebody else has replaced it.
func (l *List) replace(old, next *Listing, made map[string]*collection.Channel, err error) (readers []reader, done bool) {
	l.rooms.mu.Lock()
	defer l.rooms.mu.Unlock()
	switch {
	case l.now != old:
		return nil, false
	case len(l.readers) == 0 && err == nil, next == old && err == nil && l.err == nil:
		return nil, true
	}
	if next != old {
		l.rooms.learn(next, made)
	}
	l.now, l.err = next, err
	close(l.changed)
	l.changed = make(chan struct{})
	return slices.Clone(l.readers), true
}

// attached are the readers of now.
func (l *List) attached() []reader {
	l.rooms.mu.Lock()
	defer l.rooms.mu.Unlock()
	return slices.Clone(l.readers)
}

// elect chooses the leader: the present one as long as its realtime session is up, else any
// reader whose session is up, else one who has not failed to open one; nil if there is none.
func (l *List) elect(present Reader) Reader {
	const failing, untried, up, leading = 1, 2, 3, 4
	var best Reader
	most := 0
	for _, r := range l.attached() {
		rank := failing
		switch link := r.Link(); {
		case r.IsOver():
			continue
		case link.Up && r.Reader == present:
			rank = leading
		case link.Up:
			rank = up
		case link.Failures == 0:
			rank = untried
		}
		if rank > most || rank == most && r.Reader == present {
			best, most = r.Reader, rank
		}
	}
	return best
}

const (
	// electPause is how often a leader is looked for while all readers have ended.
	electPause = 5 * time.Second
	// readTimeout bounds one reading.
	readTimeout = 20 * time.Second
)

// run follows the rooms until ctx ends; Rooms.Close joins it.
func (l *List) run(ctx context.Context) {
	for ctx.Err() == nil {
		if m := l.elect(nil); m != nil {
			l.follow(ctx, m)
			continue
		}
		wait := time.NewTimer(electPause)
		select {
		case <-ctx.Done():
		case <-l.rung:
		case <-wait.C:
		}
		wait.Stop()
	}
}

// follow follows the rooms as one reader, until that is not the leader any more.
func (l *List) follow(ctx context.Context, m Reader) {
	sub := m.Realtime().Subscribe(l.rooms.Collection, directus.SubscriptionQuery{
		Fields: []string{keyField}, Events: []directus.EventKind{directus.EventCreate, directus.EventUpdate, directus.EventDelete},
	})
	defer sub.Close()
	f := follower{list: l, reader: m}
	f.subscribeMembers(ctx)
	defer f.leaveMembers()
	next := time.NewTimer(l.pause())
	defer next.Stop()
	all := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.rung:
			if l.elect(m) != m {
				return
			}
			continue
		case <-sub.Wake():
		case <-f.membersWake():
		case <-l.doubt:
			all = true
			f.subscribeMembers(ctx)
		case <-next.C:
			all = true
			f.subscribeMembers(ctx)
		}
		if !f.membersReady() {
			continue // its answer wakes it again
		}
		events, gap := sub.Drain()
		all = all || gap
		if err := sub.Err(); err != nil || !sub.Active() {
			if err != nil {
				f.fail(err)
			}
			continue // its answer wakes it again
		}
		begun, cancel := context.WithTimeout(ctx, readTimeout)
		err := f.take(begun, events, all)
		cancel()
		wait := l.pause()
		if all = err != nil; err == nil {
			f.failures = 0
		} else if ctx.Err() == nil {
			f.failures++
			wait = directus.Jitter(min(time.Second<<min(f.failures, 6), l.recheck))
			m.Log().Debug().Err(err).Str("collection", l.rooms.Collection).Stringer("delay", wait).Msg("read the rooms")
			f.fail(err)
		}
		next.Reset(wait)
	}
}

// pause is the time until the rooms are read again though nothing seems to be missing. It leaves
// a tenth of what was promised for the reading.
func (l *List) pause() time.Duration { return l.recheck*7/10 + rand.N(l.recheck/5) }
