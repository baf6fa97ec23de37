package directus_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// TestAnswered: each request that has left is told once, with its outcome and how long it took.
func TestAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, directustest.FakeOptions{})
		var mu sync.Mutex
		told := map[string]time.Duration{}
		r.Client = directus.New(r.fake.URL(), directus.Options{NetDial: r.fake.Dial, Answered: func(op directus.Operation, out directus.Outcome, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			told[fmt.Sprint(op, " ", out)] += took
		}})
		defer r.Client.Close()
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if got := slices.Sorted(maps.Keys(told)); !slices.Equal(got, want) {
				t.Errorf("%s was told as %q, not as %q", what, got, want)
			}
			clear(told)
		}
		must(t, r.Ping(t.Context()))
		expect("a ping", "ping ok")
		if _, err := r.Login(t.Context(), kevinEmail, "wrong", ""); err == nil {
			t.Error("a wrong password was accepted")
		}
		expect("a wrong password", "login refused")

		a := r.login()
		l := run(t, a)
		l.up()
		follow(t, l.Realtime, "messages").active()
		expect("the way in", "connect ok", "info ok", "login ok", "subscribe ok")
		must(t, create(t, l.Realtime, "x"))
		must(t, a.CreateItem(t.Context(), "messages", map[string]any{"text": "y"}, nil, nil))
		expect("two messages", "create ok")
		_, err := a.Permissions(t.Context())
		must(t, err)
		expect("what the user may do", "permissions ok")

		r.fake.OnFrame(func(directustest.FakeFrame) directustest.FrameVerdict { return directustest.FrameVerdict{Skip: true} })
		if err := create(t, l.Realtime, "z"); !errors.Is(err, directus.ErrUnconfirmed) {
			t.Error(err)
		}
		r.fake.OnFrame(nil)
		mu.Lock()
		if took := told["create unavailable"]; took != directus.DefaultTimeout {
			t.Errorf("no answer was waited for for %v", took)
		}
		clear(told)
		mu.Unlock()

		var items []any
		for verdict, want := range map[directustest.RESTVerdict]string{
			{Status: http.StatusTooManyRequests, Code: directus.CodeRequestsExceeded}: "read limited",
			{Status: http.StatusTooManyRequests}:                                      "read limited", // by a proxy
			{Status: http.StatusBadGateway}:                                           "read unavailable",
			{Status: http.StatusForbidden, Code: directus.CodeForbidden}:              "read refused",
			{Hang: true}: "read unavailable",
		} {
			r.fake.OnREST(func(q directustest.RESTRequest) directustest.RESTVerdict {
				if !strings.HasPrefix(q.Path, "/items/") {
					return directustest.RESTVerdict{}
				}
				return verdict
			})
			if err := a.Items(t.Context(), "messages", directus.Query{Limit: 1}, &items); err == nil {
				t.Errorf("%+v was no error", verdict)
			}
			mu.Lock()
			delete(told, "ping ok") // of the socket
			mu.Unlock()
			expect(fmt.Sprintf("%+v", verdict), want)
		}
		r.fake.OnREST(nil)
		must(t, a.Logout(t.Context()))
	})
}
