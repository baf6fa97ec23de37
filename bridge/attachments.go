package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

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
	files []file
	until time.Time
}

// shelfKey changes with what a row has attached.
func shelfKey(g *group, r row) string {
	return g.collection + "\x00" + r.id + "\x00" + string(r.values[g.fields.Files])
}

// files returns the files of the rows that have some, by row id. What Directus
// does not give is left out of them. An error means that it did not answer.
func (s *shelf) files(ctx context.Context, g *group, rows []row) (map[string][]file, error) {
	if g.fields.Files == "" {
		return nil, nil
	}
	found := map[string][]file{}
	var open []row
	now := time.Now()
	s.mu.Lock()
	for _, r := range rows {
		if k, ok := s.known[shelfKey(g, r)]; ok && now.Before(k.until) {
			found[r.id] = k.files
		} else if files := parseFiles(r.values[g.fields.Files]); len(files) > 0 {
			found[r.id] = files
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
		s.known[shelfKey(g, r)] = knownFiles{found[r.id], now.Add(s.life)}
	}
	return found, nil
}

func (s *shelf) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = nil
}

// follow finds the files behind the keys of a junction.
func (s *shelf) follow(ctx context.Context, g *group, rows []row, found map[string][]file) error {
	var keys []any
	key := g.fields.key()
	for _, r := range rows {
		if slices.ContainsFunc(found[r.id], func(f file) bool { return f.id == "" }) {
			keys = append(keys, r.key)
		}
	}
	return s.read(ctx, g.collection, key, keys, []string{key, g.fields.Files + "." + junctionFile}, func(item map[string]json.RawMessage) {
		id := scalar(item[key])
		// Less than before: the junction may be read, but leads elsewhere.
		if files := parseFiles(item[g.fields.Files]); len(files) > 0 {
			found[id] = files
		}
	})
}

// describe reads the names and sizes of files.
func (s *shelf) describe(ctx context.Context, rows []row, found map[string][]file) error {
	places := map[string][]*file{}
	var keys []any
	for _, r := range rows {
		for i := range found[r.id] {
			f := &found[r.id][i]
			if f.id == "" || f.name != "" {
				continue
			}
			if places[f.id] == nil {
				keys = append(keys, f.id)
			}
			places[f.id] = append(places[f.id], f)
		}
	}
	return s.read(ctx, "directus_files", "id", keys, []string{"id", "filename_download", "filesize"}, func(item map[string]json.RawMessage) {
		for _, f := range places[scalar(item["id"])] {
			f.name, f.size = scalar(item["filename_download"]), scalar(item["filesize"])
		}
	})
}

// read reads the items of some keys, as far as the user may.
func (s *shelf) read(ctx context.Context, from, key string, keys []any, fields []string, use func(map[string]json.RawMessage)) error {
	for len(keys) > 0 {
		page := keys[:min(len(keys), pageLimit(ctx, s.account, pageSize))]
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
