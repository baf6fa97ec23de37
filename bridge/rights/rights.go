package rights

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// life is how long an answer about a user's rights is used where being wrong does little
// harm.
const life = 5 * time.Minute

// Rights are what a user may do with a collection, as Directus told. The zero value is that
// of a Directus that does not tell; all questions are answered no then.
type Rights struct {
	known        bool
	create, read directus.Permission
}

// permissions are what Directus said of the rights of a user; nil on Directus 10, which does not
// tell. They are kept without presets. Immutable, as users share them.
type permissions directus.Permissions

func (p permissions) in(name string) Rights {
	return Rights{known: p != nil, create: p[name]["create"], read: p[name]["read"]}
}

// MayChooseKey reports whether the user may create an item with a key of their choice, in the
// field that is the primary key.
func (r Rights) MayChooseKey(field string) bool {
	return r.known && len(r.create.Refused(field)) == 0
}

// MayNotCreate reports whether Directus said that the user may create nothing at all.
func (r Rights) MayNotCreate() bool {
	return r.known && !r.create.Allowed()
}

// ReadsAll reports whether Directus said that no rule hides an item of the collection.
func (r Rights) ReadsAll() bool { return r.known && readsAll(r.read) }

// Cache holds the rights of one user. Any goroutine may use it. Methods with a context may
// ask Directus, the others answer from memory.
type Cache struct {
	account account
	same    *Shared      // has a lock of its own
	changed atomic.Int64 // see Changes

	mu    sync.Mutex  // a leaf lock
	all   permissions // as Directus told them last; guarded by mu
	told  bool        // Directus has answered; guarded by mu
	at    time.Time   // when all was asked for; guarded by mu
	retry time.Time   // when Recent may ask again after a failure; guarded by mu
	admin bool        // whether the user is an administrator; guarded by mu
	asked time.Time   // when admin was asked for; guarded by mu
}

// account is what is asked of a directus.Account.
type account interface {
	Permissions(context.Context) (directus.Permissions, error)
	Administrator(context.Context) (bool, error)
}

// NewCache returns an empty cache. Users with equal rights share one copy of them by same.
func NewCache(of account, same *Shared) *Cache { return &Cache{account: of, same: same} }

// Recent returns the rights in a collection as Renew has found them last. It asks Directus if
// they were never found, but no longer than collection.AnswerTimeout; after a failure it
// returns zero Rights for collection.ProbePeriod.
func (c *Cache) Recent(ctx context.Context, name string) (Rights, error) {
	c.mu.Lock()
	all, told, wait := c.all, c.told, time.Now().Before(c.retry)
	c.mu.Unlock()
	if told {
		return all.in(name), nil
	}
	if wait {
		return Rights{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	r, err := c.Now(ctx, name)
	if err != nil {
		c.mu.Lock()
		c.retry = time.Now().Add(collection.ProbePeriod)
		c.mu.Unlock()
	}
	return r, err
}

// Audience returns permissions.audience of what Directus said last; empty if it did not.
func (c *Cache) Audience(g *collection.Group, nick []string) (of collection.Audience, why string) {
	c.mu.Lock()
	all := c.all
	c.mu.Unlock()
	return all.audience(g, nick)
}

// Readable lists those of some fields that the user may read of every item of a
// collection. ok is false if Directus has not told, or if a rule decides.
func (c *Cache) Readable(name string, fields []string) (may []string, ok bool) {
	r := c.last(name)
	return readable(r.read, fields), r.known && r.read.Access != "partial"
}

// Reads reports whether Directus said that the user may read a field, if only of those items that a
// rule lets through.
func (c *Cache) Reads(name, field string) bool {
	r := c.last(name)
	return r.known && r.read.Allowed() && len(r.read.Refused(field)) == 0
}

// Hides reports whether Directus said that the user may read a collection, but not a field of it.
func (c *Cache) Hides(name, field string) bool {
	r := c.last(name)
	return r.known && r.read.Allowed() && len(r.read.Refused(field)) > 0
}

// last returns the rights in a collection that Directus has told last.
func (c *Cache) last(name string) Rights {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.in(name)
}

// Suffice reports whether the user may read all fields that a group asks for, if only of
// those items that a rule lets through. said is false if the permissions do not tell: they
// are not known, or the filter evaluates other collections as well.
func (c *Cache) Suffice(g *collection.Group) (readable, said bool) {
	r := c.last(g.Collection)
	said = r.known && g.Common
	return said && r.read.Allowed() && len(r.read.Refused(g.Query...)) == 0 && len(r.read.Refused(g.Asked...)) == 0, said
}

// MayNotRead reports whether Directus said that the user may read nothing of a collection.
func (c *Cache) MayNotRead(name string) bool {
	r := c.last(name)
	return r.known && !r.read.Allowed()
}

// ProvenAt returns the time, by our clock, when the permissions that are known were asked
// for; zero if none are.
func (c *Cache) ProvenAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Now asks Directus for the rights in a collection. If it finds changes they are left for
// Renew to find, which counts them.
func (c *Cache) Now(ctx context.Context, name string) (Rights, error) {
	begun := time.Now()
	all, err := c.ask(ctx)
	if err != nil {
		return Rights{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told {
		c.all, c.told, c.at = all, true, begun
	}
	return all.in(name), nil
}

func (c *Cache) ask(ctx context.Context) (permissions, error) {
	all, err := c.account.Permissions(ctx)
	if err != nil {
		return nil, err
	}
	for _, actions := range all { // presets may name the user, and tell those apart whose rights are the same
		for action, p := range actions {
			p.Presets = nil
			actions[action] = p
		}
	}
	return c.same.of(permissions(all)), nil
}

// Renew asks Directus for all rights. Changes goes up if they may have changed. What Directus
// says counts only if prove, unless it is nil, then returns no error: that the answer was given
// to the user of the cache.
func (c *Cache) Renew(ctx context.Context, prove func() error) error {
	begun := time.Now()
	all, err := c.ask(ctx)
	if err == nil && prove != nil {
		err = prove()
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if all == nil || !c.told || !reflect.DeepEqual(all, c.all) {
		c.changed.Add(1)
	}
	c.all, c.told, c.at, c.asked = all, true, begun, time.Time{}
	return nil
}

// Changes returns how often the permissions were other than before, or may have been.
func (c *Cache) Changes() int64 { return c.changed.Load() }

// Administrator reports whether the user may do everything. The answer may be some minutes
// old. The error means that Directus did not answer within collection.AnswerTimeout.
func (c *Cache) Administrator(ctx context.Context) (bool, error) {
	c.mu.Lock()
	admin, fresh := c.admin, time.Since(c.asked) < life
	c.mu.Unlock()
	if fresh {
		return admin, nil
	}
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	admin, err := c.account.Administrator(ctx)
	if err != nil {
		return false, fmt.Errorf("ask whether the user is an administrator: %w", err)
	}
	c.mu.Lock()
	c.admin, c.asked = admin, time.Now()
	c.mu.Unlock()
	return admin, nil
}

// maxShared is how many different permissions are kept to be shared: there are few roles
// and many people.
const maxShared = 16

// Shared lets users with equal permissions share one copy of them. The zero value is ready
// for use, by any goroutine.
type Shared struct {
	mu   sync.Mutex    // a leaf lock
	sets []permissions // the most recently used one is the last; guarded by mu
}

// of returns permissions that are equal to p, which may be p itself.
func (s *Shared) of(p permissions) permissions {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.sets, func(other permissions) bool { return reflect.DeepEqual(other, p) })
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
