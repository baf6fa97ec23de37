package setup_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

// fails expects Run to say what is wrong before it changes anything.
func fails(t *testing.T, d *directustest.Server, opts setup.Options, want string) {
	t.Helper()
	report, err := setup.Run(t.Context(), d.Admin(), opts)
	if err == nil || !strings.Contains(err.Error(), want) || len(report.Steps) > 0 {
		t.Errorf("got %v, want %q\n%s", err, want, report)
	}
}

// There is one role and one policy of setup's own, known by their ids: no second one of a name is made, and who has a role of
// their own gets the policy beside it.
func TestRolesAndUsers(t *testing.T) {
	t.Parallel()
	d := directustest.Start(t, directustest.Bare())
	policies := !strings.HasPrefix(d.Version, "10.")
	var other, staff struct{ ID string }
	d.Do(http.MethodPost, "/roles", nil, object{"name": "IRC users"}, &other)
	fails(t, d, setup.Options{}, `there is a role "IRC users" that setup did not make, and it makes no second one of a name: give that one the permissions of the chat with --attach-role "IRC users"`)
	fails(t, d, setup.Options{Collection: "my messages"}, "is not a name")
	if policies {
		d.Do(http.MethodPost, "/policies", nil, object{"name": "Talkers"}, nil)
		fails(t, d, setup.Options{Role: "Talkers"}, `there is a policy "Talkers" that setup did not make`)
	}

	made := run(t, d.Admin(), setup.Options{Role: "Chatters"})
	if all(t, made, setup.Created); made.Role() != "Chatters" || !made.Changed() {
		t.Errorf("made:\n%s", made)
	}
	for _, role := range []string{"", "Chatters"} {
		if found := run(t, d.Admin(), setup.Options{Role: role}); found.Changed() || found.Role() != "Chatters" || !strings.Contains(found.String(), `people who chat the role "Chatters"`) {
			t.Errorf("asked for %q:\n%s", role, found)
		}
	}
	fails(t, d, setup.Options{Role: "Speakers", Collection: "talks"}, `"Chatters", not "Speakers": leave out --role`)

	d.Do(http.MethodPost, "/roles", nil, object{"name": "Staff"}, &staff)
	grace, other1, other2 := d.CreateUser("Grace", "Hopper"), d.CreateUser("Ann", "Other"), d.CreateUser("Ann", "Another")
	for _, u := range []directustest.User{grace, other1, other2} {
		d.UpdateUser(u, object{"role": nil})
	}
	if !policies {
		fails(t, d, setup.Options{AttachUsers: []string{grace.ID}}, "has no policies")
		fails(t, d, setup.Options{AttachRoles: []string{"Staff", "Chatters"}}, "has no policies")
		all(t, run(t, d.Admin(), setup.Options{AttachRoles: []string{"Staff"}}), setup.Created)
		d.UpdateUser(other2, object{"role": staff.ID})
		checkSpeaks(t, d, other2)
		return
	}
	fails(t, d, setup.Options{AttachRoles: []string{"Stuff"}}, `there is no role "Stuff" in this Directus`)
	fails(t, d, setup.Options{AttachUsers: []string{"nobody@example.com"}}, `there is no user "nobody@example.com"`)
	fails(t, d, setup.Options{AttachUsers: []string{"Ann"}}, `there are 2 with the name: user "Ann"`)

	opts := setup.Options{AttachRoles: []string{"Staff"}, AttachUsers: []string{strings.ToUpper(grace.Email), other1.ID}}
	attached := run(t, d.Admin(), opts)
	created := slices.DeleteFunc(lines(attached), func(l string) bool { return !strings.HasPrefix(l, "created ") })
	want := []string{`created access of the role "Staff" to the policy`, `created access of the user "` + opts.AttachUsers[0] + `" to the policy`, `created access of the user "` + other1.ID + `" to the policy`}
	if !slices.Equal(created, want) {
		t.Errorf("created %q, want %q", created, want)
	}
	again := run(t, d.Admin(), setup.Options{AttachRoles: []string{staff.ID}, AttachUsers: []string{"Grace Hopper", "Other"}})
	if all(t, again, setup.Present); again.Changed() {
		t.Errorf("again:\n%s", again)
	}
	d.UpdateUser(other2, object{"role": staff.ID})
	for _, u := range []directustest.User{grace, other1, other2} {
		checkSpeaks(t, d, u)
	}

	// Without the role, which nobody needs, none is made again.
	d.Do(http.MethodDelete, "/roles/"+setup.RoleID, nil, nil, nil)
	last := run(t, d.Admin(), setup.Options{})
	if all(t, last, setup.Present); last.Changed() || last.Role() != "Chatters" || strings.Contains(last.String(), "give the people who chat the role") {
		t.Errorf("without the role:\n%s", last)
	}
}

// checkSpeaks writes a message as a user, and reads it.
func checkSpeaks(t *testing.T, d *directustest.Server, u directustest.User) {
	t.Helper()
	before := count(t, d.Account(u), "messages")
	add(t, d.Account(u), "messages", object{"text": "hello"})
	if n := count(t, d.Account(u), "messages"); n != before+1 {
		t.Errorf("%s sees %d messages, then %d", u.FirstName, before, n)
	}
}
