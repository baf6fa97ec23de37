package markers

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// storeTimeout bounds each operation on the collection of read markers.
const storeTimeout = 5 * time.Second

// Store is the collection of read markers as one user sees it. It has no state of its own.
type Store struct {
	collection.ReadMarkers
	account *directus.Account
	zone    *time.Location // in which Directus writes dates without one
}

// NewStore returns the store of the account's user; zone is that in which Directus writes dates
// without one, nil for UTC.
func NewStore(account *directus.Account, cfg collection.ReadMarkers, zone *time.Location) *Store {
	return &Store{ReadMarkers: cfg, account: account, zone: zone}
}

// own matches the items of the user, who may have the right to read others as well.
func (s *Store) own() directus.Filter { return directus.Eq(s.User, "$CURRENT_USER") }

func (s *Store) load(ctx context.Context) (map[string]*marker, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.read(ctx, s.own())
}

// read reads the markers that match a filter, by target. Of two for one target, which two
// daemons may have created at once, the later one counts.
func (s *Store) read(ctx context.Context, filter directus.Filter) (map[string]*marker, error) {
	found := map[string]*marker{}
	pages := directus.Query{
		Fields: []string{"id", s.Target, s.Date}, Filter: filter, Sort: []string{"-" + s.Date, "id"},
		Limit: collection.PageLimit(ctx, s.account, collection.PageSize),
	}
	for len(found) < maxMarkers {
		var items []map[string]json.RawMessage
		if err := s.account.Items(ctx, s.Collection, pages, &items); err != nil {
			return nil, fmt.Errorf("read the read markers: %w", err)
		}
		for _, item := range items {
			target, at := collection.Scalar(item[s.Target]), collection.ParseDateIn(collection.Scalar(item[s.Date]), s.zone)
			if _, later := found[target]; !later && target != "" {
				found[target] = &marker{at: at, item: collection.Scalar(item["id"])}
			}
		}
		if len(items) < pages.Limit {
			break
		}
		pages.Offset += len(items)
	}
	return found, nil
}

// save stores a marker and returns it as it is stored, with the key of its item. Another daemon
// may have created it meanwhile, or moved it further: a stored marker never moves back.
func (s *Store) save(ctx context.Context, target string, m marker) (now marker, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	found, err := s.read(ctx, directus.And(s.own(), directus.Eq(s.Target, target)))
	switch old := found[target]; {
	case err != nil && (m.item == "" || !collection.IsForbidden(err)):
		return m, err
	case old != nil && !m.at.After(old.at):
		return *old, nil
	case old != nil:
		m.item = old.item
	}
	body := map[string]any{s.Date: m.at.UTC().Format(collection.TimestampLayout)}
	var answer struct {
		ID json.RawMessage `json:"id"`
	}
	if m.item == "" {
		body[s.Target] = target
		err = s.account.CreateItem(ctx, s.Collection, body, []string{"id"}, &answer)
	} else {
		err = s.account.UpdateItem(ctx, s.Collection, m.item, body, []string{"id"}, &answer)
	}
	switch {
	case collection.IsForbidden(err):
		m.item = "" // the item may have been deleted: look for it at the next attempt
	case err == nil && len(answer.ID) > 0:
		m.item = collection.Scalar(answer.ID)
	}
	if err != nil {
		return m, fmt.Errorf("store a read marker: %w", err)
	}
	return m, nil
}
