package directustest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (f *Fake) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /server/ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pong") })
	mux.HandleFunc("GET /server/info", f.rest(f.serverInfo))
	mux.HandleFunc("GET /auth", f.providers)
	if !f.opts.NoDefault {
		mux.HandleFunc("POST /auth/login", f.rest(f.login))
	}
	for _, p := range f.opts.Providers {
		if p.TakesPasswords() {
			mux.HandleFunc("POST /auth/login/"+p.Name, f.rest(f.login))
		}
	}
	mux.HandleFunc("POST /auth/refresh", f.rest(f.refresh))
	mux.HandleFunc("POST /auth/logout", f.rest(f.logout))
	mux.HandleFunc("GET /users/me", f.rest(f.me))
	mux.HandleFunc("GET /permissions/me", f.rest(f.permissionsMe))
	if !f.before("11") {
		mux.HandleFunc("GET /policies/me/globals", f.rest(f.globals))
	}
	for _, method := range []string{"GET", "SEARCH"} {
		mux.HandleFunc(method+" /users", f.rest(f.list))
		mux.HandleFunc(method+" /files", f.rest(f.list))
		mux.HandleFunc(method+" /items/{collection}", f.rest(f.list))
	}
	mux.HandleFunc("GET /users/{id}", f.rest(f.one))
	mux.HandleFunc("GET /items/{collection}/{id}", f.rest(f.one))
	mux.HandleFunc("POST /items/{collection}", f.rest(f.post))
	mux.HandleFunc("PATCH /items/{collection}/{id}", f.rest(f.patch))
	mux.HandleFunc("DELETE /items/{collection}/{id}", f.rest(f.delete))
	mux.HandleFunc("PATCH /items/{collection}", f.rest(f.patchKeys))
	mux.HandleFunc("DELETE /items/{collection}", f.rest(f.deleteKeys))
	mux.HandleFunc("GET /websocket", f.upgrade)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && !f.opts.NoWebSockets {
			f.hang(r)
			return
		}
		refuse(w, &apiError{status: 404, code: "ROUTE_NOT_FOUND", message: "Route " + r.URL.Path + " doesn't exist."})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.count(r.Method + " " + r.URL.Path)
		w.Header().Set("Date", f.now().UTC().Format(http.TimeFormat))
		f.mu.Lock()
		hook := f.onREST
		f.mu.Unlock()
		var v RESTVerdict
		if f.limitedByNginx(w) || r.URL.Path != "/websocket" && f.limitedREST(w) {
			return
		}
		if hook != nil {
			v = hook(RESTRequest{Method: r.Method, Path: r.URL.Path})
		}
		f.judge(w, r, v, mux)
	})
}

// pause waits for d, unless one of the channels is closed before. It reports whether d is over.
func pause(d time.Duration, stopped, gone <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-stopped:
	case <-gone:
	}
	return false
}

// judge carries out the verdict on a REST call.
func (f *Fake) judge(w http.ResponseWriter, r *http.Request, v RESTVerdict, next http.Handler) {
	pause(v.Delay, f.stopping, r.Context().Done())
	switch {
	case v.Hang:
		f.hang(r)
	case v.Lose:
		next.ServeHTTP(&discard{header: http.Header{}}, r)
		if v.Status == 0 {
			panic(http.ErrAbortHandler)
		}
		v.Lose = false
		f.judge(w, r, v, nil)
	case v.Drop:
		panic(http.ErrAbortHandler)
	case v.Status != 0:
		if v.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(v.RetryAfter/time.Second)))
		}
		switch {
		case v.Empty:
			w.WriteHeader(v.Status)
			return
		case v.Code == "":
			http.Error(w, "<html>not directus</html>", v.Status)
			return
		}
		refuse(w, &apiError{status: v.Status, code: v.Code, message: v.Code})
	default:
		next.ServeHTTP(w, r)
	}
}

// hang never answers: it returns when the client gives up or the test ends.
func (f *Fake) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-f.stopping:
	}
	panic(http.ErrAbortHandler)
}

