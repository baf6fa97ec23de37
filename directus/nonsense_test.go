package directus_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"directus-ircd/directus"
)

// What a proxy says in the place of Directus, with whatever status, is no answer: neither that there are no rows, nor that
// something was stored, changed or deleted.
func TestNonsenseIsNoAnswer(t *testing.T) {
	type reply struct {
		status int
		body   string
	}
	for _, c := range []struct {
		method string
		reply  reply
		answer bool
	}{
		{http.MethodGet, reply{200, ``}, false},
		{http.MethodGet, reply{204, ``}, true}, // Directus 10 of one's own permissions
		{http.MethodGet, reply{200, `{"data":null}`}, false},
		{http.MethodGet, reply{200, `{}`}, false},
		{http.MethodGet, reply{200, `<html>`}, false},
		{http.MethodGet, reply{200, `{"data":[]}`}, true},
		{"SEARCH", reply{200, ``}, false},
		{"SEARCH", reply{204, ``}, false},
		{"SEARCH", reply{200, `{"data":null}`}, false},
		{"SEARCH", reply{200, `{"data":[]}`}, true},
		{http.MethodPost, reply{200, ``}, false},
		{http.MethodPost, reply{200, `<html>`}, false},
		{http.MethodPost, reply{204, ``}, true},
		{http.MethodDelete, reply{200, ``}, false},
		{http.MethodDelete, reply{200, `<html>`}, false},
		{http.MethodDelete, reply{204, ``}, true},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			out := c.reply
			if strings.HasPrefix(r.URL.Path, "/auth") {
				out = reply{200, `{"data":{"access_token":"a","refresh_token":"b","expires":900000}}`}
			} else if strings.HasPrefix(r.URL.Path, "/users") {
				out = reply{200, `{"data":{"id":"1"}}`}
			}
			w.WriteHeader(out.status)
			io.WriteString(w, out.body)
		}))
		t.Cleanup(server.Close)
		base, err := url.Parse(server.URL)
		must(t, err)
		client := directus.New(base, directus.Options{})
		t.Cleanup(client.Close)
		account, err := client.Login(t.Context(), "ada@example.com", "secret", "")
		must(t, err)
		var items []any
		var out any = &items
		if c.method == http.MethodDelete {
			out = nil
		}
		if c.method == "SEARCH" {
			err = account.Items(t.Context(), "messages", directus.Query{}, out)
		} else {
			err = account.Do(t.Context(), c.method, "/items/messages", nil, nil, out)
		}
		var e *directus.Error
		if c.answer && err != nil || !c.answer && (!errors.As(err, &e) || !errors.Is(err, directus.ErrUnavailable) || c.reply.status == 200 && !e.InDoubt()) {
			t.Errorf("%s answered %d %q: %v", c.method, c.reply.status, c.reply.body, err)
		}
	}
}
