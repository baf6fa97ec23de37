package directustest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"directus-ircd/directus"
	"directus-ircd/directus/setup"
)

// User is a user of a Server who has the role for the chat.
type User struct {
	ID, Email, Password, StaticToken string
	FirstName, LastName              string
}

// CreateUser makes an active user with a new e-mail address, password and static token. The names may be empty.
func (s *Server) CreateUser(first, last string) User {
	s.t.Helper()
	u := User{Email: "user-" + strings.ToLower(rand.Text()) + "@example.com", Password: "pw-" + rand.Text(), StaticToken: "token-" + rand.Text(),
		FirstName: first, LastName: last}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	id, err := setup.AddUser(ctx, s.admin, setup.User{Email: u.Email, Password: u.Password, Token: u.StaticToken,
		FirstName: first, LastName: last})
	if err != nil {
		s.t.Fatal(err)
	}
	u.ID = id
	return u
}

// UpdateUser changes fields of a user, such as {"status": "suspended"}.
func (s *Server) UpdateUser(u User, fields map[string]any) {
	s.t.Helper()
	s.Do(http.MethodPatch, "/users/"+u.ID, nil, fields, nil)
}

// Account logs u in with the static token. The account works as long as u is active.
func (s *Server) Account(u User) *directus.Account {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if account, ok := s.accounts[u.StaticToken]; ok {
		return account
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	account, err := s.client.LoginToken(ctx, u.StaticToken)
	if err != nil {
		s.t.Fatalf("log in with a static token: %v", err)
	}
	s.accounts[u.StaticToken] = account
	return account
}

// AddMessage stores a message of u, as a web app does, and returns its id as text.
func (s *Server) AddMessage(u User, text string) (id string) {
	s.t.Helper()
	return s.AddItem(u, map[string]any{"text": text})
}

// DoAs makes a REST call as u, whose answer is not read; see directus.Account.Do.
func (s *Server) DoAs(u User, method, path string, body any) {
	s.t.Helper()
	s.do(s.Account(u), method, path, nil, body, nil)
}

// AddItem stores an item of u in the collection and returns its id as text.
func (s *Server) AddItem(u User, item map[string]any) (id string) {
	s.t.Helper()
	var made struct {
		ID json.RawMessage `json:"id"`
	}
	s.do(s.Account(u), http.MethodPost, "/items/"+s.Collection, nil, item, &made)
	return strings.Trim(string(made.ID), `"`)
}

// Messages reads fields of all messages, oldest first, as administrator.
func (s *Server) Messages(fields ...string) []map[string]any {
	s.t.Helper()
	var items []map[string]any
	s.Do(http.MethodGet, "/items/"+s.Collection, url.Values{
		"limit": {"-1"}, "sort": {"id"}, "fields": {strings.Join(fields, ",")},
	}, nil, &items)
	return items
}

// Revoke removes the permission of the chat role for an action, "read" or "create", on a collection. It comes back when
// restore is called or the test ends. All users of the server lose it at once, on open sockets too.
func (s *Server) Revoke(collection, action string) (restore func()) {
	s.t.Helper()
	var taken []map[string]any
	for _, p := range s.permissions(collection, action) {
		id, isID := p["id"].(json.Number)
		if !isID {
			continue // a rule built into Directus
		}
		taken = append(taken, p)
		s.Do(http.MethodDelete, "/permissions/"+id.String(), nil, nil, nil)
		delete(p, "id")
	}
	if len(taken) == 0 {
		s.t.Fatalf("there is no permission to %s %s", action, collection)
	}
	restore = sync.OnceFunc(func() {
		for _, p := range taken {
			s.Do(http.MethodPost, "/permissions", nil, p, nil)
		}
	})
	s.t.Cleanup(restore)
	return restore
}
