package bridge

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/ircd"
)

const (
	// maxTrails and maxUserTrails are how many trails are kept, in all and of one
	// user. The ones of the devices that have been away for the longest go.
	maxTrails     = 20000
	maxUserTrails = 256
	// trailPause is the least time between two writings of the file, trailShare
	// how many times longer than a writing it is, and trailRetry that after one
	// that has failed.
	trailPause = time.Second
	trailShare = 10
	trailRetry = time.Minute
	// trailCheck is how often is looked for what is too old. While a device is
	// connected it does not age.
	trailCheck = time.Hour
)

// Trails keeps what the devices of all users have received: in a file, so that it
// outlasts the daemon, or in memory. It writes behind: what has changed since the last
// writing is lost in a crash, and then shown once more. All methods may
// be called from any goroutine.
type Trails struct {
	maxAge time.Duration
	log    zerolog.Logger
	bell   chan struct{} // rung when there is something to write; cap 1
	done   chan struct{} // closed by close
	wg     sync.WaitGroup

	mu      sync.Mutex
	file    *trailFile            // nil: memory only; guarded by mu
	kept    map[string]*keptTrail // by key; guarded by mu
	changed map[string]struct{}   // keys that the file does not have as they are; guarded by mu
	failed  int64                 // writings; guarded by mu
}

// keptTrail is a trail, and who uses it. Its fields are guarded by the mu of its
// Trails.
type keptTrail struct {
	trail *trail // nil: it is in the file only
	seen  time.Time
	uses  int
}

// storedTrail is a trail as it stands in the file.
type storedTrail struct {
	Seen  int64 `json:"seen"` // in seconds
	Trail trail `json:"trail"`
}

// OpenTrails opens the trails in a directory, which is made if need be; an empty one
// means memory only. A device that was away for more than maxAge is a new one. A
// file that cannot be read is put aside, and said so. The error is that of the
// directory, or an ErrTrailsInUse.
func OpenTrails(directory string, maxAge time.Duration, log zerolog.Logger) (*Trails, error) {
	t := &Trails{
		maxAge: maxAge, log: log, bell: make(chan struct{}, 1), done: make(chan struct{}),
		kept: map[string]*keptTrail{}, changed: map[string]struct{}{},
	}
	if directory != "" {
		file, stored, err := openTrailFile(directory, log)
		if err != nil {
			return nil, err
		}
		t.file = file
		for key, seen := range stored {
			t.kept[key] = &keptTrail{seen: seen}
		}
	}
	t.expire()
	t.wg.Go(func() { _ = ircd.Guard(&log, func() error { t.keep(); return nil }) })
	return t, nil
}

// Close writes what has changed and closes the file. What goes wrong is logged.
func (t *Trails) Close() {
	close(t.done)
	t.wg.Wait()
	if err := t.file.close(); err != nil {
		t.log.Error().Err(err).Msg("close the file of what devices have received")
	}
}

// keep writes what changes until Close, and then once more.
func (t *Trails) keep() {
	check := time.NewTicker(trailCheck)
	defer check.Stop()
	for open := true; open; {
		select {
		case <-t.bell:
		case <-check.C:
			t.expire()
		case <-t.done:
			open = false
		}
		begun := time.Now()
		ok := t.write()
		pause := max(trailPause, trailShare*time.Since(begun))
		if !ok {
			pause = trailRetry
		}
		if open {
			select {
			case <-time.After(pause):
			case <-t.done:
			}
		}
	}
}

// trailKey names the trail of a place. The parts cannot hold the separator: what
// is not an identifier comes last.
func trailKey(origin, user, device, collection, channel string) string {
	return strings.Join([]string{origin, user, device, collection, channel}, "\x00")
}

// ownerOf is the part of a key that is the same for all trails of a user.
func ownerOf(key string) string {
	parts := strings.SplitN(key, "\x00", 3)
	return strings.Join(parts[:min(2, len(parts))], "\x00") + "\x00"
}

