package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// ErrManySearches ends a search that was not made.
var ErrManySearches = errors.New("too many names were searched for")

const (
	// A search takes Directus queries over all users: so many a user may make at
	// once, and so many a second then.
	searchBurst = 50
	searchRate  = 2
	// nobodyLife is how long a nick is believed to be nobody's: a bot that asks for
	// it again and again costs one question a minute.
	nobodyLife = time.Minute
	// searchLife is how old a census may be that says that there is nobody.
	searchLife = 10 * time.Second
)

// Search finds a user by nick, connected or not, as far as they may be read. Who has
// never been here is found by the nick that they then have.
func (d *Directory) Search(ctx context.Context, nick string) (*ircd.User, error) {
	if id := d.nicks.holder(nick); id != "" {
		if u, err := d.called(ctx, nick, id); u != nil || err != nil {
			return u, err
		}
		// Whose it is may not be known: that the nick is somebody's, nothing tells.
	}
	if d.isNobody(nick) {
		return nil, nil
	}
	// A client may ask for one name after the other, in mentions for example.
	if !d.searches.Allow() {
		return nil, ErrManySearches
	}
	for _, maxAge := range []time.Duration{d.life, searchLife} {
		c, err := d.census(ctx, maxAge)
		if c == nil {
			return nil, err
		}
		if u, err := d.called(ctx, nick, c.candidates(nick)...); u != nil || err != nil {
			return u, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.nobody == nil || len(d.nobody) >= maxNames {
		d.nobody = map[string]time.Time{}
	}
	d.nobody[wire.Fold(nick)] = time.Now().Add(nobodyLife)
	return nil, nil
}

// called returns that one of some users who has a nick, as the user of the directory may
// read it; nil if none has.
func (d *Directory) called(ctx context.Context, nick string, ids ...string) (*ircd.User, error) {
	users, err := d.users(ctx, ids)
	for _, id := range ids {
		if u := users[id]; wire.Fold(u.Nick) == wire.Fold(nick) {
			return &u, nil
		}
	}
	return nil, err
}

func (d *Directory) isNobody(nick string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.nobody[wire.Fold(nick)])
}

// namesakes finds out who shares the names of people who have no nick yet.
func (d *Directory) namesakes(ctx context.Context, unnamed map[string]Person) (map[string]namesakes, error) {
	var c *census
	found := map[string]namesakes{}
	for id, p := range unnamed {
		if !d.nicks.needs(p) {
			continue
		}
		if c == nil {
			var err error
			if c, err = d.census(ctx, d.life); c == nil {
				return nil, err
			}
		}
		found[id] = c.namesakes(p)
	}
	return found, nil
}

// ownCensus is the key of the census of who does not read what others read.
func (d *Directory) ownCensus() string { return "of " + d.Account.ID() }

// census is who there is by name, not longer ago than maxAge. Who may read everybody has
// one together with others, which also serves those who read the same fields under a
// rule: what they may not read they are not shown. nil without an error: no names may be
// read.
func (d *Directory) census(ctx context.Context, maxAge time.Duration) (*census, error) {
	fields, err := d.probe(ctx)
	if err != nil || len(fields) == 0 {
		return nil, err
	}
	d.mu.Lock()
	said := d.said
	d.mu.Unlock()
	shared := "by " + strings.Join(fields, ",")
	if c := d.censuses.recent(shared, maxAge); c != nil {
		return c, nil
	}
	key, most := d.ownCensus(), maxOwnCounted
	if said {
		key, most = shared, maxCounted
	}
	c, err := d.censuses.get(ctx, key, maxAge, func(ctx context.Context) (*census, error) {
		counted, end, err := d.count(ctx, most)
		if err != nil {
			return nil, err
		}
		return newCensus(d.censuses.seed, counted, said && end && len(fields) == len(d.fields)), nil
	})
	if errors.Is(err, errRightsChanged) {
		return nil, nil
	}
	return c, err
}

// count reads up to so many users; end says that these are all. Directus does not
// compare uuids, so it is by offset: each page begins with the last row of the one
// before, and where it does not, somebody came or went meanwhile, and end is not known.
func (d *Directory) count(ctx context.Context, most int) (list []Person, end bool, err error) {
	limit := min(most, collection.PageLimit(ctx, d.Account, collection.MaxPage))
	overlap := min(limit-1, 1)
	for whole := overlap > 0; len(list) < most; {
		fields, err := d.probe(ctx)
		if err != nil || len(fields) == 0 {
			return nil, false, err
		}
		users, err := d.Account.Users(ctx, directus.Query{
			Fields: append([]string{"id"}, fields...), Sort: []string{"id"}, Limit: limit, Offset: max(len(list)-overlap, 0),
		})
		if directus.IsCode(err, directus.CodeForbidden) {
			if !d.refuse() {
				return nil, false, errRightsChanged
			}
			list = nil // those of other fields
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("read names: %w", err)
		}
		full := len(users) == limit
		if n := len(list); n > 0 && overlap > 0 {
			if len(users) > 0 && users[0].ID() == list[n-1].ID {
				users = users[1:]
			} else {
				whole = false
			}
		}
		for _, u := range users {
			list = append(list, d.toPerson(u))
		}
		if !full {
			return list, whole, nil
		}
	}
	return list, false, nil
}
