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

// permissions lets the role read and write messages, and read the names of users.
func (r *run) permissions(ctx context.Context) error {
	if err := r.readMessages(ctx); err != nil {
		return err
	}
	if err := r.permit(ctx, r.opts.Collection, "create"); err != nil {
		return err
	}
	// Nicks are made from these fields.
	names := rule{collection: "directus_users", action: "read", fields: append([]string{"id"}, r.opts.NickFields...)}
	return r.permitNarrow(ctx, names, "over the Directus API everybody with the role may read all fields of all users, such as e-mail addresses, but not "+
		"passwords and tokens. IRC shows none of them. Directus 12 without a licence has no narrower permission; on any other Directus, "+
		"restrict the fields of this permission in the Directus app")
}

// rule is one permission of the role.
type rule struct {
	collection, action string
	fields             []string
	items              object // filter of the items that it covers; nil: all
	which              string // they are; empty: own items
}

func (p rule) String() string { return fmt.Sprintf("permission to %s %s", p.action, p.collection) }

// permitOwn makes rules that cover some items only. If they cover all of them, everybody with the role can do over the API what
// could says.
func (r *run) permitOwn(ctx context.Context, could string, narrow ...rule) error {
	for _, want := range narrow {
		err := r.permitNarrow(ctx, want, "everybody with the role may "+could+" over the Directus API. The daemon itself lets only the "+
			"people concerned and administrators do so. Directus 12 without a licence has no narrower permission; on any other Directus, "+
			"restrict the items of this permission in the Directus app")
		if err != nil {
			return err
		}
	}
	return nil
}

// permitNarrow makes a rule that covers some fields or items only. Directus 12 without a licence cannot grant that. Then
// permitNarrow makes a rule that covers all of them, unless Options.UsersNarrow forbids it, and adds a note.
func (r *run) permitNarrow(ctx context.Context, narrow rule, note string) error {
	existing, err := r.permitted(ctx, narrow)
	if err != nil {
		return err
	}
	if existing.present {
		r.reportExisting(narrow, existing)
		if narrow.items != nil && !existing.partial || narrow.items == nil && slices.Contains(existing.fields, "*") {
			r.report.note("%s", note)
		}
		return nil
	}
	if granted, err := r.grantNarrow(ctx, narrow); granted || err != nil {
		return err
	}
	if narrow.items == nil && r.opts.UsersNarrow {
		r.report.add(Step{What: narrow.String(), Status: Limited,
			Detail: "left out: this Directus has no licence for permissions on single fields, so people see no names of each other",
			Fix:    "add a licence key, or leave out --users-narrow, which lets the role read all fields of the users, e-mail addresses included"})
		return nil
	}
	if err := r.grant(ctx, rule{collection: narrow.collection, action: narrow.action, fields: []string{"*"}}); err != nil {
		return err
	}
	r.report.note("%s", note)
	r.report.note("if this Directus was upgraded from 11, it may still have a narrower permission, which it hides without a licence; with a licence both apply")
	return nil
}

// grantNarrow grants a rule that names fields or items. granted is false if this Directus has no licence for such rules. A dry
// run asks for the licence; a real run always tries.
func (r *run) grantNarrow(ctx context.Context, narrow rule) (granted bool, err error) {
	if r.opts.DryRun {
		if licensed, err := r.licensed(ctx); err != nil || !licensed {
			return false, err
		}
	}
	err = r.grant(ctx, narrow)
	if directus.IsCode(err, directus.CodeResourceRestricted) {
		return false, nil
	}
	return err == nil, err
}

// licensed reports whether the licence of Directus covers permissions that name fields or items. Before version 12
// there is no licence.
func (r *run) licensed(ctx context.Context) (bool, error) {
	var license struct {
		Entitlements struct {
			Rules struct{ Default, Override *bool } `json:"custom_permission_rules_enabled"`
		} `json:"entitlements"`
	}
	err := r.get(ctx, "/license", nil, &license)
	if directus.IsCode(err, directus.CodeRouteNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the licence: %w", err)
	}
	rules := license.Entitlements.Rules
	enabled := cmp.Or(rules.Override, rules.Default)
	return enabled == nil || *enabled, nil
}

// permit lets the role do something with all items of a collection, unless it has a rule for that.
func (r *run) permit(ctx context.Context, collection string, actions ...string) error {
	for _, action := range actions {
		want := rule{collection: collection, action: action, fields: []string{"*"}}
		existing, err := r.permitted(ctx, want)
		switch {
		case err != nil:
			return err
		case existing.present:
			r.reportExisting(want, existing)
		default:
			if err := r.grant(ctx, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// allowance is what the existing rules of the role for a collection and action allow together.
type allowance struct {
	present bool
	fields  []string
	partial bool // every rule covers some items only
}

func (r *run) permitted(ctx context.Context, want rule) (allowance, error) {
	var found []struct {
		Fields      []string       `json:"fields"`
		Permissions map[string]any `json:"permissions"`
	}
	err := r.get(ctx, "/permissions", url.Values{
		"limit":                              {"-1"},
		"filter[" + r.owner.field + "][_eq]": {r.owner.id},
		"filter[collection][_eq]":            {want.collection},
		"filter[action][_eq]":                {want.action},
	}, &found)
	if err != nil {
		return allowance{}, fmt.Errorf("look for the %s: %w", want, err)
	}
	a := allowance{present: len(found) > 0, partial: true}
	for _, p := range found {
		a.fields = append(a.fields, p.Fields...)
		a.partial = a.partial && len(p.Permissions) > 0
	}
	return a, nil
}

// reportExisting compares the existing rules with the wanted one. It never changes them.
func (r *run) reportExisting(want rule, existing allowance) {
	step := Step{What: want.String(), Status: Present}
	all := slices.Contains(existing.fields, "*")
	lacking := slices.DeleteFunc(slices.Clone(want.fields), func(f string) bool {
		return all || slices.Contains(existing.fields, f)
	})
	switch {
	case len(lacking) > 0:
		step.Status = Differs
		step.Detail = "it allows only the fields " + strings.Join(existing.fields, ", ") + ", but not " + strings.Join(lacking, ", ")
		step.Fix = "add the missing fields in the Directus app, unless this is on purpose"
	case want.items != nil && !existing.partial:
		step.Detail = "it covers all items, more than is needed"
	case want.items != nil:
	case existing.partial:
		step.Status, step.Detail = Limited, "it covers only the items that match its rule"
	case all && !slices.Contains(want.fields, "*"):
		step.Detail = "it allows all fields, more than is needed"
		if r.opts.UsersNarrow {
			step.Status = Differs
			step.Fix = "restrict it to " + strings.Join(want.fields, ", ") + " in the Directus app, which needs a licence on Directus 12, or remove it"
		}
	}
	r.report.add(step)
}

func (r *run) grant(ctx context.Context, p rule) error {
	body := object{r.owner.field: r.owner.id, "collection": p.collection, "action": p.action, "fields": p.fields}
	detail := "fields " + strings.Join(p.fields, ", ")
	if p.items != nil {
		body["permissions"] = p.items
		detail += ", " + cmp.Or(p.which, "own items")
	}
	return r.change(ctx, Step{What: p.String(), Status: Created, Detail: detail}, http.MethodPost, "/permissions", body)
}

// owner is the field that says to whom a permission belongs, and its value. With the wrong field, Directus 10 would make
// the permission public.
type owner struct{ field, id string }
