package rights

import (
	"reflect"
	"slices"
	"sync"
)

// maxShared is how many different permissions are remembered for others: roles
// are few, and people many.
const maxShared = 16

// Shared lets users of whom Directus says the same have one copy of it.
type Shared struct {
	mu   sync.Mutex
	sets []Permissions // the one that was found or added last is the last; guarded by mu
}

// of returns permissions that are equal to p, which may be p itself.
func (s *Shared) of(p Permissions) Permissions {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.sets, func(other Permissions) bool { return reflect.DeepEqual(other, p) })
	switch {
	case i >= 0:
		p = s.sets[i]
		s.sets = slices.Delete(s.sets, i, i+1)
	case len(s.sets) == maxShared:
		s.sets = slices.Delete(s.sets, 0, 1)
	}
	s.sets = append(s.sets, p)
	return p
}
