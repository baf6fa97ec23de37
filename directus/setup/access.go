package setup

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// defaultRole is the name of the role and of its policy if Options.Role is empty.
const defaultRole = "IRC users"

// kind is a kind of object that setup makes under a fixed id.
type kind struct{ name, path, id string }

var (
	roleKind   = kind{"role", "/roles", RoleID}
	policyKind = kind{"policy", "/policies", policyID}
)

// plan decides whether a role is made, who else gets the permissions, and how role and policy are called, before anything
// is changed. Those of an earlier run, which plan finds by their ids, may have been renamed. They keep their names; if the
// options ask for another one, that is an error.
func (r *run) plan(ctx context.Context) error {
	role, err := r.made(ctx, roleKind)
	if err != nil {
		return err
	}
	policy := ""
	if r.policies {
		if policy, err = r.made(ctx, policyKind); err != nil {
			return err
		}
	}
	if is := cmp.Or(role, policy); is != "" && r.opts.Role != "" && r.opts.Role != is {
		return fmt.Errorf("the role that an earlier setup made has the name %q, not %q: leave out --role, or rename the role in the Directus app first", is, r.opts.Role)
	}
	r.opts.Role = cmp.Or(r.opts.Role, role, policy, defaultRole)
	r.report.options.Role = r.opts.Role
	if err := r.named(ctx); err != nil {
		return err
	}
	if policy != "" {
		if err := r.attached(ctx); err != nil {
			return err
		}
	}
	r.makesRole = len(r.holders) == 0 || role != "" && r.policies
	if role == "" && r.makesRole {
		if err := r.unnamed(ctx, roleKind); err != nil {
			return err
		}
	}
	if policy == "" && r.policies {
		return r.unnamed(ctx, policyKind)
	}
	return nil
}

// made returns the name of what an earlier run made; empty if there is none.
func (r *run) made(ctx context.Context, k kind) (string, error) {
	found, err := r.find(ctx, k.path, url.Values{"filter[id][_eq]": {k.id}, "fields": {"id,name"}})
	if err != nil {
		return "", fmt.Errorf("look for the %s: %w", k.name, err)
	}
	if len(found) == 0 {
		return "", nil
	}
	return fmt.Sprint(found[0]["name"]), nil
}

// unnamed makes sure that no other role or policy has the name of the one to be made. Directus would allow it, and nobody
// could tell the two apart.
func (r *run) unnamed(ctx context.Context, k kind) error {
	found, err := r.find(ctx, k.path, url.Values{"filter[name][_eq]": {r.opts.Role}, "fields": {"id,name"}})
	if err != nil {
		return fmt.Errorf("look for a %s of the same name: %w", k.name, err)
	}
	if !slices.ContainsFunc(found, func(o object) bool { return o["name"] == r.opts.Role }) {
		return nil
	}
	use := ""
	if k == roleKind {
		use = fmt.Sprintf("give that one the permissions of the chat with --attach-role %q, or ", r.opts.Role)
	}
	return fmt.Errorf("there is a %s %q that setup did not make, and it makes no second one of a name: %schoose another name with --role", k.name, r.opts.Role, use)
}

// role makes the role for the people who chat, unless they have the permissions otherwise.
func (r *run) role(ctx context.Context) error {
	if !r.makesRole {
		return nil
	}
	body := object{"id": RoleID, "name": r.opts.Role, "icon": "chat"}
	if !r.policies {
		// On Directus 10 the role itself has these rights, and app_access is true by default.
		body["app_access"], body["admin_access"] = false, false
	}
	if err := r.ensure(ctx, roleKind, body, !r.policies); err != nil {
		return err
	}
	r.report.note("give the people who chat the role %q (%s); administrators can chat without it", r.opts.Role, RoleID)
	r.hold(holder{"role", RoleID, r.opts.Role})
	return nil
}

// policy makes the policy that holds the permissions and attaches it to those who are to have it. Directus 10 has no
// policies.
func (r *run) policy(ctx context.Context) error {
	if !r.policies {
		return nil
	}
	err := r.ensure(ctx, policyKind, object{
		"id": policyID, "name": r.opts.Role, "icon": "chat", "app_access": false, "admin_access": false,
	}, true)
	if err != nil {
		return err
	}
	for _, h := range r.holders {
		if err := r.attach(ctx, h); err != nil {
			return err
		}
	}
	r.report.note("a user of Directus has one role, and any number of policies. People who have a role already keep it and get the policy %q: "+
		"run setup with --attach-role ROLE or --attach-user EMAIL, or add the policy to the role or user in the Directus app", r.opts.Role)
	return nil
}

// ensure makes a role or policy with a fixed id. powers says that this kind of object can make its holders
// administrators; an existing one that does is reported.
func (r *run) ensure(ctx context.Context, k kind, body object, powers bool) error {
	what := fmt.Sprintf("%s %q", k.name, r.opts.Role)
	found, err := r.find(ctx, k.path, url.Values{"filter[id][_eq]": {k.id}})
	if err != nil {
		return fmt.Errorf("look for the %s: %w", what, err)
	}
	if len(found) == 0 {
		return r.change(ctx, Step{What: what, Status: Created}, http.MethodPost, k.path, body)
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

func (r *run) find(ctx context.Context, path string, query url.Values) ([]object, error) {
	query.Set("limit", "-1")
	var found []object
	err := r.get(ctx, path, query, &found)
	return found, err
}
