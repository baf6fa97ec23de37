package rights

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// life is how long an answer about a user's rights is believed where
// being wrong does little harm.
const life = 5 * time.Minute

// Rights are what Directus says that a user may do with a collection.
type Rights struct {
	// known is false on Directus 10, which does not tell.
	known        bool
	create, read access
}

// access is one action's part of GET /permissions/me.
type access struct {
	Access string   `json:"access"` // full, partial (under a rule) or none
	Fields []string `json:"fields"`
}

// Permissions are the answer of GET /permissions/me, by collection and action; nil
// on Directus 10, which does not tell.
type Permissions map[string]map[string]access

func (p Permissions) In(name string) Rights {
	return Rights{known: p != nil, create: p[name]["create"], read: p[name]["read"]}
}

// MayChooseKey reports whether an item may be created with a key of the
// client's choice.
func (r Rights) MayChooseKey(field string) bool {
	return r.known && (slices.Contains(r.create.Fields, "*") || slices.Contains(r.create.Fields, field))
}

// MayNotCreate reports that nothing at all may be created.
func (r Rights) MayNotCreate() bool {
	return r.known && (r.create.Access == "" || r.create.Access == "none")
}

// ReadsAll reports that no rule hides an item of the collection.
func (r Rights) ReadsAll() bool { return r.known && r.read.ReadsAll() }

// Cache remembers the rights of one user.
type Cache struct {
	account *directus.Account
	same    *Shared      // has a lock of its own
	changed atomic.Int64 // how often renew has found others

	mu    sync.Mutex
	all   Permissions // as Directus told them last; guarded by mu
	told  bool        // it did; guarded by mu
	at    time.Time   // when it was asked; guarded by mu
	retry time.Time   // after an answer that did not come: not before; guarded by mu
	admin bool        // guarded by mu
	asked time.Time   // when admin was; guarded by mu
}

// NewCache knows nothing yet. Users whose rights are the same share one copy.
func NewCache(account *directus.Account, same *Shared) *Cache {
	return &Cache{account: account, same: same}
}

// Recent returns the rights in a collection as renew has found them last. It does
// not wait long, nor again soon: a sender can do without.
func (c *Cache) Recent(ctx context.Context, name string) (Rights, error) {
	c.mu.Lock()
	all, told, wait := c.all, c.told, time.Now().Before(c.retry)
	c.mu.Unlock()
	if told {
		return all.In(name), nil
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

// Audience is that of a group, as Directus said last; empty if it did not.
func (c *Cache) Audience(g *collection.Group, nick []string) collection.Audience {
	c.mu.Lock()
	all := c.all
	c.mu.Unlock()
	return all.Audience(g, nick)
}

// Readable lists those of some fields that the user may read of every item of a
// collection. ok is false where Directus has not said so, or not without a rule.
func (c *Cache) Readable(name string, fields []string) (readable []string, ok bool) {
	c.mu.Lock()
	known, read := c.all != nil, c.all[name]["read"]
	c.mu.Unlock()
	return read.Readable(fields), known && read.Access != "partial"
}

// Suffice reports whether the user may read a group, be it only those of its items that a
// rule lets through. said is false where Directus has not told: a filter may look at other
// collections, too.
func (c *Cache) Suffice(g *collection.Group) (readable, said bool) {
	c.mu.Lock()
	known, read := c.all != nil, c.all[g.Collection]["read"]
	c.mu.Unlock()
	said = known && g.Common
	return said && read.Access != "none" && read.names(g.Query...) && read.names(g.Asked...), said
}

// MayNotRead reports that nothing of a collection may be read, as Directus said last.
func (c *Cache) MayNotRead(name string) bool {
	c.mu.Lock()
	known, read := c.all != nil, c.all[name]["read"]
	c.mu.Unlock()
	return known && (read.Access == "" || read.Access == "none")
}

// ProvenAt is when Directus was asked last.
func (c *Cache) ProvenAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Now asks Directus for the rights in a collection.
func (c *Cache) Now(ctx context.Context, name string) (Rights, error) {
	begun := time.Now()
	all, err := c.ask(ctx)
	if err != nil {
		return Rights{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told { // what has changed since, renew is to find
		c.all, c.told, c.at = all, true, begun
	}
	return all.In(name), nil
}

func (c *Cache) ask(ctx context.Context) (Permissions, error) {
	var all Permissions
	if err := c.account.Do(ctx, http.MethodGet, "/permissions/me", nil, nil, &all); err != nil {
		return nil, fmt.Errorf("read own permissions: %w", err)
	}
	return c.same.of(all), nil
}

// Renew asks Directus for all rights; changes counts on if they may have changed.
func (c *Cache) Renew(ctx context.Context) error {
	begun := time.Now()
	all, err := c.ask(ctx)
	if err != nil {
		return err
	}
	c.Learn(all, begun)
	return nil
}

// Learn takes what Directus has answered to a question that was asked at a moment of ours.
func (c *Cache) Learn(all Permissions, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if all == nil || !c.told || !reflect.DeepEqual(all, c.all) {
		c.changed.Add(1)
	}
	c.all, c.told, c.at, c.asked = all, true, at, time.Time{}
}

// Changes is how often Directus has told of other rights than before.
func (c *Cache) Changes() int64 { return c.changed.Load() }

// Administrator reports whether the user may do everything, as Directus said
// some minutes ago at most.
func (c *Cache) Administrator(ctx context.Context) (bool, error) {
	c.mu.Lock()
	admin, fresh := c.admin, time.Since(c.asked) < life
	c.mu.Unlock()
	if fresh {
		return admin, nil
	}
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	admin, err := c.askAdministrator(ctx)
	if err != nil {
		return false, fmt.Errorf("ask whether the user is an administrator: %w", err)
	}
	c.mu.Lock()
	c.admin, c.asked = admin, time.Now()
	c.mu.Unlock()
	return admin, nil
}

// askAdministrator asks for the user's policies, which Directus adds up itself.
// Before 11 there were none, and a role was what made an administrator; that of
// others it does not show to everybody, but an administrator sees all.
func (c *Cache) askAdministrator(ctx context.Context) (bool, error) {
	var globals struct {
		Admin bool `json:"admin_access"`
	}
	err := c.account.Do(ctx, http.MethodGet, "/policies/me/globals", nil, nil, &globals)
	if !directus.IsCode(err, directus.CodeRouteNotFound) {
		return globals.Admin, err
	}
	// Asked for a field that it does not show, and for nothing else, Directus 10
	// answers with the bare id.
	me, err := c.account.Me(ctx, []string{"id", "role.admin_access"})
	if err != nil {
		return false, err
	}
	role, _ := me["role"].(map[string]any)
	admin, _ := role["admin_access"].(bool)
	return admin, nil
}
