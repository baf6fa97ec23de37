package resume

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/state"
)

const (
	// maxPositions and maxUserPositions bound the positions that are kept, in all and of
	// one user. Those of the devices that have been away for the longest are dropped.
	maxPositions     = 20000
	maxUserPositions = 256
)

// bucketName dates from when positions were called trails; so does the name in storedPosition.
const bucketName = "trails 1"

// Positions keeps the positions of the devices of all users. It is a state.Bucket. All methods
// may be called from any goroutine; Open alone waits for the disk.
type Positions struct {
	store *state.Store
	log   zerolog.Logger

	mu     sync.Mutex
	clock  func() (now time.Time, known bool) // see Begin; guarded by mu
	maxAge time.Duration                      // 0: positions are kept for good; guarded by mu
	kept   map[string]*keptPosition           // by key; guarded by mu
	marks  state.Marks                        // guarded by mu
}

// keptPosition is a position and its use. Its fields are guarded by Positions.mu.
type keptPosition struct {
	position *Position // nil: it is in the file only
	seen     time.Time // when the device was last here, by Positions.clock
	uses     int       // sessions that have it open
}

// storedPosition is a position as it stands in the file.
type storedPosition struct {
	Seen     int64    `json:"seen"` // in seconds
	Position Position `json:"trail"`
}

// NewPositions returns Positions without entries; the store loads them.
func NewPositions(store *state.Store, log zerolog.Logger) *Positions {
	return &Positions{store: store, log: log, clock: func() (time.Time, bool) { return time.Time{}, false }, kept: map[string]*keptPosition{}, marks: state.NewMarks(store)}
}

func (s *Positions) Bucket() string { return bucketName }
func (s *Positions) What() string   { return "what devices have received" }

// Load implements state.Bucket. The position itself stays in the file until it is opened.
func (s *Positions) Load(key string, value []byte) error {
	var stored storedPosition
	if err := json.Unmarshal(value, &stored); err != nil {
		return err
	}
	s.kept[key] = &keptPosition{seen: time.Unix(stored.Seen, 0)}
	return nil
}

// Begin sets how long a device may be away before its position is forgotten, and the clock
// by which that is measured. It is the clock of Directus, the only one that outlasts this
// machine; until that is known nothing is forgotten. Call it before Open.
func (s *Positions) Begin(maxAge time.Duration, clock func() (now time.Time, known bool)) {
	s.mu.Lock()
	s.maxAge, s.clock = maxAge, clock
	s.mu.Unlock()
	s.Tidy()
}

// Key names the position of a user's device in a channel of a collection of the Directus at
// origin. The channel comes last, as it alone is free text that might hold the separator.
func Key(origin, user, device, collection, channel string) string {
	return strings.Join([]string{origin, user, device, collection, channel}, "\x00")
}

// ownerOf returns the prefix that the keys of all positions of a user share.
func ownerOf(key string) string {
	parts := strings.SplitN(key, "\x00", 3)
	return strings.Join(parts[:min(2, len(parts))], "\x00") + "\x00"
}

// Open begins the use of a position, which is new if none is kept; Release ends it. It reads a
// position that is in the file only, and waits for the disk then. One that cannot be read is
// new, too.
func (s *Positions) Open(key string) {
	if !s.begun(key) {
		return
	}
	stored := s.read(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[key]; k.position == nil {
		k.position = stored
	}
}

// begun notes the use of a position and reports whether it is in the file only.
func (s *Positions) begun(key string) (stored bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[key]
	if k == nil {
		s.makeRoom(ownerOf(key))
		k = &keptPosition{position: &Position{}}
		s.kept[key] = k
	}
	if k.uses++; k.uses == 1 && s.isOld(k) {
		k.position = &Position{}
	}
	k.seen, _ = s.clock()
	return k.position == nil
}

// isOld reports whether a device was away for longer than maxAge. The caller holds mu.
func (s *Positions) isOld(k *keptPosition) bool {
	now, known := s.clock()
	return known && s.maxAge > 0 && now.Sub(k.seen) > s.maxAge
}

// Release ends the use of a position. Its device has been here until now.
func (s *Positions) Release(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[key]
	k.uses--
	k.seen, _ = s.clock()
	if !k.position.isEmpty() {
		s.marks.Add(key)
	} else if k.uses == 0 {
		s.forget(key)
	}
}

// Get returns a copy of a position that is open. Its slices must not be changed.
func (s *Positions) Get(key string) Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.kept[key].position
}

// Merge adds to a position that is open what its device has received since.
func (s *Positions) Merge(key string, news Position, h collection.Horizon) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[key].position.Merge(news, h)
	s.marks.Add(key)
}

// forget drops a position, from the file as well. The caller holds mu.
func (s *Positions) forget(key string) {
	delete(s.kept, key)
	s.marks.Add(key)
}

// read reads a position from the file; if there is none it returns a new one.
func (s *Positions) read(key string) *Position {
	var stored storedPosition
	value, err := s.store.Read(s.Bucket(), key)
	if err == nil && value != nil {
		err = json.Unmarshal(value, &stored)
	}
	if err != nil {
		s.log.Warn().Err(err).Msg("read what a device has received: it is shown the backlog")
		return &Position{}
	}
	return &stored.Position
}

// makeRoom drops positions in excess, before one of an owner is added. The caller holds mu.
func (s *Positions) makeRoom(owner string) {
	own := s.oldest(func(key string) bool { return strings.HasPrefix(key, owner) })
	if len(own) >= maxUserPositions {
		s.dropFirst(own, len(own)-maxUserPositions+1)
	}
	if len(s.kept) >= maxPositions {
		s.dropFirst(s.oldest(func(string) bool { return true }), maxPositions/10)
	}
}

// oldest lists the keys that match, those of the devices that have been away for the longest
// first. The caller holds mu.
func (s *Positions) oldest(of func(key string) bool) []string {
	var keys []string
	for key := range s.kept {
		if of(key) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(s.kept[a].seen.Compare(s.kept[b].seen), strings.Compare(a, b))
	})
	return keys
}

// dropFirst drops the first n positions that are not open. The caller holds mu.
func (s *Positions) dropFirst(keys []string, n int) {
	for _, key := range keys {
		if n > 0 && s.kept[key].uses == 0 {
			s.forget(key)
			n--
		}
	}
}

// Tidy implements state.Bucket: it drops positions that are too old, and notes which devices
// are here now.
func (s *Positions) Tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.kept {
		switch {
		case k.uses > 0 && k.position != nil && !k.position.isEmpty():
			k.seen, _ = s.clock()
			s.marks.Add(key)
		case k.uses == 0 && s.isOld(k):
			s.forget(key)
		}
	}
}

func (s *Positions) Changes() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.marks.Take()
	values := make(map[string]any, len(keys))
	for key := range keys {
		values[key] = nil
		if k := s.kept[key]; k != nil {
			values[key] = storedPosition{Seen: k.seen.Unix(), Position: *k.position}
		}
	}
	return values
}

// Settle implements state.Bucket. A position that was written and is not open is kept in the
// file only from then on.
func (s *Positions) Settle(changes map[string]any, written bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range changes {
		k := s.kept[key]
		switch {
		case !written:
			s.marks.Add(key)
		case k != nil && k.uses == 0 && !s.marks.Has(key):
			k.position = nil
		}
	}
}
