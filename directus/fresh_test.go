package directus_test

import (
	"encoding/json"
	"testing"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// What is read is what is there, whatever Directus answered to the same question a
// moment ago: messages, names, and rights that were taken away.
func TestReadsAreFresh(t *testing.T) {
	everywhere(t, setting{own: true, cached: true}, func(t *testing.T, w world) {
		ada := w.person("Ada")
		a := enter(t, w, ada)
		ask := func() (seen int, readers int, me string, create string) {
			t.Helper()
			var items []json.RawMessage
			must(t, a.Items(t.Context(), "messages", directus.Query{Fields: []string{"text"}}, &items))
			users, err := a.Users(t.Context(), directus.Query{Fields: []string{"first_name"}, Filter: directus.Eq("first_name", "Bob")})
			must(t, err)
			all, err := a.Me(t.Context(), []string{"id", "first_name"})
			must(t, err)
			var rights map[string]map[string]struct{ Access string }
			must(t, a.Do(t.Context(), "GET", "/permissions/me", nil, nil, &rights))
			return len(items), len(users), all.String("first_name"), rights["messages"]["create"].Access
		}
		before, bobs, me, create := ask()
		info, err := a.Info(t.Context())
		must(t, err)
		if says := info.Major() >= 11; me != "Ada" || says != (create == "full") || bobs != 0 { // Directus 10 does not say so what one may do
			t.Fatalf("before: %q, create %q, %d others", me, create, bobs)
		}
		w.post(ada, "hello")
		w.person("Bob")
		w.revoke("create")
		if after, bobs, _, create := ask(); after != before+1 || bobs != 1 || create == "full" {
			t.Errorf("%d of 1 new messages, %d of 1 new people, and the right that is gone is %q", after-before, bobs, create)
		}
		caching, err := a.Caching(t.Context(), "messages")
		if err != nil || !caching.Search || caching.Age != 5*time.Minute {
			t.Errorf("caching: %+v, %v", caching, err)
		}
	})
}

// Where a proxy lets no SEARCH pass, what is read is no older.
func TestSearchDoesNotPass(t *testing.T) {
	for name, verdict := range map[string]directustest.RESTVerdict{
		"not allowed":     {Status: 405},
		"not implemented": {Status: 501},
		"forbidden":       {Status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{Cached: true}, func(r *rig) {
				r.fake.OnREST(func(q directustest.RESTRequest) directustest.RESTVerdict {
					if q.Method == "SEARCH" {
						return verdict
					}
					return directustest.RESTVerdict{}
				})
				a := r.login()
				for want := range 3 {
					var items []json.RawMessage
					must(r.t, a.Items(r.t.Context(), "messages", directus.Query{}, &items))
					if len(items) != want {
						r.t.Errorf("%d of %d items", len(items), want)
					}
					r.fake.Insert("messages", r.kevin, map[string]any{"text": "hello"})
				}
				if n := r.fake.Count("SEARCH /items/messages"); n != 1 {
					r.t.Errorf("%d times tried", n)
				}
				caching, err := a.Caching(r.t.Context(), "messages")
				if err != nil || caching.Search || caching.Age != 5*time.Minute {
					r.t.Errorf("caching: %+v, %v", caching, err)
				}
				r.fake.OnREST(nil)
				time.Sleep(11 * time.Minute)
				must(r.t, a.Items(r.t.Context(), "messages", directus.Query{}, &[]json.RawMessage{}))
				if n := r.fake.Count("SEARCH /items/messages"); n != 3 {
					r.t.Errorf("%d times tried, 3 with that of the check", n)
				}
			})
		})
	}
}
