package people

import (
	"cmp"
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
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// errRightsChanged means that names that could be read a moment ago can no longer be read,
// so that nothing is known of the people for now.
var errRightsChanged = errors.New("the right to read names has changed")

const (
	// maxNames bounds each cache of a directory; beyond, the cache is emptied.
	maxNames = 10000
	// maxName is how many bytes of a field of a name are kept, several times what is shown. SQLite
	// lets people store much more, and each directory has a copy.
	maxName = 512
)

// Directory turns user ids into IRC identities, as one Directus user may see them: messages
// carry only the ids of people. It caches names, so that they are not read with each
// message, and the attachments of messages. Any goroutine may use it.
type Directory struct {
	account   *directus.Account
	rights    *rights.Cache // has a lock of its own
	nicks     *nicks
	company   *company // has a lock of its own
	censuses  *censuses
	shared    *commonNames  // has a lock of its own
	fields    []string      // that are read of users: names, and Options.AccountField
	names     []string      // see Options.NickFields
	publicURL string        // see Options
	life      time.Duration // see Options

	attachments *attachments // has a lock of its own

	// searches limits how often users are searched for a nick that nobody has.
	searches *rate.Limiter

	mu        sync.Mutex             // a leaf lock
	people    map[string]knownPerson // guarded by mu
	scope     scope                  // guarded by mu
	probed    time.Time              // when scope was found out; guarded by mu
	refused   bool                   // Directus has refused a field that it had said may be read; guarded by mu
	forgotten int                    // calls of Forget; guarded by mu
	nobody    map[string]time.Time   // when to search again for a folded nick that nobody has; guarded by mu
}

type knownPerson struct {
	Person
	until time.Time
}

// Account returns the account of the user whose directory it is.
func (d *Directory) Account() *directus.Account { return d.account }

// Self reads the name of the user of the directory, which that user may always read, and
// who else is known to have it: see Community.Connect.
func (d *Directory) Self(ctx context.Context) (p Person, ns namesakes, err error) {
	if p, err = d.self(ctx, nil); err != nil {
		return Person{}, namesakes{}, err
	}
	all, err := d.namesakes(ctx, map[string]Person{p.ID: p})
	return p, all[p.ID], err
}

// OwnFields are the fields of the own user that the directory wants, the id first.
func (d *Directory) OwnFields() []string { return append([]string{"id"}, d.fields...) }

// self makes the person of what Directus has told of the own user, which it reads if me is nil.
func (d *Directory) self(ctx context.Context, me directus.User) (Person, error) {
	if me == nil {
		var err error
		if me, err = d.account.Me(ctx, d.OwnFields()); err != nil {
			return Person{}, fmt.Errorf("read own name: %w", err)
		}
	}
	p := d.toPerson(me)
	p.ID = d.account.ID()
	return p, nil
}

// Renew takes the present name of the user of the directory, and reports whether the real name
// has changed. A nick in use does not change. me are the OwnFields as Directus has just told
// them; if it is nil, Renew reads them.
func (d *Directory) Renew(ctx context.Context, me directus.User) (realname string, changed bool, err error) {
	p, err := d.self(ctx, me)
	if err != nil {
		return "", false, err
	}
	realname, changed = d.nicks.rename(p)
	return realname, changed, nil
}

// UsersMeeting returns the IRC identities of users by id. One whose name may not be read
// gets a nick made from the id, unless meets reports that this user is seen in a channel.
// Ids that are only mentioned in a text may be made up: of these it returns users who are
// known by name. An error means that Directus could not be asked.
func (d *Directory) UsersMeeting(ctx context.Context, meets func(id string) bool, ids []string, mentioned ...string) (map[string]ircd.User, error) {
	people, missing := d.remembered(slices.Concat(ids, mentioned))
	if len(missing) > 0 {
		found, err := d.fetch(ctx, directus.Filter{"id": map[string]any{"_in": missing}}, len(missing))
		if err != nil && !errors.Is(err, errRightsChanged) {
			return nil, err
		}
		for _, p := range found.people {
			people[p.ID] = p
		}
		if err == nil {
			d.remember(people, missing, found)
		}
	}
	for _, id := range mentioned {
		if people[id].anonymous() && !meets(id) && !slices.Contains(ids, id) {
			delete(people, id)
		}
	}
	return d.identify(ctx, meets, people)
}

// Forget empties the caches of the directory, as the rights of its user have changed.
func (d *Directory) Forget() {
	d.mu.Lock()
	common := d.scope.common
	d.people, d.nobody, d.scope, d.probed, d.refused = nil, nil, scope{}, time.Time{}, false
	d.forgotten++
	d.mu.Unlock()
	d.shared.forget(common)
	d.censuses.forget(d.ownCensus())
	d.attachments.forget()
}

// identify turns people into IRC identities. Somebody who is connected and met has the nick
// that everybody in their channels sees.
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
		u.Realname = cmp.Or(p.realname, u.Nick)
		users[id] = u
	}
	users[""] = UnknownUser
	d.nicks.Keep(ircd.Lasting(ctx)) // waits for the file even if the deadline for Directus has passed
	return users, nil
}

