package bridge

import (
	"reflect"
	"slices"
	"sync"
)

// maxSameRights is how many different permissions are remembered for others: roles
// are few, and people many.
const maxSameRights = 16

// sameRights lets users of whom Directus says the same have one copy of it.
type sameRights struct {
	mu   sync.Mutex
	sets []permissions // the one that was found or added last is the last; guarded by mu
}

// of returns permissions that are equal to p, which may be p itself.
func (s *sameRights) of(p permissions) permissions {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.sets, func(other permissions) bool { return reflect.DeepEqual(other, p) })
	switch {
	case i >= 0:
		p = s.sets[i]
		s.sets = slices.Delete(s.sets, i, i+1)
	case len(s.sets) == maxSameRights:
		s.sets = slices.Delete(s.sets, 0, 1)
	}
	s.sets = append(s.sets, p)
	return p
}
