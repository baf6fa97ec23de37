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

// ErrManySearches means that a search was not made, as the user has made too many lately.
var ErrManySearches = errors.New("too many names were searched for")

const (
	// searchBurst and searchRate, per second, limit the searches of one user: each may
	// read all users of Directus.
	searchBurst = 50
	searchRate  = 2
	// nobodyLife is how long a nick that was not found is not searched for again, so
	// that a bot that asks all the time costs one search a minute.
	nobodyLife = time.Minute
	// searchLife is the greatest age of a census by which a nick is nobody's.
	searchLife = 10 * time.Second
)

// Search finds a user by nick, connected or not, whom the user of the directory may read; nil
// if there is none. Somebody who was never connected is found by the nick that they will
// have. The error is ErrManySearches, or that Directus could not be asked.
func (d *Directory) Search(ctx context.Context, nick string) (*ircd.User, error) {
	if id := d.nicks.holder(nick); id != "" {
		if u, err := d.called(ctx, nick, id); u != nil || err != nil {
			return u, err
		}
		// The holder may not be read: the result is the same as for a nick of nobody.
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

// called returns the user among ids who has a nick, as the user of the directory sees it;
// nil if none has.
func (d *Directory) called(ctx context.Context, nick string, ids ...string) (*ircd.User, error) {
	users, err := d.UsersMeeting(ctx, d.meets, ids)
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

// namesakes finds out who shares the names of people without a nick.
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

// ownCensus is the key of a census that only the user of the directory uses.
func (d *Directory) ownCensus() string { return "of " + d.account.ID() }

// census returns a census that is not older than maxAge; nil without an error means that no
// names may be read. All who may read everybody share one. It also serves those who read the
// same fields under a rule, as called reads each name again before it is shown.
func (d *Directory) census(ctx context.Context, maxAge time.Duration) (*census, error) {
	sc, err := d.probe(ctx)
	if err != nil || len(sc.fields) == 0 {
		return nil, err
	}
	shared := "by " + strings.Join(sc.fields, ",")
	if c := d.censuses.recent(shared, maxAge); c != nil {
		return c, nil
	}
	key, most := d.ownCensus(), maxOwnCounted
	if sc.said {
		key, most = shared, maxCounted
	}
	c, err := d.censuses.get(ctx, key, maxAge, func(ctx context.Context) (*census, error) {
		counted, end, err := d.count(ctx, most)
		if err != nil {
			return nil, err
		}
		return newCensus(d.censuses.seed, counted, sc.said && end && len(sc.fields) == len(d.fields)), nil
	})
	if errors.Is(err, errRightsChanged) {
		return nil, nil
	}
	return c, err
}

// count reads up to most users; end means that these are all. It reads by offset, as
// Directus does not compare UUIDs. Each page begins with the last user of the one before;
// if not, users were created or deleted meanwhile, and end is false.
func (d *Directory) count(ctx context.Context, most int) (list []Person, end bool, err error) {
	limit := min(most, collection.PageLimit(ctx, d.account, collection.MaxPage))
	overlap := min(limit-1, 1)
	for whole := overlap > 0; len(list) < most; {
		sc, err := d.probe(ctx)
		if err != nil || len(sc.fields) == 0 {
			return nil, false, err
		}
		users, err := d.account.Users(ctx, directus.Query{
			Fields: append([]string{"id"}, sc.fields...), Sort: []string{"id"}, Limit: limit, Offset: max(len(list)-overlap, 0),
		})
		if directus.IsCode(err, directus.CodeForbidden) {
			if !d.refuse() {
				return nil, false, errRightsChanged
			}
			list = nil // they were read with other fields
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
