package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// maxShelf bounds the rows whose files a shelf remembers; beyond, it starts
// afresh.
const maxShelf = 1000

// shelf knows the files of rows, as one Directus user may see them. Rows carry
// only keys: of a file, or of a junction. Which of them they are says the value;
// a user who may not follow the relation to the files is not told that, only gets
// less of it, so trying would find out nothing. The files are asked for when a row
// that has some is shown: names with each row and each event would cost Directus
// more than the few messages with files are worth.
type shelf struct {
	account *directus.Account
	life    time.Duration // how long files are believed, as they were read

	mu    sync.Mutex
	known map[string]knownFiles // by shelfKey; guarded by mu
}

type knownFiles struct {
	files []collection.File
	until time.Time
}

// shelfKey changes with what a row has attached.
func shelfKey(g *collection.Group, r collection.Row) string {
	return g.Collection + "\x00" + r.ID + "\x00" + string(r.Values[g.Fields.Files])
}

// files returns the files of the rows that have some, by row id. What Directus
// does not give is left out of them. An error means that it did not answer.
func (s *shelf) files(ctx context.Context, g *collection.Group, rows []collection.Row) (map[string][]collection.File, error) {
	if g.Fields.Files == "" {
		return nil, nil
	}
	found := map[string][]collection.File{}
	var open []collection.Row
	now := time.Now()
	s.mu.Lock()
	for _, r := range rows {
		if k, ok := s.known[shelfKey(g, r)]; ok && now.Before(k.until) {
			found[r.ID] = k.files
		} else if files := collection.ParseFiles(r.Values[g.Fields.Files]); len(files) > 0 {
			found[r.ID] = files
			open = append(open, r)
		}
	}
	s.mu.Unlock()
	err := errors.Join(s.follow(ctx, g, open, found), s.describe(ctx, open, found))
	if _, answered := errors.AsType[*directus.Error](err); err != nil && (!answered || ctx.Err() != nil) {
		return nil, fmt.Errorf("read files: %w", err)
	}
	if errors.Is(err, directus.ErrUnavailable) {
		return found, nil // may be better the next time
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known)+len(open) > maxShelf {
		s.known = map[string]knownFiles{}
	}
	for _, r := range open {
		s.known[shelfKey(g, r)] = knownFiles{found[r.ID], now.Add(s.life)}
	}
	return found, nil
}

func (s *shelf) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = nil
}

// follow finds the files behind the keys of a junction.
func (s *shelf) follow(ctx context.Context, g *collection.Group, rows []collection.Row, found map[string][]collection.File) error {
	var keys []any
	key := g.Fields.Key()
	for _, r := range rows {
		if slices.ContainsFunc(found[r.ID], func(f collection.File) bool { return f.ID == "" }) {
			keys = append(keys, r.Key)
		}
	}
	return s.read(ctx, g.Collection, key, keys, []string{key, g.Fields.Files + "." + collection.JunctionFile}, func(item map[string]json.RawMessage) {
		id := collection.Scalar(item[key])
		// Less than before: the junction may be read, but leads elsewhere.
		if files := collection.ParseFiles(item[g.Fields.Files]); len(files) > 0 {
			found[id] = files
		}
	})
}

// describe reads the names and sizes of files.
func (s *shelf) describe(ctx context.Context, rows []collection.Row, found map[string][]collection.File) error {
	places := map[string][]*collection.File{}
	var keys []any
	for _, r := range rows {
		for i := range found[r.ID] {
			f := &found[r.ID][i]
			if f.ID == "" || f.Name != "" {
				continue
			}
			if places[f.ID] == nil {
				keys = append(keys, f.ID)
			}
			places[f.ID] = append(places[f.ID], f)
		}
	}
	return s.read(ctx, "directus_files", "id", keys, []string{"id", "filename_download", "filesize"}, func(item map[string]json.RawMessage) {
		for _, f := range places[collection.Scalar(item["id"])] {
			f.Name, f.Size = collection.Scalar(item["filename_download"]), collection.Scalar(item["filesize"])
		}
	})
}

// read reads the items of some keys, as far as the user may.
func (s *shelf) read(ctx context.Context, from, key string, keys []any, fields []string, use func(map[string]json.RawMessage)) error {
	for len(keys) > 0 {
		page := keys[:min(len(keys), collection.PageLimit(ctx, s.account, collection.PageSize))]
		keys = keys[len(page):]
		var items []map[string]json.RawMessage
		err := s.account.Items(ctx, from, directus.Query{
			Fields: fields, Filter: directus.Filter{key: map[string]any{"_in": page}}, Limit: len(page),
		}, &items)
		if err != nil {
			return err
		}
		for _, item := range items {
			use(item)
		}
	}
	return nil
}
