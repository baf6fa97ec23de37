package setup_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"directus-ircd/directus"
	"directus-ircd/directus/setup"
)

// ten is an administrator of a Directus 10: it has no policies, and the role "Staff". It notes what is made.
type ten struct{ made map[string][]map[string]any }

const staffID = "5a4f0c6e-0000-4000-8000-000000000010"

func (d *ten) Do(_ context.Context, method, path string, query url.Values, body, out any) error {
	if method == http.MethodPost {
		d.made[path] = append(d.made[path], body.(map[string]any))
		return nil
	}
	answer := "[]"
	switch {
	case path == "/policies":
		return &directus.Error{Status: http.StatusNotFound, Code: directus.CodeRouteNotFound}
	case path == "/collections/messages":
		return &directus.Error{Status: http.StatusForbidden, Code: directus.CodeForbidden}
	case path == "/collections/directus_users":
		answer = "{}"
	case path == "/roles" && strings.Contains(query.Get("filter"), "Staff"):
		answer = `[{"id":"` + staffID + `"}]`
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal([]byte(answer), out)
}

// On Directus 10 an attached role gets the permissions itself: none of them is without a role, which would be everybody's, and
// no role is made. What it cannot do is said before anything is made.
func TestAttachOnDirectus10(t *testing.T) {
	d := &ten{map[string][]map[string]any{}}
	report, err := setup.Run(t.Context(), d, setup.Options{AttachRoles: []string{"Staff"}})
	if err != nil || !report.Complete() || !report.Usable() {
		t.Fatalf("%v\n%s", err, report)
	}
	for _, p := range d.made["/permissions"] {
		if _, ofPolicy := p["policy"]; ofPolicy || p["role"] != staffID {
			t.Errorf("a permission for %v", p)
		}
	}
	if len(d.made["/permissions"]) != 3 || len(d.made["/roles"])+len(d.made["/policies"])+len(d.made["/access"]) > 0 || strings.Contains(report.String(), "policies") {
		t.Errorf("made %v\n%s", d.made, report)
	}
	for _, opts := range []setup.Options{{AttachUsers: []string{"Ada"}}, {AttachRoles: []string{"Staff", "Editors"}}} {
		d := &ten{map[string][]map[string]any{}}
		if _, err := setup.Run(t.Context(), d, opts); err == nil || !strings.Contains(err.Error(), "has no policies") || len(d.made) > 0 {
			t.Errorf("%+v: %v, made %v", opts, err, d.made)
		}
	}
	if _, err := setup.Run(t.Context(), d, setup.Options{AttachRoles: []string{"Stuff"}}); err == nil || errors.Is(err, directus.ErrUnavailable) {
		t.Errorf("a role that is not there: %v", err)
	}
}
