package setup

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"directus-ircd/directus"
)

// permissions lets the role read and write messages and read the names of users.
func (r *run) permissions(ctx context.Context) error {
	for _, action := range []string{"read", "create"} {
		if err := r.permit(ctx, rule{r.opts.Collection, action, []string{"*"}}); err != nil {
			return err
		}
	}
	return r.permitUsers(ctx)
}

// rule is one permission of the role.
type rule struct {
	collection, action string
	fields             []string
}

func (p rule) String() string { return fmt.Sprintf("permission to %s %s", p.action, p.collection) }

// permitUsers lets the role read what nicks are made from: just that where Directus can express it, and everything
// where it cannot (12 without a licence).
func (r *run) permitUsers(ctx context.Context) error {
	narrow := rule{"directus_users", "read", append([]string{"id"}, r.opts.NickFields...)}
	wide := rule{"directus_users", "read", []string{"*"}}
	present, fields, err := r.permitted(ctx, narrow)
	switch {
	case err != nil:
		return err
	case present && slices.Contains(fields, "*") && !r.opts.UsersNarrow:
		r.report.add(Step{What: wide.String(), Status: Present})
		r.noteWideUsers()
		return nil
	case present:
		r.reportExisting(narrow, fields)
		return nil
	}
	custom, err := r.customRules(ctx)
	if err != nil {
		return err
	}
	if custom {
		err = r.grant(ctx, narrow)
		if !directus.IsCode(err, directus.CodeResourceRestricted) {
			return err
		}
	}
	if r.opts.UsersNarrow {
		r.report.add(Step{What: narrow.String(), Status: Differs,
			Detail: "this Directus has no licence for rules that name fields, so people see each other as ids only",
			Fix:    "add a licence key, or allow all fields, e-mail addresses included"})
		return nil
	}
	if err := r.grant(ctx, wide); err != nil {
		return err
	}
	r.noteWideUsers()
	return nil
}

func (r *run) noteWideUsers() {
	r.report.note("the role may read all fields of all users, e-mail addresses included (passwords and tokens excepted), over the " +
		"Directus API, because a Directus 12 without a licence knows no narrower rule; nothing of it is shown on IRC. " +
		"With a licence, or on Directus 11, restrict the fields of this permission in the Directus app")
}

// customRules reports whether Directus accepts permissions that name fields. Only Directus 12 may refuse them; it says so
// to an administrator, and where it does not, the attempt tells.
func (r *run) customRules(ctx context.Context) (bool, error) {
	if !r.opts.DryRun {
		return true, nil
	}
	var license struct {
		Entitlements map[string]struct{ Default, Override *bool } `json:"entitlements"`
	}
	err := r.get(ctx, "/license", nil, &license)
	if directus.IsCode(err, directus.CodeRouteNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the licence: %w", err)
	}
	rules := license.Entitlements["custom_permission_rules_enabled"]
	enabled := cmp.Or(rules.Override, rules.Default)
	return enabled == nil || *enabled, nil
}

// permit makes a rule unless there is one for this collection and action.
func (r *run) permit(ctx context.Context, want rule) error {
	present, fields, err := r.permitted(ctx, want)
	if err != nil {
		return err
	}
	if present {
		r.reportExisting(want, fields)
		return nil
	}
	return r.grant(ctx, want)
}

// permitted looks for a rule, and gives the fields that all rules for its collection and action allow together.
func (r *run) permitted(ctx context.Context, want rule) (present bool, fields []string, err error) {
	owner, id := r.owner()
	var found []struct {
		Fields      []string       `json:"fields"`
		Permissions map[string]any `json:"permissions"`
	}
	err = r.get(ctx, "/permissions", url.Values{
		"limit":                      {"-1"},
		"filter[" + owner + "][_eq]": {id},
		"filter[collection][_eq]":    {want.collection},
		"filter[action][_eq]":        {want.action},
	}, &found)
	if err != nil {
		return false, nil, fmt.Errorf("look for the %s: %w", want, err)
	}
	for _, p := range found {
		fields = append(fields, p.Fields...)
	}
	return len(found) > 0, fields, nil
}

// reportExisting compares an existing rule with the wanted one; it is never changed.
func (r *run) reportExisting(want rule, fields []string) {
	step := Step{What: want.String(), Status: Present}
	var lacking []string
	for _, f := range want.fields {
		if !slices.Contains(fields, f) && !slices.Contains(fields, "*") {
			lacking = append(lacking, f)
		}
	}
	switch {
	case len(lacking) > 0:
		step.Status = Differs
		step.Detail = "it allows the fields " + strings.Join(fields, ", ") + " only and lacks " + strings.Join(lacking, ", ")
		step.Fix = "extend it in the Directus app if that was not on purpose"
	case !slices.Contains(want.fields, "*") && slices.Contains(fields, "*"):
		step.Detail = "it allows all fields, more than is needed"
	}
	r.report.add(step)
}

func (r *run) grant(ctx context.Context, p rule) error {
	owner, id := r.owner()
	return r.change(ctx, Step{What: p.String(), Status: Created, Detail: "fields " + strings.Join(p.fields, ", ")},
		http.MethodPost, "/permissions", object{owner: id, "collection": p.collection, "action": p.action, "fields": p.fields})
}

// owner is what a permission belongs to. Naming the wrong one on Directus 10 would make the permission public.
func (r *run) owner() (field, id string) {
	if r.policies {
		return "policy", policyID
	}
	return "role", RoleID
}