// discard is a ResponseWriter that drops the answer.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// rest makes a handler of a route: it identifies the user, holds mu during the route, and
// encodes the result. A nil result is answered with 204.
func (f *Fake) rest(route func(r *http.Request, user string, body map[string]any) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		raw, _ := io.ReadAll(r.Body)
		if len(raw) > 0 {
			dec := json.NewDecoder(strings.NewReader(string(raw)))
			dec.UseNumber()
			var err error
			if raw[0] == '[' {
				var keys []any
				err = dec.Decode(&keys)
				body = map[string]any{"keys": keys}
			} else {
				err = dec.Decode(&body)
			}
			if err != nil {
				refuse(w, invalid("INVALID_PAYLOAD", "Invalid payload. Body is not an object."))
				return
			}
		}
		if f.opts.LoginStall > 0 && strings.HasPrefix(r.URL.Path, "/auth/login") {
			defer time.Sleep(f.opts.LoginStall) // plays LOGIN_STALL_TIME, in the time of the bubble
		}
		f.mu.Lock()
		user, err := f.bearer(r)
		if f.noDatabase {
			err = &apiError{status: 500, code: "INTERNAL_SERVER_ERROR", message: "An unexpected error occurred."}
		}
		var out any
		data, hit := f.fromCache(r, user)
		if err == nil && !hit {
			if out, err = route(r, user, body); err == nil && out != nil {
				data, err = json.Marshal(map[string]any{"data": out})
			}
			f.intoCache(r, user, data)
		}
		f.mu.Unlock()
		if e, ok := errors.AsType[*apiError](err); ok {
			refuse(w, e)
			return
		}
		if err != nil {
			f.t.Errorf("fake directus: %s %s: %v", r.Method, r.URL.Path, err)
		}
		if f.opts.Cached && r.Method == http.MethodGet {
			w.Header().Set("Cache-Control", fmt.Sprintf("private, max-age=%d", int(cacheTTL.Seconds())))
		}
		if data == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write(data)
	}
}

// cacheTTL is CACHE_TTL.
const cacheTTL = 5 * time.Minute

func refuse(w http.ResponseWriter, e *apiError) {
	extensions := map[string]any{"code": e.code}
	maps.Copy(extensions, e.extensions)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(e.status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"message": e.message, "extensions": extensions}}})
}

func (f *Fake) serverInfo(_ *http.Request, user string, _ map[string]any) (any, error) {
	info := map[string]any{"project": map[string]any{"project_name": "Directus"}}
	if user == "" {
		return info, nil
	}
	limit := f.opts.QueryLimitMax
	if limit == 0 {
		limit = -1
	}
	info["version"] = f.opts.Version
	info["queryLimit"] = map[string]any{"default": 100, "max": limit}
	info["rateLimit"] = false
	if r := f.opts.RateLimit; r.Points > 0 {
		info["rateLimit"] = map[string]any{"points": r.Points, "duration": r.Duration.Seconds()}
	}
	info["websocket"] = false
	if !f.opts.NoWebSockets {
		ws := map[string]any{"rest": map[string]any{"authentication": f.opts.Mode, "path": "/websocket"}, "heartbeat": false}
		if f.opts.Heartbeat > 0 {
			ws["heartbeat"] = f.opts.Heartbeat.Seconds()
		}
		info["websocket"] = ws
	}
	return info, nil
}

func (f *Fake) me(r *http.Request, user string, body map[string]any) (any, error) {
	if user == "" {
		return nil, wrongCredentials()
	}
	if id, ok := strings.CutPrefix(user, share); ok {
		return map[string]any{"share": id, "role": map[string]any{"id": nil, "admin_access": false, "app_access": false}}, nil
	}
	q, err := restQuery(r, body)
	if err != nil {
		return nil, err
	}
	bare := map[string]any{"id": user}
	if u := f.users[user]; f.before("11") && u != nil && u.Admin && slices.Contains(q.Fields, "role.admin_access") {
		bare["role"] = map[string]any{"admin_access": true}
		return bare, nil
	}
	if u := f.users[user]; u != nil && f.may(user, usersCollection, "read") {
		if me, err := f.pick(usersCollection, user, u.userItem(), q.Fields); err == nil {
			return me, nil
		}
	}
	return bare, nil
}

// globals is the sum of the user's policies.
func (f *Fake) globals(_ *http.Request, user string, _ map[string]any) (any, error) {
	u := f.users[user]
	if u == nil {
		return nil, forbidden()
	}
	return map[string]any{"app_access": u.Admin, "admin_access": u.Admin, "enforce_tfa": false}, nil
}

func (f *Fake) permissionsMe(_ *http.Request, user string, _ map[string]any) (any, error) {
	if f.before("11") {
		return nil, nil
	}
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(f.collections)) {
		rights := map[string]any{}
		for _, action := range []string{"create", "read", "update", "delete"} {
			right := permission{user, name, action}
			if !f.may(user, name, action) {
				rights[action] = map[string]any{"access": "none"}
				continue
			}
			access, fields := "full", []string{"*"}
			if f.restricted[right] != nil {
				access = "partial"
			}
			if limited, ok := f.fields[right]; ok {
				fields = limited
			}
			rights[action] = map[string]any{"access": access, "fields": fields}
		}
		out[name] = rights
	}
	return out, nil
}
