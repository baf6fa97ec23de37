package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// errRightsChanged says that names could be read when that was tried, but now
// cannot: who they belong to is not known for the moment.
var errRightsChanged = errors.New("the right to read names has changed")

// maxNames bounds what a directory remembers; beyond, it starts afresh.
const maxNames = 10000

// Directory knows the people that one Directus user may see by name. Messages
// carry only the author's id: a name is asked for once, not with each message.
// What else messages refer to is on its shelf.
type Directory struct {
	Account   *directus.Account
	Rights    *rights.Cache // has a lock of its own
	nicks     *nicks
	company   *company // has a lock of its own
	censuses  *censuses
	fields    []string // configured, tried in order to form the nick
	shelf     *shelf
	publicURL string        // the base of links to files
	life      time.Duration // see directoryOptions

	// searches bounds how many names that nobody has are asked for.
	searches *rate.Limiter

	mu       sync.Mutex
	people   map[string]knownPerson // guarded by mu
	readable []string               // the fields that may be read; guarded by mu
	said     bool                   // Directus has: of everybody, without a rule; guarded by mu
	probed   time.Time              // when that was found out; guarded by mu
	refused  bool                   // Directus has refused what it had said may be read; guarded by mu
	nobody   map[string]time.Time   // folded nicks that nobody has, until when that is believed; guarded by mu
}

type knownPerson struct {
	Person
	until time.Time
}

// Self reads the name of the user whose directory it is, who can see at least
// that.
func (d *Directory) Self(ctx context.Context) (p Person, ns namesakes, err error) {
	if p, err = d.readSelf(ctx); err != nil {
		return Person{}, namesakes{}, err
	}
	all, err := d.namesakes(ctx, map[string]Person{p.ID: p})
	return p, all[p.ID], err
}

func (d *Directory) readSelf(ctx context.Context) (Person, error) {
	me, err := d.Account.Me(ctx, append([]string{"id"}, d.fields...))
	if err != nil {
		return Person{}, fmt.Errorf("read own name: %w", err)
	}
	p := d.toPerson(me)
	p.ID = d.Account.ID()
	return p, nil
}

// Renew looks whether the user has got another name. A nick in use does not change.
func (d *Directory) Renew(ctx context.Context) (realname string, changed bool, err error) {
	p, err := d.readSelf(ctx)
	if err != nil {
		return "", false, err
	}
	realname, changed = d.nicks.rename(p)
	return realname, changed, nil
}

// users returns the IRC identities of the given users, as the user of the directory is
// to see them: see usersMeeting.
func (d *Directory) users(ctx context.Context, ids []string) (map[string]ircd.User, error) {
	return d.UsersMeeting(ctx, d.meets, ids)
}

// UsersMeeting returns the IRC identities of the given users; those whose names may
// not be read get one made from their id, unless they are met. Of those who are only
// mentioned, whom anybody may have made up, it returns those who are known by name. An
// error means that Directus could not be asked.
func (d *Directory) UsersMeeting(ctx context.Context, meets func(id string) bool, ids []string, mentioned ...string) (map[string]ircd.User, error) {
	people, missing := d.remembered(slices.Concat(ids, mentioned))
	if len(missing) > 0 {
		found, err := d.fetch(ctx, directus.Filter{"id": map[string]any{"_in": missing}}, len(missing))
		if err != nil && !errors.Is(err, errRightsChanged) {
			return nil, err
		}
		for _, p := range found {
			people[p.ID] = p
		}
		if err == nil {
			d.remember(people, missing)
		}
	}
	for _, id := range mentioned {
		if people[id].anonymous() && !meets(id) && !slices.Contains(ids, id) {
			delete(people, id)
		}
	}
	return d.identify(ctx, meets, people)
}

// Forget makes the directory ask anew: the rights of its user have changed.
func (d *Directory) Forget() {
	d.mu.Lock()
	d.people, d.nobody, d.probed, d.refused = nil, nil, time.Time{}, false
	d.mu.Unlock()
	d.censuses.forget(d.ownCensus())
	d.shelf.forget()
}

