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

// maxAttachments bounds the rows whose files are cached; beyond, the cache is emptied.
const maxAttachments = 1000

// attachments caches the files of rows, as one Directus user may see them. A row holds only
// keys, of a file or of the items of a junction; the value shows which kind of key it is.
// Probing would not help: a user without access to the relation just gets fewer fields.
// Files are read when a row that has some is shown. To read their names with each row and
// each event would cost Directus more than the few messages with files are worth.
type attachments struct {
	account *directus.Account
	life    time.Duration // how long files that were read are taken to be unchanged

	mu    sync.Mutex            // a leaf lock
	known map[string]knownFiles // by attachmentsKey; guarded by mu
}

type knownFiles struct {
	files []collection.File
	until time.Time
}

// attachmentsKey names a row in the cache. It changes when other files are attached.
func attachmentsKey(g *collection.Group, r collection.Row) string {
	return g.Collection + "\x00" + r.ID + "\x00" + string(r.Values[g.Fields.Files])
}

// files returns the files of the rows that have some, by row id. What the user may not read
// of a file is empty. An error means that Directus did not answer.
func (a *attachments) files(ctx context.Context, g *collection.Group, rows []collection.Row) (map[string][]collection.File, error) {
	if g.Fields.Files == "" {
		return nil, nil
	}
	found := map[string][]collection.File{}
	var open []collection.Row
	now := time.Now()
	a.mu.Lock()
	for _, r := range rows {
		if k, ok := a.known[attachmentsKey(g, r)]; ok && now.Before(k.until) {
			found[r.ID] = k.files
		} else if files := collection.ParseFiles(r.Values[g.Fields.Files]); len(files) > 0 {
			found[r.ID] = files
			open = append(open, r)
		}
	}
	a.mu.Unlock()
	err := errors.Join(a.follow(ctx, g, open, found), a.describe(ctx, open, found))
	if _, answered := errors.AsType[*directus.Error](err); err != nil && (!answered || ctx.Err() != nil) {
		return nil, fmt.Errorf("read files: %w", err)
	}
	if errors.Is(err, directus.ErrUnavailable) {
		return found, nil // incomplete, so not cached
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known)+len(open) > maxAttachments {
		a.known = map[string]knownFiles{}
	}
	for _, r := range open {
		a.known[attachmentsKey(g, r)] = knownFiles{found[r.ID], now.Add(a.life)}
	}
	return found, nil
}

func (a *attachments) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known = nil
}

// follow finds the files behind the keys of a junction.
func (a *attachments) follow(ctx context.Context, g *collection.Group, rows []collection.Row, found map[string][]collection.File) error {
	var keys []any
	key := g.Fields.Key()
	for _, r := range rows {
		if slices.ContainsFunc(found[r.ID], func(f collection.File) bool { return f.ID == "" }) {
			keys = append(keys, r.Key)
		}
	}
	return a.read(ctx, g.Collection, key, keys, []string{key, g.Fields.Files + "." + collection.JunctionFile}, func(item map[string]json.RawMessage) {
		id := collection.Scalar(item[key])
		// Less than before: the junction may be read, but leads elsewhere.
		if files := collection.ParseFiles(item[g.Fields.Files]); len(files) > 0 {
			found[id] = files
		}
	})
}

func (a *attachments) describe(ctx context.Context, rows []collection.Row, found map[string][]collection.File) error {
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
	return a.read(ctx, "directus_files", "id", keys, []string{"id", "filename_download", "filesize"}, func(item map[string]json.RawMessage) {
		for _, f := range places[collection.Scalar(item["id"])] {
			f.Name, f.Size = collection.Scalar(item["filename_download"]), collection.Scalar(item["filesize"])
		}
	})
}

// read reads items by their keys, page by page, as far as the user may. An item that is too large
// for an answer, as somebody has attached thousands of files to it, is left out.
func (a *attachments) read(ctx context.Context, from, key string, keys []any, fields []string, use func(map[string]json.RawMessage)) error {
	for size := collection.PageLimit(ctx, a.account, collection.PageSize); len(keys) > 0; {
		page := keys[:min(size, len(keys))]
		var items []map[string]json.RawMessage
		err := a.account.Items(ctx, from, directus.Query{
			Fields: fields, Filter: directus.Filter{key: map[string]any{"_in": page}}, Limit: len(page),
		}, &items)
		switch {
		case errors.Is(err, directus.ErrTooLarge) && len(page) > 1:
			size = len(page) / 2
			continue
		case err != nil && !errors.Is(err, directus.ErrTooLarge):
			return err
		}
		keys = keys[len(page):]
		for _, item := range items {
			use(item)
		}
	}
	return nil
}
