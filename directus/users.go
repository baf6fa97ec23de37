package directus

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A User is an item of directus_users. It holds the fields that were asked for and that
// the account's user may read.
type User map[string]any

// ID is the user's id; empty if it was not read.
func (u User) ID() string { return u.String("id") }

// String returns the value of a string field; empty if the field is absent, null or of
// another type.
func (u User) String(field string) string {
	s, _ := u[field].(string)
	return s
}

// Me reads the own user. The result always holds the id; fields that the user may not
// read are absent.
func (a *Account) Me(ctx context.Context, fields []string) (User, error) {
	me, err := a.me(ctx, fields)
	if err != nil && !IsCode(err, CodeForbidden) {
		return nil, fmt.Errorf("read own user: %w", err)
	}
	if err == nil && !reduced(me, fields) {
		return me, nil
	}
	return a.readableMe(ctx, fields)
}

// readableMe is Me where the user may not read one of the fields: Directus then leaves out all
// but the id. With "*" it returns all fields that the user may read.
func (a *Account) readableMe(ctx context.Context, fields []string) (User, error) {
	all, err := a.me(ctx, []string{"*"})
	if err != nil && !IsCode(err, CodeForbidden) {
		return nil, fmt.Errorf("read own user: %w", err)
	}
	me := User{"id": a.id}
	for _, f := range fields {
		if v, ok := all[f]; ok {
			me[f] = v
		}
	}
	return me, nil
}

func (a *Account) me(ctx context.Context, fields []string) (User, error) {
	var me User
	err := a.Do(ctx, http.MethodGet, "/users/me", url.Values{"fields": {strings.Join(fields, ",")}}, nil, &me)
	if err != nil {
		return nil, err
	}
	if me.ID() == "" {
		return nil, ErrNoUser
	}
	return me, a.own(me.ID())
}

// reduced reports whether me holds none of the fields asked for, except the id.
func reduced(me User, fields []string) bool {
	asked := false
	for _, f := range fields {
		name, _, _ := strings.Cut(f, ".")
		if name == "id" {
			continue
		}
		asked = true
		if _, ok := me[name]; ok {
			return false
		}
	}
	return asked
}

// Users reads directus_users. Without the right to read users Directus answers
// CodeForbidden.
func (a *Account) Users(ctx context.Context, q Query) ([]User, error) {
	var users []User
	if err := a.read(ctx, "/users", q, &users); err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	return users, nil
}
