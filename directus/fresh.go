package directus

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// With CACHE_ENABLED Directus may repeat an old answer to a GET for CACHE_TTL, and so
// may a proxy. This package never wants such an answer. It reads collections by SEARCH,
// whose answers Directus 10 to 12 do not cache, and makes the query of every other GET
// unique (see unlike), at the cost of an entry in the cache.

// methodSearch is an HTTP method of Directus: a GET with the query in the body.
const methodSearch = "SEARCH"

// searchAgain is how long GET is used after a proxy has blocked a SEARCH. Then SEARCH is
// tried again.
const searchAgain = 10 * time.Minute

// read reads the collection at path into out, by SEARCH or, where a proxy blocks that, by
// GET.
func (a *Account) read(ctx context.Context, path string, q Query, out any) error {
	k := call{path: path, out: out, rows: true, whole: q.Whole, cutRelated: q.CutRelated, most: q.MaxAnswer}
	if a.client.searches.allowed() {
		body := map[string]any{"query": q.object()}
		if q.Keys != nil {
			body["keys"] = q.Keys
		}
		k.method, k.body = methodSearch, body
		err := a.call(ctx, k)
		if !blocked(err) {
			return err
		}
	}
	v, err := q.values()
	if err != nil {
		return err
	}
	k.method, k.body, k.query = http.MethodGet, nil, v
	err = a.call(ctx, k)
	if !blocked(err) {
		a.client.searches.refuse()
	}
	return err
}

// blocked reports whether a proxy has refused a SEARCH because it does not know the
// method. Directus itself would have sent a code.
func blocked(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != "" {
		return false
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// searchable remembers whether SEARCH gets through to Directus. It is safe for concurrent
// use.
type searchable struct {
	begun   time.Time    // static: refused counts from it
	refused atomic.Int64 // when a SEARCH was last blocked, in nanoseconds since begun; 0: never
}

func (s *searchable) allowed() bool {
	at := s.refused.Load()
	return at == 0 || time.Since(s.begun)-time.Duration(at) >= searchAgain
}

func (s *searchable) refuse() { s.refused.Store(max(1, int64(time.Since(s.begun)))) }

// unlike makes the query of a GET unique, so that no cached answer fits it. It adds an
// alias for a field: the alias is part of the key of Directus' cache, and changes nothing
// in the answer because no field is asked for by that name.
func unlike(query url.Values) url.Values {
	if query.Has("alias") {
		return query
	}
	changed := url.Values{"alias": {`{"` + uniquePrefix + rand.Text() + `":"id"}`}}
	for name, values := range query {
		changed[name] = values
	}
	return changed
}

// uniquePrefix begins the alias that unlike adds.
const uniquePrefix = "fresh"

// Caching says how Directus, or a proxy in front of it, caches answers.
type Caching struct {
	// Search says that SEARCH gets through, whose answers nobody caches.
	Search bool
	// Age is how old a cached answer to a GET may be, according to Cache-Control.
	// Directus sends no such header for answers that it drops at every change
	// (CACHE_AUTO_PURGE).
	Age time.Duration
}

// Caching finds out how answers are cached, by reading one item of a collection with
// SEARCH and with GET.
func (a *Account) Caching(ctx context.Context, collection string) (Caching, error) {
	var c Caching
	path, err := itemsPath(collection)
	if err != nil {
		return c, err
	}
	q := Query{Limit: 1}
	err = a.Do(ctx, methodSearch, path, nil, map[string]any{"query": q.object()}, nil)
	if err != nil && !blocked(err) {
		return c, err
	}
	c.Search = err == nil
	var header http.Header
	v, err := q.values()
	if err == nil {
		err = a.call(ctx, call{method: http.MethodGet, path: path, query: v, header: &header})
	}
	c.Age = maxAge(header)
	return c, err
}

// maxAge is the longest age that Cache-Control allows (RFC 9111, section 5.2.2).
func maxAge(h http.Header) (age time.Duration) {
	for part := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(name, "max-age") && !strings.EqualFold(name, "s-maxage") {
			continue
		}
		if n, err := strconv.Atoi(value); err == nil && n > 0 {
			age = max(age, time.Duration(min(n, 1<<30))*time.Second)
		}
	}
	return age
}
