package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// holder is a role or user that has the permissions of the chat, or gets them.
type holder struct{ kind, id, name string }

// errNoPolicies says why Directus 10 gives permissions to one role only.
var errNoPolicies = errors.New("this Directus has no policies, which came with version 11: its users have the permissions of their one role. Use --attach-role once, and no --attach-user")

// named finds the roles and users that the options name.
func (r *run) named(ctx context.Context) error {
	if !r.policies && (len(r.opts.AttachUsers) > 0 || len(r.opts.AttachRoles) > 1) {
		return errNoPolicies
	}
	for _, name := range r.opts.AttachRoles {
		h, err := r.only(ctx, "role", "/roles", name, object{"name": object{"_eq": name}})
		if err != nil {
			return err
		}
		r.hold(h)
	}
	for _, name := range r.opts.AttachUsers {
		h, err := r.only(ctx, "user", "/users", name, userNamed(name))
		if err != nil {
			return err
		}
		r.hold(h)
	}
	if !r.policies && len(r.holders) > 0 {
		r.owner = owner{"role", r.holders[0].id}
	}
	return nil
}

// userNamed matches the users with an e-mail address, or with a first name, a last name or both.
func userNamed(name string) object {
	if strings.Contains(name, "@") {
		return object{"email": object{"_in": []string{name, strings.ToLower(name)}}}
	}
	either := []object{{"first_name": object{"_eq": name}}, {"last_name": object{"_eq": name}}}
	for i, c := range name {
		if c == ' ' {
			either = append(either, object{"_and": []object{{"first_name": object{"_eq": name[:i]}}, {"last_name": object{"_eq": name[i+1:]}}}})
		}
	}
	return object{"_or": either}
}

// only finds the one role or user of a name or id.
func (r *run) only(ctx context.Context, kind, path, name string, filter object) (holder, error) {
	if id, err := uuid.Parse(name); err == nil {
		filter = object{"id": object{"_eq": id.String()}}
	}
	text, err := json.Marshal(filter)
	if err != nil {
		return holder{}, err
	}
	found, err := r.find(ctx, path, url.Values{"filter": {string(text)}, "fields": {"id"}})
	switch {
	case err != nil:
		return holder{}, fmt.Errorf("look for the %s %q: %w", kind, name, err)
	case len(found) == 0:
		return holder{}, fmt.Errorf("there is no %s %q in this Directus: look up how it is written in the Directus app, or give its id", kind, name)
	case len(found) > 1:
		return holder{}, fmt.Errorf("there are %d with the name: %[2]s %[3]q: give the id of one of them, or the e-mail address of a user", len(found), kind, name)
	}
	return holder{kind, fmt.Sprint(found[0]["id"]), name}, nil
}

// attached adds the roles and users that an earlier run, or somebody in the Directus app, has attached the policy to.
func (r *run) attached(ctx context.Context) error {
	var found []struct {
		Role *struct{ ID, Name string }
		User *struct{ ID string }
	}
	err := r.get(ctx, "/access", url.Values{"limit": {"-1"}, "filter[policy][_eq]": {policyID}, "fields": {"role.id,role.name,user.id"}}, &found)
	if err != nil {
		return fmt.Errorf("look for the access to the policy: %w", err)
	}
	for _, a := range found {
		switch {
		case a.Role != nil && a.Role.ID != RoleID:
			r.hold(holder{"role", a.Role.ID, a.Role.Name})
		case a.User != nil:
			r.hold(holder{"user", a.User.ID, a.User.ID})
		}
	}
	return nil
}

// hold adds a holder, once.
func (r *run) hold(h holder) {
	for _, other := range r.holders {
		if other.id == h.id {
			return
		}
	}
	r.holders = append(r.holders, h)
}

// attach gives the policy to a role or user, unless they have it.
func (r *run) attach(ctx context.Context, h holder) error {
	what := fmt.Sprintf("access of the %s %q to the policy", h.kind, h.name)
	found, err := r.find(ctx, "/access", url.Values{"filter[" + h.kind + "][_eq]": {h.id}, "filter[policy][_eq]": {policyID}, "fields": {"id"}})
	if err != nil {
		return fmt.Errorf("look for the %s: %w", what, err)
	}
	if len(found) > 0 {
		r.report.add(Step{What: what, Status: Present})
		return nil
	}
	// The id is the same in each run, so that two at a time make one.
	id := uuid.NewSHA1(uuid.MustParse(policyID), []byte(h.id)).String()
	return r.change(ctx, Step{What: what, Status: Created}, http.MethodPost, "/access", object{"id": id, h.kind: h.id, "policy": policyID})
}