func (d *Directory) remembered(ids []string) (people map[string]Person, missing []string) {
	people, missing = d.own(ids)
	if len(missing) == 0 {
		return people, nil
	}
	if sc, _, _ := d.settle(); sc.common != "" {
		missing = d.shared.add(people, sc.common, missing)
	}
	return people, missing
}

// own is remembered without the names that are shared.
func (d *Directory) own(ids []string) (people map[string]Person, missing []string) {
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
		if collection.IsUUID(id) { // other authors are no users of Directus, and asking for them is an error
			missing = append(missing, id)
		}
	}
	return people, missing
}

// remember caches what became of the ids that were missing: found has those that were found.
func (d *Directory) remember(people map[string]Person, ids []string, found fetched) {
	until := time.Now().Add(d.life)
	if found.common != "" && time.Since(d.rights.ProvenAt()) < commonProof {
		d.shared.keep(found.common, found.people, until)
		ids = slices.DeleteFunc(ids, func(id string) bool {
			return slices.ContainsFunc(found.people, func(p Person) bool { return p.ID == id })
		})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.people == nil || len(d.people) > maxNames {
		d.people = map[string]knownPerson{}
	}
	for _, id := range ids {
		d.people[id] = knownPerson{people[id], until}
	}
}

// fetched are people who were read, and the key of the names that are shared by which that was.
type fetched struct {
	people []Person
	common string
}

// fetch reads users, without those users and fields that may not be read.
func (d *Directory) fetch(ctx context.Context, filter directus.Filter, limit int) (fetched, error) {
	sc, err := d.probe(ctx)
	if err != nil || len(sc.fields) == 0 {
		return fetched{}, err
	}
	var people []Person
	page := filter
	for len(people) < limit {
		n := collection.PageLimit(ctx, d.account, limit-len(people))
		users, err := d.account.Users(ctx, directus.Query{
			Fields: append([]string{"id"}, sc.fields...), Filter: page, Sort: []string{"id"}, Limit: n,
		})
		if directus.IsCode(err, directus.CodeForbidden) {
			// The right was there when it was tried, or Directus said so, as it says of
			// fields that there are not: try again, where that was not done just now.
			if d.refuse() {
				return d.fetch(ctx, filter, limit)
			}
			return fetched{}, errRightsChanged
		}
		if err != nil {
			return fetched{}, fmt.Errorf("read names: %w", err)
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
	return fetched{people, sc.common}, nil
}

// refuse notes that Directus has refused a field that it had said may be read; again
// reports whether to find out what may be read and try once more.
func (d *Directory) refuse() (again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	again = !d.refused
	d.probed, d.refused = time.Time{}, true
	return again
}

// scope is what the user may read of others.
type scope struct {
	fields []string // those of the configured fields that may be read
	said   bool     // Directus said that no rule limits whose fields these are
	common string   // the key of the names that are shared by all who read the same; empty: none are
}

// probe returns what the user may read of others, because Directus refuses a request for any
// other field as a whole. Mostly the user's rights tell; otherwise it tries.
func (d *Directory) probe(ctx context.Context) (scope, error) {
	sc, known, forgotten := d.settle()
	if known {
		return sc, nil
	}
	fields, err := d.try(ctx)
	if err != nil {
		return scope{}, err
	}
	sc = scope{fields: fields}
	d.settled(sc, forgotten)
	return sc, nil
}

// settle is probe without asking Directus, if the rights tell. forgotten is for settled.
func (d *Directory) settle() (sc scope, known bool, forgotten int) {
	d.mu.Lock()
	sc, known, forgotten = d.scope, time.Since(d.probed) < d.life, d.forgotten
	refused := d.refused
	d.mu.Unlock()
	if known || refused {
		return sc, known, forgotten
	}
	readable, said := d.rights.Readable("directus_users", d.fields)
	if !said {
		return scope{}, false, forgotten
	}
	sc = scope{fields: readable, said: true}
	if len(readable) > 0 && slices.Contains(d.names, readable[0]) {
		sc.common = fmt.Sprintf("%q of %q %d", readable, d.fields, len(d.names))
	}
	d.settled(sc, forgotten)
	return sc, true, forgotten
}

// settled notes what may be read, unless Forget was called since settle.
func (d *Directory) settled(sc scope, forgotten int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.forgotten == forgotten {
		d.scope, d.probed = sc, time.Now()
	}
}

// try finds out which of the configured fields may be read by asking for each.
func (d *Directory) try(ctx context.Context) (readable []string, err error) {
	for _, field := range d.fields {
		_, err := d.account.Users(ctx, directus.Query{Fields: []string{"id", field}, Limit: 1})
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
	p := personOf(u, d.names)
	if len(d.fields) > len(d.names) {
		p.account = text.Clip(u.String(d.fields[len(d.names)]), maxName)
	}
	return p
}

// personOf takes the name of a user out of fields of directus_users, in their order.
func personOf(u directus.User, fields []string) Person {
	p := Person{ID: u.ID()}
	var all []string
	for _, field := range fields {
		value := strings.TrimSpace(text.Clip(u.String(field), maxName))
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
