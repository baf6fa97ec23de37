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

// With CACHE_ENABLED Directus may answer a GET with what it answered another time,
// for CACHE_TTL, and so may a proxy. Everything here is read past that: queries of
// collections by SEARCH, of which Directus 10 to 12 keep no answer, and the rest by
// a GET that is like no other, which costs an entry of the cache.

// methodSearch is a Directus method: GET with the query in the body.
const methodSearch = "SEARCH"

// searchAgain is how long after a SEARCH that did not get through the next is tried.
const searchAgain = 10 * time.Minute

// read reads a collection.
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

// blocked reports an answer to a SEARCH that is not one of Directus, which knows the
// method: there are proxies that do not.
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

// searchable says whether a SEARCH is worth trying.
type searchable struct {
	begun   time.Time    // for monotonic time
	refused atomic.Int64 // nanoseconds from begun to the last one that did not get through; 0: all did
}

func (s *searchable) allowed() bool {
	at := s.refused.Load()
	return at == 0 || time.Since(s.begun)-time.Duration(at) >= searchAgain
}

func (s *searchable) refuse() { s.refused.Store(max(1, int64(time.Since(s.begun)))) }

// unlike makes the query of a GET differ from that of any other, in a way that
// Directus takes note of for its cache, and that changes nothing else: it gives a
// name to a field that nobody asks for by that name.
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

// uniquePrefix begins the name that unlike gives.
const uniquePrefix = "fresh"

// Caching is what Directus, or a proxy in front of it, does with answers.
type Caching struct {
	// Search says that queries travel by SEARCH, whose answers nobody keeps.
	Search bool
	// Age is how old the answer to a GET that somebody asks in the same words may be,
	// as far as its header tells: Directus does not tell of answers that it means to
	// throw away with every change (CACHE_AUTO_PURGE).
	Age time.Duration
}

// Caching asks for an item of a collection by each way.
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
