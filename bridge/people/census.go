package people

import (
	"cmp"
	"context"
	"encoding/hex"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"directus-ircd/ircd/wire"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"
)

const (
	// maxCounted bounds a census that is shared by all who may read every user, and
	// maxOwnCounted one that belongs to a user who may not.
	maxCounted    = 20000
	maxOwnCounted = 5000
	// maxCensuses and maxCensusEntries bound all censuses together. The least recently
	// used are dropped, and read again on demand.
	maxCensuses      = 256
	maxCensusEntries = 200000
	// maxCandidates bounds the users who are considered for one nick.
	maxCandidates = 16
)

// census is an index of the users that a reader may see by name. It answers who shares a
// name, and who may be behind a nick. It tells no reader more than Directus would.
// Immutable.
type census struct {
	taken time.Time
	all   bool // nobody is left out
	seed  maphash.Seed
	// entries are in the order of their bases.
	entries []counted
}

// counted is a user in a census.
type counted struct {
	base uint64 // the hash of the folded nick that the name makes
	id   uuid.UUID
}

// newCensus makes a census of people, counting each once; all means that nobody is left
// out.
func newCensus(seed maphash.Seed, people []Person, all bool) *census {
	c := &census{taken: time.Now(), all: all, seed: seed, entries: make([]counted, 0, len(people))}
	for _, p := range people {
		if id, err := uuid.Parse(p.ID); err == nil {
			c.entries = append(c.entries, counted{c.hash(p.base()), id})
		}
	}
	slices.SortFunc(c.entries, func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.base, b.base), slices.Compare(a.id[:], b.id[:]))
	})
	c.entries = slices.Compact(c.entries)
	return c
}

func (c *census) hash(base string) uint64 { return maphash.String(c.seed, wire.Fold(base)) }

// of lists the ids of those whose name makes the nick base.
func (c *census) of(base string) []string {
	var ids []string
	hash := c.hash(base)
	i, _ := slices.BinarySearchFunc(c.entries, hash, func(e counted, h uint64) int { return cmp.Compare(e.base, h) })
	for ; i < len(c.entries) && c.entries[i].base == hash; i++ {
		ids = append(ids, c.entries[i].id.String())
	}
	return ids
}

// namesakes returns what the census knows of others with a person's name.
func (c *census) namesakes(p Person) namesakes {
	ids := slices.DeleteFunc(c.of(p.base()), func(id string) bool { return id == p.ID })
	return namesakes{ids: ids, all: c.all}
}

// candidates lists who may be behind a nick that was not handed out yet. Where several
// share a name, none of them gets the plain nick.
func (c *census) candidates(nick string) []string {
	digits, numbered := isNumbered(nick)
	if !numbered {
		if ids := c.of(nick); len(ids) == 1 {
			return ids
		}
		return nil
	}
	var ids []string
	var id [2 * len(uuid.UUID{})]byte
	for _, e := range c.entries {
		hex.Encode(id[:], e.id[:])
		if strings.HasPrefix(string(id[:]), digits) && len(ids) < maxCandidates {
			ids = append(ids, e.id.String())
		}
	}
	return ids
}

// censuses caches one census for all who may read the same, so that naming and finding
// people costs Directus one reading in a while.
type censuses struct {
	seed maphash.Seed

	mu   sync.Mutex
	kept map[string]*keptCensus // guarded by mu
}

// keptCensus is an entry of the cache. All its fields but turn are guarded by censuses.mu.
type keptCensus struct {
	census *census             // nil: not read yet
	used   time.Time           // when it was last used
	turn   *semaphore.Weighted // a mutex with a deadline, held by the goroutine that reads it
}

func newCensuses() *censuses {
	return &censuses{seed: maphash.MakeSeed(), kept: map[string]*keptCensus{}}
}

// recent returns a cached census that is not older than maxAge, or nil.
func (cs *censuses) recent(key string, maxAge time.Duration) *census {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	k := cs.kept[key]
	if k == nil || k.census == nil || time.Since(k.census.taken) > maxAge {
		return nil
	}
	k.used = time.Now()
	return k.census
}

// get returns a census that is not older than maxAge, and reads it if need be. Of several
// concurrent callers one reads it for all.
func (cs *censuses) get(ctx context.Context, key string, maxAge time.Duration, read func(context.Context) (*census, error)) (*census, error) {
	turn := cs.turn(key)
	if err := turn.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer turn.Release(1)
	if c := cs.recent(key, maxAge); c != nil {
		return c, nil
	}
	c, err := read(ctx)
	if err != nil {
		return nil, err
	}
	cs.keep(key, turn, c)
	return c, nil
}

func (cs *censuses) turn(key string) *semaphore.Weighted {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	k := cs.kept[key]
	if k == nil {
		cs.makeRoom(maxCensuses - 1)
		k = &keptCensus{turn: semaphore.NewWeighted(1)}
		cs.kept[key] = k
	}
	k.used = time.Now()
	return k.turn
}

func (cs *censuses) keep(key string, turn *semaphore.Weighted, c *census) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.kept[key] = &keptCensus{census: c, used: time.Now(), turn: turn}
	cs.makeRoom(maxCensuses)
}

// makeRoom drops the least recently used censuses until no more than most are left. The
// caller holds mu.
func (cs *censuses) makeRoom(most int) {
	entries := 0
	for _, k := range cs.kept {
		if k.census != nil {
			entries += len(k.census.entries)
		}
	}
	if len(cs.kept) <= most && entries <= maxCensusEntries {
		return
	}
	keys := slices.SortedFunc(maps.Keys(cs.kept), func(a, b string) int { return cs.kept[a].used.Compare(cs.kept[b].used) })
	for _, key := range keys {
		if len(cs.kept) <= most && entries <= maxCensusEntries {
			return
		}
		if c := cs.kept[key].census; c != nil {
			entries -= len(c.entries)
		}
		delete(cs.kept, key)
	}
}

func (cs *censuses) forget(key string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.kept, key)
}
