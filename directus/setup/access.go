package setup

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// defaultRole is the name of the role and of its policy if Options.Role is empty.
const defaultRole = "IRC users"

// nameRole decides on the name of the role. The role of an earlier run, which nameRole finds by its id, may have been
// renamed. It keeps its name; if the options ask for another one, that is an error before anything is made.
func (r *run) nameRole(ctx context.Context) error {
	found, err := r.find(ctx, "/roles", url.Values{"filter[id][_eq]": {RoleID}, "fields": {"id,name"}})
	if err != nil {
		return fmt.Errorf("look for the role: %w", err)
	}
	is := defaultRole
	if len(found) > 0 {
		is = fmt.Sprint(found[0]["name"])
		if r.opts.Role != "" && r.opts.Role != is {
			return fmt.Errorf("the role that an earlier setup made has the name %q, not %q: leave out --role, or rename the role in the Directus app first", is, r.opts.Role)
		}
	}
	r.opts.Role = cmp.Or(r.opts.Role, is)
	r.report.options.Role = r.opts.Role
	return nil
}

// role makes the role for the people who chat.
func (r *run) role(ctx context.Context) error {
	body := object{"id": RoleID, "name": r.opts.Role, "icon": "chat"}
	if !r.policies {
		// On Directus 10 the role itself has these rights, and app_access is true by default.
		body["app_access"], body["admin_access"] = false, false
	}
	if err := r.ensure(ctx, "role", "/roles", RoleID, body, !r.policies); err != nil {
		return err
	}
	r.report.note("give the people who chat the role %q (%s); administrators can chat without it", r.opts.Role, RoleID)
	return nil
}

// policy makes the policy that holds the permissions and attaches it to the role. Directus 10 has no policies.
func (r *run) policy(ctx context.Context) error {
	if !r.policies {
		return nil
	}
	err := r.ensure(ctx, "policy", "/policies", policyID, object{
		"id": policyID, "name": r.opts.Role, "icon": "chat", "app_access": false, "admin_access": false,
	}, true)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("access of the role %q to its policy", r.opts.Role)
	found, err := r.find(ctx, "/access", url.Values{"filter[role][_eq]": {RoleID}, "filter[policy][_eq]": {policyID}, "fields": {"id"}})
	if err != nil {
		return fmt.Errorf("look for the %s: %w", what, err)
	}
	if len(found) > 0 {
		r.report.add(Step{What: what, Status: Present})
		return nil
	}
	return r.change(ctx, Step{What: what, Status: Created}, http.MethodPost, "/access",
		object{"id": accessID, "role": RoleID, "policy": policyID})
}

// ensure makes a role or policy with a fixed id. powers says that this kind of object can make its holders
// administrators; an existing one that does is reported.
func (r *run) ensure(ctx context.Context, kind, path, id string, body object, powers bool) error {
	what := fmt.Sprintf("%s %q", kind, r.opts.Role)
	found, err := r.find(ctx, path, url.Values{"filter[id][_eq]": {id}})
	if err != nil {
		return fmt.Errorf("look for the %s: %w", what, err)
	}
	if len(found) == 0 {
		if err := r.sameName(ctx, kind, path); err != nil {
			return err
		}
		return r.change(ctx, Step{What: what, Status: Created}, http.MethodPost, path, body)
	}
	step := Step{What: what, Status: Present}
	if name := fmt.Sprint(found[0]["name"]); name != r.opts.Role {
		step.Detail = fmt.Sprintf("its name is now %q", name)
	}
	if admin, _ := found[0]["admin_access"].(bool); powers && admin {
		step.Status, step.Detail = Differs, "it makes its holders administrators"
		step.Fix = "remove \"admin access\" from it in the Directus app, unless you want that"
	}
	r.report.add(step)
	return nil
}

// sameName adds a note if another role or policy already has the name of the new one.
func (r *run) sameName(ctx context.Context, kind, path string) error {
	found, err := r.find(ctx, path, url.Values{"filter[name][_eq]": {r.opts.Role}, "fields": {"id"}})
	if err != nil {
		return fmt.Errorf("look for a %s of the same name: %w", kind, err)
	}
	if len(found) > 0 {
		r.report.note("there is another %s with the name %q (%v); setup did not make it and leaves it alone", kind, r.opts.Role, found[0]["id"])
	}
	return nil
}

func (r *run) find(ctx context.Context, path string, query url.Values) ([]object, error) {
	query.Set("limit", "-1")
	var found []object
	err := r.get(ctx, path, query, &found)
	return found, err
}
