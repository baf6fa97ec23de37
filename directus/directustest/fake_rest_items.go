package directustest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// restQuery reads a query from the URL, or from the body of a SEARCH.
func restQuery(r *http.Request, body map[string]any) (query, error) {
	if r.Method == "SEARCH" {
		q, err := parseQuery(body["query"])
		q.Keys, _ = body["keys"].([]any)
		return q, err
	}
	v := r.URL.Query()
	q := query{Search: v.Get("search")}
	for name, list := range map[string]*[]string{"fields": &q.Fields, "sort": &q.Sort} {
		if s := v.Get(name); s != "" {
			*list = strings.Split(s, ",")
		}
	}
	if by := v.Get("groupBy[]"); by != "" {
		q.GroupBy, q.Aggregate = []string{by}, map[string][]string{"max": {v.Get("aggregate[max]")}}
	}
	var err error
	if s := v.Get("limit"); s != "" {
		q.Limit = new(int)
		*q.Limit, err = strconv.Atoi(s)
	}
	if s := v.Get("offset"); s != "" && err == nil {
		q.Offset, err = strconv.Atoi(s)
	}
	if s := v.Get("filter"); s != "" && err == nil {
		dec := json.NewDecoder(strings.NewReader(s))
		dec.UseNumber()
		err = dec.Decode(&q.Filter)
	}
	if err != nil {
		return q, invalidQuery()
	}
	return q, nil
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
	return f.read(collectionOf(r), user, q)
}

func (f *Fake) one(r *http.Request, user string, body map[string]any) (any, error) {
	q, err := restQuery(r, body)
	if err != nil {
		return nil, err
	}
	name := collectionOf(r)
	if c := f.collections[name]; c != nil {
		q.Filter = map[string]any{c.Key: map[string]any{"_eq": r.PathValue("id")}}
	}
	rows, err := f.read(name, user, q)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, forbidden()
	}
	return rows[0], nil
}

func (f *Fake) post(r *http.Request, user string, body map[string]any) (any, error) {
	name := r.PathValue("collection")
	stored, err := f.create(name, user, body)
	if err != nil {
		return nil, err
	}
	f.emit(name, "create", []map[string]any{stored}, nil)
	q, err := restQuery(r, nil)
	if err != nil {
		return nil, err
	}
	if !f.may(user, name, "read") {
		return nil, nil // stored, and 204 for who may not read it
	}
	return f.pick(name, user, stored, q.Fields)
}

func (f *Fake) patch(r *http.Request, user string, body map[string]any) (any, error) {
	name := r.PathValue("collection")
	item, err := f.update(name, user, r.PathValue("id"), body)
	if err != nil {
		return nil, err
	}
	q, err := restQuery(r, nil)
	if err != nil {
		return nil, err
	}
	if !f.may(user, name, "read") || !f.visible(name, user, item) {
		return nil, nil // changed, and 204 for who may not read it
	}
	return f.pick(name, user, item, q.Fields)
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
	return nil, f.remove(r.PathValue("collection"), user, id, id)
}
