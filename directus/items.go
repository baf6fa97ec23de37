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

// Items reads a collection into out, a pointer to a slice. Keys may be 64-bit
// numbers: decode them into json.Number, json.RawMessage or a struct of yours;
// numbers inside of interface values become json.Number. Strings are cut at MaxString
// unless the query asks for whole ones. Unknown collections
// and missing rights are both CodeForbidden.
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

// itemsPath is the route of a collection; the system collections have their
// own (directus_files: /files).
func itemsPath(collection string) (string, error) {
	if system, ok := strings.CutPrefix(collection, "directus_"); ok && system != "" {
		return Path(system)
	}
	return Path("items", collection)
}

// Path joins names to the path of a route. A name that would not stay one segment
// on the way to Directus is refused: clients, proxies and servers take "." and ".."
// for steps to another route, however they are escaped, and an empty one away.
func Path(names ...string) (string, error) {
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

// isPlain reports a key that a path holds as it is.
func isPlain(key string) bool {
	return key != "" && strings.Trim(key, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") == ""
}

// CreateItem stores an item over REST and decodes it, as far as the user may read
// it, into out. Without that right out stays as it is.
func (a *Account) CreateItem(ctx context.Context, collection string, item any, fields []string, out any) error {
	path, err := itemsPath(collection)
	if err != nil {
		return fmt.Errorf("create an item of %s: %w", collection, err)
	}
	return a.Do(ctx, http.MethodPost, path, fieldsOf(fields), item, out)
}

// UpdateItem changes the item with a key and decodes it, as far as the user may
// read it, into out. Without that right out stays as it is. The key may hold
// anything: what is not letters, digits, "-" and "_" travels in the body.
func (a *Account) UpdateItem(ctx context.Context, collection, key string, changes any, fields []string, out any) error {
	path, err := itemsPath(collection)
	if err != nil {
		return fmt.Errorf("update an item of %s: %w", collection, err)
	}
	if isPlain(key) {
		return a.Do(ctx, http.MethodPatch, path+"/"+key, fieldsOf(fields), changes, out)
	}
	var list []json.RawMessage
	err = a.Do(ctx, http.MethodPatch, path, fieldsOf(fields), map[string]any{"keys": []string{key}, "data": changes}, &list)
	if err != nil || len(list) == 0 || out == nil {
		return err
	}
	return decodeJSON(list[0], out)
}

// DeleteItem deletes the item with a key, which may hold anything, as that of
// UpdateItem.
func (a *Account) DeleteItem(ctx context.Context, collection, key string) error {
	path, err := itemsPath(collection)
	switch {
	case err != nil:
		return fmt.Errorf("delete an item of %s: %w", collection, err)
	case isPlain(key):
		return a.Do(ctx, http.MethodDelete, path+"/"+key, nil, nil, nil)
	}
	return a.Do(ctx, http.MethodDelete, path, nil, []string{key}, nil)
}

func fieldsOf(fields []string) url.Values {
	if len(fields) == 0 {
		return nil
	}
	return url.Values{"fields": {strings.Join(fields, ",")}}
}
