package people

import (
	"sync"
	"time"
)

// commonProof is how old the proof of a user's rights may be when names are read that others are
// given as well: as old as that of the leader of a shared feed.
const commonProof = 30 * time.Second

// commonNames caches the names of people for all who provably may read the same of everybody,
// so that they are read once and not again for each who logs in. The key says what that is; see
// Directory.settle. Only those who were found are in it: that somebody is missing, the user to
// whom Directus said so has to know for themselves. Any goroutine may use it.
type commonNames struct {
	mu    sync.Mutex                        // a leaf lock
	known map[string]map[string]knownPerson // by key and id; guarded by mu
	count int                               // of all keys; guarded by mu
}

// add puts the people who are known into a map, and returns the ids of the others.
func (c *commonNames) add(people map[string]Person, key string, ids []string) (missing []string) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known[key]
	for _, id := range ids {
		if k, ok := known[id]; ok && now.Before(k.until) {
			people[id] = k.Person
			continue
		}
		missing = append(missing, id)
	}
	return missing
}

// keep caches people until a time. Beyond maxNames the cache is emptied.
func (c *commonNames) keep(key string, people []Person, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || c.count+len(people) > maxNames {
		c.known, c.count = map[string]map[string]knownPerson{}, 0
	}
	of := c.known[key]
	if of == nil {
		of = map[string]knownPerson{}
		c.known[key] = of
	}
	c.count -= len(of)
	for _, p := range people {
		of[p.ID] = knownPerson{p, until}
	}
	c.count += len(of)
}

// forget drops what was read under a key by somebody whose rights have changed, perhaps before
// that was known.
func (c *commonNames) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count -= len(c.known[key])
	delete(c.known, key)
}
