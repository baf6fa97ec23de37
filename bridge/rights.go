package bridge

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"directus-ircd/directus"
)

// rightsLife is how long an answer about a user's rights is believed where
// being wrong does no harm.
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

// mayChooseKey reports whether an item may be created with a key of the
// client's choice.
func (r rights) mayChooseKey() bool {
	return r.known && (slices.Contains(r.create.Fields, "*") || slices.Contains(r.create.Fields, "id"))
}

// mayNotCreate reports that nothing at all may be created.
func (r rights) mayNotCreate() bool {
	return r.known && (r.create.Access == "" || r.create.Access == "none")
}

// readsAll reports that no rule hides an item of the collection.
func (r rights) readsAll() bool { return r.known && r.read.Access == "full" }

// rightsCache remembers the rights of one user.
type rightsCache struct {
	account *directus.Account

	mu    sync.Mutex
	known map[string]rights // by collection; guarded by mu
	at    time.Time         // guarded by mu
	retry time.Time         // after an answer that did not come: not before; guarded by mu
	admin bool              // guarded by mu
	asked time.Time         // when admin was; guarded by mu
}

// recent returns the rights in a collection, a few minutes old at most. It does
// not wait long, nor again soon: a sender can do without.
func (c *rightsCache) recent(ctx context.Context, collection string) (rights, error) {
	c.mu.Lock()
	r, ok := c.known[collection]
	now := time.Now()
	fresh, wait := now.Sub(c.at) < rightsLife, now.Before(c.retry)
	c.mu.Unlock()
	if ok && fresh {
		return r, nil
	}
	if wait {
		return rights{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	r, err := c.now(ctx, collection)
	if err != nil {
		c.mu.Lock()
		c.retry = time.Now().Add(probePeriod)
		c.mu.Unlock()
	}
	return r, err
}

// now asks Directus.
func (c *rightsCache) now(ctx context.Context, collection string) (rights, error) {
	var all map[string]map[string]access
	if err := c.account.Do(ctx, http.MethodGet, "/permissions/me", nil, nil, &all); err != nil {
		return rights{}, fmt.Errorf("read own permissions: %w", err)
	}
	r := rights{known: all != nil, create: all[collection]["create"], read: all[collection]["read"]}
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) >= rightsLife {
		c.known, c.at = map[string]rights{}, time.Now()
	}
	c.known[collection] = r
	return r, nil
}

// administrator reports whether the user may do everything, as Directus said
// some minutes ago at most.
func (c *rightsCache) administrator(ctx context.Context) (bool, error) {
	c.mu.Lock()
	admin, fresh := c.admin, time.Since(c.asked) < rightsLife
	c.mu.Unlock()
	if fresh {
		return admin, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
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
