package directus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Items reads a collection into out, a pointer to a slice or an Each. Keys may be 64-bit numbers:
// decode them into json.Number, json.RawMessage or a struct of yours; numbers in
// interface values become json.Number. Strings are cut at MaxString unless q.Whole.
// Directus answers CodeForbidden for an unknown collection as for a missing right.
func (a *Account) Items(ctx context.Context, collection string, q Query, out any) error {
	path, err := itemsPath(collection)
	if err == nil {
		err = a.read(ctx, path, q, out)
	}
	if err != nil {
		return fmt.Errorf("read items of %s: %w", collection, err)
	}
	return nil
}

// Each is an out for Items that takes the items one by one, as Directus wrote them. It must not
// keep the bytes. Its first error ends the reading.
type Each func(item []byte) error

func (take Each) decode(list []byte) (err error) {
	if !elements(list, func(item []byte) {
		if err == nil {
			err = take(item)
		}
	}) {
		err = errors.New("decode answer: not a list")
	}
	return err
}

// itemsPath is the route of a collection. System collections have routes of their own:
// that of directus_files is /files.
func itemsPath(collection string) (string, error) {
	if system, ok := strings.CutPrefix(collection, "directus_"); ok && system != "" {
		return pathOf(system)
	}
	return pathOf("items", collection)
}

// Fields asks what the fields of a collection are, which Directus tells administrators only,
// or what the one with a name is, which Directus 10 tells nobody else.
func (a *Account) Fields(ctx context.Context, out any, collection string, name ...string) error {
	path, err := pathOf(append([]string{"fields", collection}, name...)...)
	if err != nil {
		return err
	}
	return a.Do(ctx, http.MethodGet, path, nil, nil, out)
}

// pathOf joins names to the path of a route. It refuses "", "." and "..": clients, proxies
// and servers resolve or remove such segments, even escaped, so that the request would
// reach another route.
func pathOf(names ...string) (string, error) {
	var b strings.Builder
	for _, name := range names {
		if name == "" || name == "." || name == ".." {
			return "", errors.New("not a name that a path can hold")
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(name))
	}
	return b.String(), nil
}

// isPlain reports whether a path can hold a key as it is.
func isPlain(key string) bool {
	return key != "" && strings.Trim(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") == ""
}

// CreateItem stores an item over REST and decodes the fields that the user may read into
// out. If the user may not read the item, out stays as it is. ErrUnconfirmed says that the
// item was perhaps stored, as that of UpdateItem and DeleteItem that it was changed.
func (a *Account) CreateItem(ctx context.Context, collection string, item any, fields []string, out any) error {
	path, err := itemsPath(collection)
	if err != nil {
		return fmt.Errorf("create an item of %s: %w", collection, err)
	}
	return a.write(ctx, http.MethodPost, path, fields, item, out)
}

// UpdateItem changes an item over REST and decodes the fields that the user may read into
// out. If the user may not read the item, out stays as it is. key may hold any characters;
// one that a path cannot hold as it is travels in the body.
func (a *Account) UpdateItem(ctx context.Context, collection, key string, changes any, fields []string, out any) error {
	path, err := itemsPath(collection)
	if err != nil {
		return fmt.Errorf("update an item of %s: %w", collection, err)
	}
	if isPlain(key) {
		return a.write(ctx, http.MethodPatch, path+"/"+key, fields, changes, out)
	}
	var list []json.RawMessage
	err = a.write(ctx, http.MethodPatch, path, fields, map[string]any{"keys": []string{key}, "data": changes}, &list)
	if err != nil || len(list) == 0 || out == nil {
		return err
	}
	return decodeJSON(list[0], out)
}

// DeleteItem deletes an item over REST. key may hold any characters, as in UpdateItem.
func (a *Account) DeleteItem(ctx context.Context, collection, key string) error {
	path, err := itemsPath(collection)
	switch {
	case err != nil:
		return fmt.Errorf("delete an item of %s: %w", collection, err)
	case isPlain(key):
		return a.write(ctx, http.MethodDelete, path+"/"+key, nil, nil, nil)
	}
	return a.write(ctx, http.MethodDelete, path, nil, []string{key}, nil)
}

// write changes an item. An error that is no refusal is ErrUnconfirmed too.
func (a *Account) write(ctx context.Context, method, path string, fields []string, body, out any) error {
	var query url.Values
	if len(fields) > 0 {
		query = url.Values{"fields": {strings.Join(fields, ",")}}
	}
	err := a.Do(ctx, method, path, query, body, out)
	if errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return unconfirmed{err}
	}
	return err
}

// unconfirmed makes any error ErrUnconfirmed.
type unconfirmed struct{ error }

func (u unconfirmed) Unwrap() error        { return u.error }
func (u unconfirmed) Is(target error) bool { return target == ErrUnconfirmed }
