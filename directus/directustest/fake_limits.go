package directustest

import (
	"net/http"
	"strconv"
	"time"
)

// A window counts what a RateLimit bounds.
type window struct {
	began time.Time
	n     int
}

// count counts one more and reports whether that is too many, and when the window ends.
func (w *window) count(r RateLimit) (over bool, reset time.Time) {
	if now := time.Now(); now.Sub(w.began) >= r.Duration {
		*w = window{began: now}
	}
	w.n++
	return w.n > r.Points, w.began.Add(r.Duration)
}

// limitedREST refuses a call beyond RESTLimit and reports whether it did. Upgrades do not count.
func (f *Fake) limitedREST(w http.ResponseWriter) bool {
	r := f.opts.RESTLimit
	if r.Points == 0 {
		return false
	}
	f.mu.Lock()
	over, reset := f.window.count(r)
	f.mu.Unlock()
	if over {
		left := time.Until(reset)
		// Directus rounds in the same way, often to zero.
		w.Header().Set("Retry-After", strconv.Itoa(int(left.Round(time.Second)/time.Second)))
		refuse(w, &apiError{status: 429, code: "REQUESTS_EXCEEDED", message: "Too many requests.", extensions: map[string]any{
			"limit": r.Points, "reset": stamp(f.now().Add(left)),
		}})
	}
	return over
}

// limitedByNginx refuses a request that comes too soon and reports whether it did.
func (f *Fake) limitedByNginx(w http.ResponseWriter) bool {
	limit := f.opts.Nginx
	if limit.Rate == 0 {
		return false
	}
	f.mu.Lock()
	now := time.Now()
	early := now.Sub(f.admitted) < time.Second/time.Duration(limit.Rate)
	if !early {
		f.admitted = now
	}
	f.mu.Unlock()
	if early {
		w.Header().Set("Server", "nginx/1.22.1")
		if limit.Dated {
			w.Header().Set("Retry-After", f.now().Add(2*time.Second).UTC().Format(http.TimeFormat))
		}
		http.Error(w, "<html><body><center>nginx</center></body></html>", limit.Status)
	}
	return early
}

// A cachedAnswer is the answer to an earlier GET.
type cachedAnswer struct {
	data []byte
	at   time.Time
}

// fromCache returns the cached answer to the same GET of the same user. Callers hold mu.
func (f *Fake) fromCache(r *http.Request, user string) (data []byte, hit bool) {
	old, ok := f.cached[user+" "+r.URL.String()]
	if !ok || r.Method != http.MethodGet || time.Since(old.at) >= cacheTTL {
		return nil, false
	}
	return old.data, true
}

// intoCache caches an answer. Callers hold mu.
func (f *Fake) intoCache(r *http.Request, user string, data []byte) {
	if f.opts.Cached && r.Method == http.MethodGet && data != nil {
		f.cached[user+" "+r.URL.String()] = cachedAnswer{data, time.Now()}
	}
}
