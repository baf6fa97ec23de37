package directustest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// restQuery reads a query from the URL, or from the body of a SEARCH.
func restQuery(r *http.Request, body map[string]any) (query, error) {
	if r.Method == "SEARCH" {
		q, err := parseQuery(body["query"])
		q.Keys, _ = body["keys"].([]any)
		return q, orNil(err)
	}
	v, raw := r.URL.Query(), map[string]any{}
	for _, list := range []string{"fields", "sort"} {
		if s := v.Get(list); s != "" {
			raw[list] = strings.Split(s, ",")
		}
	}
	for _, number := range []string{"limit", "offset"} {
		if s := v.Get(number); s != "" {
			raw[number] = json.Number(s)
		}
	}
	if s := v.Get("filter"); s != "" {
		raw["filter"] = json.RawMessage(s)
	}
	raw["search"] = v.Get("search")
	q, err := parseQuery(raw)
	return q, orNil(err)
}

// orNil is an *apiError as an error, without the trap of a typed nil.
func orNil(err *apiError) error {
	if err == nil {
		return nil
	}
	return err
}

// collectionOf is the collection of a route.
func collectionOf(r *http.Request) string {
	if system, _, _ := strings.Cut(r.URL.Path[1:], "/"); system == "users" || system == "files" {
		return "directus_" + system
	}
	return r.PathValue("collection")
}

func (f *Fake) list(r *http.Request, user string, body map[string]any) (any, error) {
	q, err := restQuery(r, body)
	if err != nil {
		return nil, err
	}
	rows, refused := f.read(collectionOf(r), user, q)
	return rows, orNil(refused)
}

func (f *Fake) one(r *http.Request, user string, body map[string]any) (any, error) {
	q, err := restQuery(r, body)
	if err != nil {
		return nil, err
	}
	name := collectionOf(r)
	q.Filter = map[string]any{f.keyOf(name): map[string]any{"_eq": r.PathValue("id")}}
	rows, refused := f.read(name, user, q)
	if refused != nil {
		return nil, refused
	}
	if len(rows) == 0 {
		return nil, forbidden()
	}
	return rows[0], nil
}

func (f *Fake) post(r *http.Request, user string, body map[string]any) (any, error) {
	name := r.PathValue("collection")
	stored, refused := f.create(name, user, body)
	if refused != nil {
		return nil, refused
	}
	f.emit(name, "create", []map[string]any{stored}, nil)
	q, err := restQuery(r, nil)
	if err != nil {
		return nil, err
	}
	if !f.may(user, name, "read") {
		return nil, nil // stored, and 204 for who may not read it
	}
	picked, refused := f.pick(name, user, stored, q.Fields)
	return picked, orNil(refused)
}

func (f *Fake) patch(r *http.Request, user string, body map[string]any) (any, error) {
	name := r.PathValue("collection")
	item, refused := f.update(name, user, r.PathValue("id"), body)
	if refused != nil {
		return nil, refused
	}
	q, err := restQuery(r, nil)
	if err != nil {
		return nil, err
	}
	if !f.may(user, name, "read") || !f.visible(name, user, item) {
		return nil, nil // changed, and 204 for who may not read it
	}
	picked, refused := f.pick(name, user, item, q.Fields)
	return picked, orNil(refused)
}

// patchKeys changes the items of a list of keys.
func (f *Fake) patchKeys(r *http.Request, user string, body map[string]any) (any, error) {
	keys, _ := body["keys"].([]any)
	data, _ := body["data"].(map[string]any)
	out := []any{}
	for _, key := range keys {
		r.SetPathValue("id", keyText(key))
		item, err := f.patch(r, user, data)
		if err != nil {
			return nil, err
		}
		if item != nil {
			out = append(out, item)
		}
	}
	return out, nil
}

// deleteKeys deletes the items of a list of keys.
func (f *Fake) deleteKeys(r *http.Request, user string, body map[string]any) (any, error) {
	keys, _ := body["keys"].([]any)
	for _, key := range keys {
		if err := f.remove(r.PathValue("collection"), user, keyText(key), key); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (f *Fake) delete(r *http.Request, user string, _ map[string]any) (any, error) {
	id := r.PathValue("id")
	return nil, orNil(f.remove(r.PathValue("collection"), user, id, id))
}