// open begins the use of a trail; release ends it.
func (t *Trails) open(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.kept[key]
	if k == nil {
		t.makeRoom(ownerOf(key))
		k = &keptTrail{trail: &trail{}}
		t.kept[key] = k
	}
	if k.uses++; k.trail == nil {
		k.trail = t.load(key)
	}
	if k.uses == 1 && time.Since(k.seen) > t.maxAge {
		k.trail = &trail{}
	}
	k.seen = time.Now()
}

// release ends the use of a trail. Its device has been here until now.
func (t *Trails) release(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.kept[key]
	k.uses--
	k.seen = time.Now()
	if k.trail.known() {
		t.change(key)
	} else if k.uses == 0 {
		t.forget(key)
	}
}

// get returns a copy of a trail that is in use.
func (t *Trails) get(key string) trail {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *t.kept[key].trail
}

// merge adds to a trail that is in use what its device has received.
func (t *Trails) merge(key string, news trail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept[key].trail.merge(news)
	t.change(key)
}

// change has a trail written. The caller holds mu.
func (t *Trails) change(key string) {
	t.changed[key] = struct{}{}
	select {
	case t.bell <- struct{}{}:
	default:
	}
}

// forget drops a trail, from the file as well. The caller holds mu.
func (t *Trails) forget(key string) {
	delete(t.kept, key)
	t.change(key)
}

// load reads a trail from the file; one that is not there any more is a new one.
// The caller holds mu.
func (t *Trails) load(key string) *trail {
	var stored storedTrail
	value, err := t.file.get(key)
	if err == nil && value != nil {
		err = json.Unmarshal(value, &stored)
	}
	if err != nil {
		t.log.Warn().Err(err).Msg("read what a device has received: it is shown the backlog")
		return &trail{}
	}
	return &stored.Trail
}

// makeRoom drops trails that are too many, before one of an owner is added. The
// caller holds mu.
func (t *Trails) makeRoom(owner string) {
	own := t.oldest(func(key string) bool { return strings.HasPrefix(key, owner) })
	if len(own) >= maxUserTrails {
		t.dropFirst(own, len(own)-maxUserTrails+1)
	}
	if len(t.kept) >= maxTrails {
		t.dropFirst(t.oldest(func(string) bool { return true }), maxTrails/10)
	}
}

// oldest lists the keys of some trails, the device that was seen first in front.
// The caller holds mu.
func (t *Trails) oldest(of func(key string) bool) []string {
	var keys []string
	for key := range t.kept {
		if of(key) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(t.kept[a].seen.Compare(t.kept[b].seen), strings.Compare(a, b))
	})
	return keys
}

// dropFirst drops the first n that are not in use. The caller holds mu.
func (t *Trails) dropFirst(keys []string, n int) {
	for _, key := range keys {
		if n > 0 && t.kept[key].uses == 0 {
			t.forget(key)
			n--
		}
	}
}

// failures is how many times the file could not be written.
func (t *Trails) failures() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// expire drops what is too old, and notes which devices are here.
func (t *Trails) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, k := range t.kept {
		switch {
		case k.uses > 0 && k.trail.known():
			k.seen = time.Now()
			t.change(key)
		case k.uses == 0 && time.Since(k.seen) > t.maxAge:
			t.forget(key)
		}
	}
}

// write brings the file up to date; ok is false if that has failed. What is in
// nobody's use is then in the file alone.
func (t *Trails) write() (ok bool) {
	t.mu.Lock()
	file, changed := t.file, t.changed
	t.changed = map[string]struct{}{}
	values := make(map[string]*storedTrail, len(changed))
	for key := range changed {
		values[key] = nil
		if k := t.kept[key]; k != nil {
			values[key] = &storedTrail{Seen: k.seen.Unix(), Trail: *k.trail}
		}
	}
	t.mu.Unlock()
	if file == nil || len(values) == 0 {
		return true
	}
	err := file.put(values)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.log.Error().Err(err).Stringer("retry", trailRetry).Msg("what devices have received cannot be written, it is kept in memory")
		t.failed++
		for key := range changed {
			t.change(key)
		}
		return false
	}
	t.log.Debug().Int("trails", len(values)).Msg("written what devices have received")
	for key := range values {
		if k := t.kept[key]; k != nil && k.uses == 0 {
			if _, again := t.changed[key]; !again {
				k.trail = nil
			}
		}
	}
	return true
}
