package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// User is a new user for AddUser.
type User struct {
	Email, Password     string
	FirstName, LastName string // empty: none
	Token               string // a static token; empty: none
}

// AddUser makes an active user with the role that Run made, and returns the id. If there is a user with the same e-mail
// address, it changes nothing and returns the id of that user.
func AddUser(ctx context.Context, account Account, u User) (id string, err error) {
	var found []struct{ ID string }
	query := url.Values{"filter[email][_eq]": {u.Email}, "fields": {"id"}, "limit": {"1"}}
	if err := account.Do(ctx, http.MethodGet, "/users", query, nil, &found); err != nil {
		return "", fmt.Errorf("look for a user: %w", err)
	}
	if len(found) > 0 {
		return found[0].ID, nil
	}
	body := object{"email": u.Email, "password": u.Password, "role": RoleID, "status": "active"}
	for name, value := range map[string]string{"first_name": u.FirstName, "last_name": u.LastName, "token": u.Token} {
		if value != "" {
			body[name] = value
		}
	}
	var made struct{ ID string }
	if err := account.Do(ctx, http.MethodPost, "/users", nil, body, &made); err != nil {
		return "", fmt.Errorf("add a user: %w", err)
	}
	if made.ID == "" {
		return "", errors.New("add a user: directus returned no id")
	}
	return made.ID, nil
}
