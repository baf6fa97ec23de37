package bridge

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

// rightsLife is how long an answer about a user's rights is believed where
// being wrong does little harm.
const rightsLife = 5 * time.Minute

// rights are what Directus says that a user may do with a collection.
type rights struct {
	// known is false on Directus 10, which does not tell.
	known        bool
	create, read access
}

// access is one action's part of GET /permissions/me.
type access struct {
	Access string   `json:"access"` // full, partial (under a rule) or none
	Fields []string `json:"fields"`
}

// permissions are the answer of GET /permissions/me, by collection and action; nil
// on Directus 10, which does not tell.
type permissions map[string]map[string]access

func (p permissions) in(name string) rights {
	return rights{known: p != nil, create: p[name]["create"], read: p[name]["read"]}
}

// mayChooseKey reports whether an item may be created with a key of the
// client's choice.
func (r rights) mayChooseKey(field string) bool {
	return r.known && (slices.Contains(r.create.Fields, "*") || slices.Contains(r.create.Fields, field))
}

// mayNotCreate reports that nothing at all may be created.
func (r rights) mayNotCreate() bool {
	return r.known && (r.create.Access == "" || r.create.Access == "none")
}

// readsAll reports that no rule hides an item of the collection.
func (r rights) readsAll() bool { return r.known && r.read.readsAll() }

// rightsCache remembers the rights of one user.
type rightsCache struct {
	account *directus.Account
	same    *sameRights  // has a lock of its own
	changed atomic.Int64 // how often renew has found others

	mu    sync.Mutex
	all   permissions // as Directus told them last; guarded by mu
	told  bool        // it did; guarded by mu
	at    time.Time   // when it was asked; guarded by mu
	retry time.Time   // after an answer that did not come: not before; guarded by mu
	admin bool        // guarded by mu
	asked time.Time   // when admin was; guarded by mu
}

// newRightsCache knows nothing yet. Users whose rights are the same share one copy.
func newRightsCache(account *directus.Account, same *sameRights) *rightsCache {
	return &rightsCache{account: account, same: same}
}

// recent returns the rights in a collection as renew has found them last. It does
// not wait long, nor again soon: a sender can do without.
func (c *rightsCache) recent(ctx context.Context, name string) (rights, error) {
	c.mu.Lock()
	all, told, wait := c.all, c.told, time.Now().Before(c.retry)
	c.mu.Unlock()
	if told {
		return all.in(name), nil
	}
	if wait {
		return rights{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, collection.AnswerTimeout)
	defer cancel()
	r, err := c.now(ctx, name)
	if err != nil {
		c.mu.Lock()
		c.retry = time.Now().Add(collection.ProbePeriod)
		c.mu.Unlock()
	}
	return r, err
}

// audience is that of a group, as Directus said last; empty if it did not.
func (c *rightsCache) audience(g *collection.Group, nick []string) collection.Audience {
	c.mu.Lock()
	all := c.all
	c.mu.Unlock()
	return all.audience(g, nick)
}

// readable lists those of some fields that the user may read of every item of a
// collection. ok is false where Directus has not said so, or not without a rule.
func (c *rightsCache) readable(name string, fields []string) (readable []string, ok bool) {
	c.mu.Lock()
	known, read := c.all != nil, c.all[name]["read"]
	c.mu.Unlock()
	return read.readable(fields), known && read.Access != "partial"
}

// suffice reports whether the user may read a group, be it only those of its items that a
// rule lets through. said is false where Directus has not told: a filter may look at other
// collections, too.
func (c *rightsCache) suffice(g *collection.Group) (readable, said bool) {
	c.mu.Lock()
	known, read := c.all != nil, c.all[g.Collection]["read"]
	c.mu.Unlock()
	said = known && g.Common
	return said && read.Access != "none" && read.names(g.Query...) && read.names(g.Asked...), said
}

// mayNotRead reports that nothing of a collection may be read, as Directus said last.
func (c *rightsCache) mayNotRead(name string) bool {
	c.mu.Lock()
	known, read := c.all != nil, c.all[name]["read"]
	c.mu.Unlock()
	return known && (read.Access == "" || read.Access == "none")
}

// provenAt is when Directus was asked last.
func (c *rightsCache) provenAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// now asks Directus for the rights in a collection.
func (c *rightsCache) now(ctx context.Context, name string) (rights, error) {
	begun := time.Now()
	all, err := c.ask(ctx)
	if err != nil {
		return rights{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told { // what has changed since, renew is to find
		c.all, c.told, c.at = all, true, begun
	}
	return all.in(name), nil
}

func (c *rightsCache) ask(ctx context.Context) (permissions, error) {
	var all permissions
	if err := c.account.Do(ctx, http.MethodGet, "/permissions/me", nil, nil, &all); err != nil {
		return nil, fmt.Errorf("read own permissions: %w", err)
	}
	return c.same.of(all), nil
}

// renew asks Directus for all rights; changes counts on if they may have changed.
func (c *rightsCache) renew(ctx context.Context) error {
	begun := time.Now()
	all, err := c.ask(ctx)
	if err != nil {
		return err
	}
	c.learn(all, begun)
	return nil
}

// learn takes what Directus has answered to a question that was asked at a moment of ours.
func (c *rightsCache) learn(all permissions, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if all == nil || !c.told || !reflect.DeepEqual(all, c.all) {
		c.changed.Add(1)
	}
	c.all, c.told, c.at, c.asked = all, true, at, time.Time{}
}

// changes is how often Directus has told of other rights than before.
func (c *rightsCache) changes() int64 { return c.changed.Load() }

// administrator reports whether the user may do everything, as Directus said
// some minutes ago at most.
func (c *rightsCache) administrator(ctx context.Context) (bool, error) {
	c.mu.Lock()
	admin, fresh := c.admin, time.Since(c.asked) < rightsLife
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
func (c *rightsCache) askAdministrator(ctx context.Context) (bool, error) {
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