// identify turns people into IRC identities. Who is connected has the nick that others
// see, if the name may be read or they are met.
func (d *Directory) identify(ctx context.Context, meets func(id string) bool, people map[string]Person) (map[string]ircd.User, error) {
	all, err := d.namesakes(ctx, people)
	if err != nil {
		return nil, err
	}
	users := make(map[string]ircd.User, len(people))
	for id, p := range people {
		if u, ok := d.nicks.known(id); ok && meets(id) {
			users[id] = u
			continue
		}
		u := d.nicks.user(p, all[id])
		// Not what somebody else may read of the name.
		if u.Realname = p.realname; u.Realname == "" {
			u.Realname = u.Nick
		}
		users[id] = u
	}
	users[""] = UnknownUser
	d.nicks.Keep(ircd.Lasting(ctx)) // the file is waited for though the time for Directus is over
	return users, nil
}

func (d *Directory) remembered(ids []string) (people map[string]Person, missing []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	people = map[string]Person{}
	now := time.Now()
	for _, id := range ids {
		if _, ok := people[id]; ok || id == "" {
			continue
		}
		if k, ok := d.people[id]; ok && now.Before(k.until) {
			people[id] = k.Person
			continue
		}
		people[id] = Person{ID: id}
		if collection.IsUUID(id) { // else the author is no Directus user, and asking an error
			missing = append(missing, id)
		}
	}
	return people, missing
}

func (d *Directory) remember(people map[string]Person, ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.people == nil || len(d.people) > maxNames {
		d.people = map[string]knownPerson{}
	}
	until := time.Now().Add(d.life)
	for _, id := range ids {
		d.people[id] = knownPerson{people[id], until}
	}
}

// fetch reads users. What may not be read is left out: no user, no field.
func (d *Directory) fetch(ctx context.Context, filter directus.Filter, limit int) ([]Person, error) {
	fields, err := d.probe(ctx)
	if err != nil || len(fields) == 0 {
		return nil, err
	}
	var people []Person
	page := filter
	for len(people) < limit {
		n := collection.PageLimit(ctx, d.Account, limit-len(people))
		users, err := d.Account.Users(ctx, directus.Query{
			Fields: append([]string{"id"}, fields...), Filter: page, Sort: []string{"id"}, Limit: n,
		})
		if directus.IsCode(err, directus.CodeForbidden) {
			// The right was there when it was tried, or Directus said so, as it says of
			// fields that there are not: try again, where that was not done just now.
			if d.refuse() {
				return d.fetch(ctx, filter, limit)
			}
			return nil, errRightsChanged
		}
		if err != nil {
			return nil, fmt.Errorf("read names: %w", err)
		}
		for _, u := range users {
			people = append(people, d.toPerson(u))
		}
		if len(users) < n {
			break
		}
		ids := make([]string, len(people)) // Directus does not compare uuids
		for i, p := range people {
			ids[i] = p.ID
		}
		page = directus.And(filter, directus.Compare("id", "_nin", ids))
	}
	return people, nil
}

// refuse notes that Directus has refused what it had said may be read; again reports
// that it is worth another try.
func (d *Directory) refuse() (again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	again = !d.refused
	d.probed, d.refused = time.Time{}, true
	return again
}

// probe finds out, now and then, which of the configured fields the user may
// read: asking for one that they may not is refused as a whole. Mostly Directus has
// said so with the user's rights.
func (d *Directory) probe(ctx context.Context) ([]string, error) {
	d.mu.Lock()
	readable, fresh, refused := d.readable, time.Since(d.probed) < d.life, d.refused
	d.mu.Unlock()
	if fresh {
		return readable, nil
	}
	readable, said := d.Rights.Readable("directus_users", d.fields)
	said = said && !refused
	if !said {
		var err error
		if readable, err = d.try(ctx); err != nil {
			return nil, err
		}
	}
	d.mu.Lock()
	d.readable, d.said, d.probed = readable, said, time.Now()
	d.mu.Unlock()
	return readable, nil
}

// try asks for each of the configured fields.
func (d *Directory) try(ctx context.Context) (readable []string, err error) {
	for _, field := range d.fields {
		_, err := d.Account.Users(ctx, directus.Query{Fields: []string{"id", field}, Limit: 1})
		if directus.IsCode(err, directus.CodeForbidden) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("try reading user names: %w", err)
		}
		readable = append(readable, field)
	}
	return readable, nil
}

func (d *Directory) toPerson(u directus.User) Person {
	p := Person{ID: u.ID()}
	var all []string
	for _, field := range d.fields {
		value := strings.TrimSpace(u.String(field))
		if value == "" {
			continue
		}
		all = append(all, value)
		if p.name == "" && nickify(value) != "" {
			p.name = value
		}
	}
	p.realname = strings.Join(all, " ")
	return p
}
