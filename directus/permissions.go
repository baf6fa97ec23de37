package directus

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Permissions are what a user may do, by collection and action ("create", "read",
// "update", "delete"); nil on Directus 10, which does not tell.
type Permissions map[string]map[string]Permission

// Permission is what a user may do with a collection by one action. Its zero value is
// nothing.
type Permission struct {
	Access string   `json:"access"` // full, partial (under a rule) or none
	Fields []string `json:"fields"` // "*" stands for all
	// Presets are what Directus writes into an item by the permission to create it.
	Presets map[string]any `json:"presets"`
}

// Allowed reports whether the user may do it at all, be it under a rule.
func (p Permission) Allowed() bool { return p.Access == "full" || p.Access == "partial" }

// Refused lists those of some fields that are not covered, of whichever items. Of a
// dotted one the first name counts.
func (p Permission) Refused(fields ...string) []string {
	return slices.DeleteFunc(slices.Clone(fields), func(field string) bool {
		name, _, _ := strings.Cut(field, ".")
		return slices.Contains(p.Fields, "*") || slices.Contains(p.Fields, name)
	})
}

// Permissions asks for the user's own.
func (a *Account) Permissions(ctx context.Context) (all Permissions, err error) {
	if err := a.Do(ctx, http.MethodGet, "/permissions/me", nil, nil, &all); err != nil {
		return nil, fmt.Errorf("read own permissions: %w", err)
	}
	return all, nil
}

// Administrator reports whether the user may do everything: the sum of their policies, or
// on Directus 10, which has none, their role. It may hide the role from other users, but
// never from an administrator.
func (a *Account) Administrator(ctx context.Context) (bool, error) {
	var globals struct {
		Admin bool `json:"admin_access"`
	}
	err := a.Do(ctx, http.MethodGet, "/policies/me/globals", nil, nil, &globals)
	if !IsCode(err, CodeRouteNotFound) {
		return globals.Admin, err
	}
	// Without the id among the fields, Directus 10 answers with a bare id if the user may
	// not read the role.
	me, err := a.Me(ctx, []string{"id", "role.admin_access"})
	if err != nil {
		return false, err
	}
	role, _ := me["role"].(map[string]any)
	admin, _ := role["admin_access"].(bool)
	return admin, nil
}
