package resume

import (
	"cmp"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/state"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// maxPositions and maxUserTrails are how many trails are kept, in all and of one
	// user. The ones of the devices that have been away for the longest go.
	maxPositions     = 20000
	maxUserPositions = 256
)

// Positions keeps what the devices of all users have received. All methods may be called
// from any goroutine.
type Positions struct {
	store *state.Store
	log   zerolog.Logger

	mu     sync.Mutex
	clock  collection.DateClock     // guarded by mu
	maxAge time.Duration            // 0: nothing ends; guarded by mu
	kept   map[string]*keptPosition // by key; guarded by mu
	marks  state.Marks              // guarded by mu
}

// keptPosition is a trail, and who uses it. Its fields are guarded by the mu of its
// trails.
type keptPosition struct {
	position *Position // nil: it is in the file only
	seen     time.Time // by the clock of its trails
	uses     int
}

// storedPosition is a trail as it stands in the file.
type storedPosition struct {
	Seen     int64    `json:"seen"` // in seconds
	Position Position `json:"trail"`
}

func NewPositions(s *state.Store, log zerolog.Logger) *Positions {
	return &Positions{store: s, log: log, clock: func() (time.Time, bool) { return time.Time{}, false }, kept: map[string]*keptPosition{}, marks: state.NewMarks(s)}
}

func (t *Positions) Bucket() string { return "trails 1" }
func (t *Positions) What() string   { return "what devices have received" }

// Load notes an entry of the file, which is where it stays until it is used.
func (t *Positions) Load(key string, value []byte) error {
	var stored storedPosition
	if err := json.Unmarshal(value, &stored); err != nil {
		return err
	}
	t.kept[key] = &keptPosition{seen: time.Unix(stored.Seen, 0)}
	return nil
}

// Begin sets after what time a device that was away is a new one, and by which clock:
// that of Directus, since what is in the file outlasts every other. None is until that
// is known. It is called before the trails are used.
func (t *Positions) Begin(maxAge time.Duration, clock collection.DateClock) {
	t.mu.Lock()
	t.maxAge, t.clock = maxAge, clock
	t.mu.Unlock()
	t.Tidy()
}

// Key names the trail of a place. The parts cannot hold the separator: what
// is not an identifier comes last.
func Key(origin, user, device, collection, channel string) string {
	return strings.Join([]string{origin, user, device, collection, channel}, "\x00")
}

// ownerOf is the part of a key that is the same for all trails of a user.
func ownerOf(key string) string {
	parts := strings.SplitN(key, "\x00", 3)
	return strings.Join(parts[:min(2, len(parts))], "\x00") + "\x00"
}

// Open begins the use of a trail; release ends it. What is in the file alone is read
// from there.
func (t *Positions) Open(key string) {
	if !t.begun(key) {
		return
	}
	stored := t.read(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.kept[key]; k.position == nil {
		k.position = stored
	}
}

// begun notes the use of a trail, and whether it is in the file alone.
func (t *Positions) begun(key string) (stored bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.kept[key]
	if k == nil {
		t.makeRoom(ownerOf(key))
		k = &keptPosition{position: &Position{}}
		t.kept[key] = k
	}
	if k.uses++; k.uses == 1 && t.isOld(k) {
		k.position = &Position{}
	}
	k.seen, _ = t.clock()
	return k.position == nil
}

// isOld reports that a device was away for too long. The caller holds mu.
func (t *Positions) isOld(k *keptPosition) bool {
	now, known := t.clock()
	return known && t.maxAge > 0 && now.Sub(k.seen) > t.maxAge
}

// Release ends the use of a trail. Its device has been here until now.
func (t *Positions) Release(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.kept[key]
	k.uses--
	k.seen, _ = t.clock()
	if !k.position.isEmpty() {
		t.marks.Add(key)
	} else if k.uses == 0 {
		t.forget(key)
	}
}

// Get returns a copy of a trail that is in use.
func (t *Positions) Get(key string) Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *t.kept[key].position
}

// Merge adds to a trail that is in use what its device has received.
func (t *Positions) Merge(key string, news Position, h collection.Horizon) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept[key].position.Merge(news, h)
	t.marks.Add(key)
}

// forget drops a trail, from the file as well. The caller holds mu.
func (t *Positions) forget(key string) {
	delete(t.kept, key)
	t.marks.Add(key)
}

// read reads a trail from the file; one that is not there any more is a new one.
func (t *Positions) read(key string) *Position {
	var stored storedPosition
	value, err := t.store.Read(t.Bucket(), key)
	if err == nil && value != nil {
		err = json.Unmarshal(value, &stored)
	}
	if err != nil {
		t.log.Warn().Err(err).Msg("read what a device has received: it is shown the backlog")
		return &Position{}
	}
	return &stored.Position
}

// makeRoom drops trails that are too many, before one of an owner is added. The
// caller holds mu.
func (t *Positions) makeRoom(owner string) {
	own := t.oldest(func(key string) bool { return strings.HasPrefix(key, owner) })
	if len(own) >= maxUserPositions {
		t.dropFirst(own, len(own)-maxUserPositions+1)
	}
	if len(t.kept) >= maxPositions {
		t.dropFirst(t.oldest(func(string) bool { return true }), maxPositions/10)
	}
}

// oldest lists the keys of some trails, the device that was seen first in front.
// The caller holds mu.
func (t *Positions) oldest(of func(key string) bool) []string {
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
func (t *Positions) dropFirst(keys []string, n int) {
	for _, key := range keys {
		if n > 0 && t.kept[key].uses == 0 {
			t.forget(key)
			n--
		}
	}
}

// Tidy drops what is too old, and notes which devices are here.
func (t *Positions) Tidy() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, k := range t.kept {
		switch {
		case k.uses > 0 && k.position != nil && !k.position.isEmpty():
			k.seen, _ = t.clock()
			t.marks.Add(key)
		case k.uses == 0 && t.isOld(k):
			t.forget(key)
		}
	}
}

func (t *Positions) Changes() map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := t.marks.Take()
	values := make(map[string]any, len(keys))
	for key := range keys {
		values[key] = nil
		if k := t.kept[key]; k != nil {
			values[key] = storedPosition{Seen: k.seen.Unix(), Position: *k.position}
		}
	}
	return values
}

// Settle marks once more what was not written. What was, and is in nobody's use, is
// then in the file alone.
func (t *Positions) Settle(changes map[string]any, written bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range changes {
		k := t.kept[key]
		switch {
		case !written:
			t.marks.Add(key)
		case k != nil && k.uses == 0 && !t.marks.Has(key):
			k.position = nil
		}
	}
}
