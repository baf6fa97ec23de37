package setup_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

func TestMain(m *testing.M) { directustest.Main(m) }

func run(t *testing.T, account setup.Account, opts setup.Options) setup.Report {
	t.Helper()
	report, err := setup.Run(t.Context(), account, opts)
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	return report
}

// lines gives status and subject of each step.
func lines(r setup.Report) []string {
	list := make([]string, len(r.Steps))
	for i, s := range r.Steps {
		list[i] = string(s.Status) + " " + s.What
	}
	return list
}

// site is where the Directus of a configuration is.
var site = setup.Connection{URL: "https://chat.example.com"}

// keys is a configuration without what it says at its head.
func keys(config string) string { return config[strings.Index(config, "directus:\n"):] }

func all(t *testing.T, r setup.Report, status setup.Status) {
	t.Helper()
	if len(r.Steps) == 0 {
		t.Fatal("the report is empty")
	}
	for _, s := range r.Steps {
		if s.Status != status {
			t.Errorf("want %q: %s", status, s)
		}
	}
}

// From an empty Directus: a dry run changes nothing and foretells what a run does; a second run finds it all.
func TestFromNothing(t *testing.T) {
	t.Parallel()
	d := directustest.Start(t, directustest.Bare())

	planned := run(t, d.Admin(), setup.Options{DryRun: true})
	all(t, planned, setup.WouldCreate)
	again := run(t, d.Admin(), setup.Options{DryRun: true})
	if !reflect.DeepEqual(planned, again) {
		t.Errorf("a dry run changed something: first\n%s\nthen\n%s", planned, again)
	}

	made := run(t, d.Admin(), setup.Options{})
	all(t, made, setup.Created)
	for i, s := range made.Steps {
		if p := planned.Steps[i]; p.What != s.What || p.Detail != s.Detail {
			t.Errorf("the dry run said %q, the run %q", p, s)
		}
	}
	found := run(t, d.Admin(), setup.Options{})
	if !found.Complete() {
		t.Errorf("not complete:\n%s", found)
	}
	for _, s := range found.Steps {
		if s.Status != setup.Present {
			t.Errorf("a second run: %s", s)
		}
	}

	want := `directus:
  url: https://chat.example.com
channels:
  - name: '#messages'
    collection: messages
    fields: {text: text, author: user_created, date: date_created, nonce: nonce, kind: irc_kind}
`
	if got := found.Config(site); !strings.HasPrefix(got, "# ") || keys(got) != want || got != setup.UsualConfig(site) {
		t.Errorf("configuration:\n%s\nwant\n%s", got, want)
	}
	checkChat(t, d)
}

// checkChat does what the role is for, and looks what it is not for.
func checkChat(t *testing.T, d *directustest.Server) {
	t.Helper()
	ada, kevin := d.CreateUser("Ada", "Lovelace"), d.CreateUser("Kevin", "")
	long := strings.Repeat("long ", 2000)
	d.AddMessage(ada, long)
	var seen []struct {
		Text   string `json:"text"`
		Author struct {
			FirstName string `json:"first_name"`
		} `json:"user_created"`
	}
	account := d.Account(kevin)
	if err := account.Do(t.Context(), http.MethodGet, "/items/messages", url.Values{"fields": {"text,user_created.first_name"}}, nil, &seen); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0].Text != long || seen[0].Author.FirstName != "Ada" {
		t.Errorf("Kevin sees %.100v", seen)
	}
	item := map[string]any{"text": "once", "nonce": "n-1"}
	for i, wanted := range []string{"", directus.CodeRecordNotUnique} {
		err := account.Do(t.Context(), http.MethodPost, "/items/messages", nil, item, nil)
		if wanted == "" && err != nil || wanted != "" && !directus.IsCode(err, wanted) {
			t.Errorf("attempt %d with a nonce: %v", i+1, err)
		}
	}
	for _, refused := range []struct{ method, path string }{
		{http.MethodPatch, "/items/messages/1"}, {http.MethodDelete, "/items/messages/1"},
		{http.MethodPatch, "/users/" + ada.ID}, {http.MethodPatch, "/users/" + kevin.ID},
	} {
		err := account.Do(t.Context(), refused.method, refused.path, nil, map[string]any{"text": "x", "title": "x"}, nil)
		if !directus.IsCode(err, directus.CodeForbidden) {
			t.Errorf("%s %s by a chat user: %v", refused.method, refused.path, err)
		}
	}
	var users []directus.User
	if err := account.Do(t.Context(), http.MethodGet, "/users", nil, nil, &users); err != nil {
		t.Fatal(err)
	}
	licensed := !strings.HasPrefix(d.Version, "12.")
	for _, u := range users {
		if _, ok := u["email"]; ok == licensed {
			t.Errorf("on Directus %s a chat user reads of others: %v", d.Version, u)
		}
	}
	checkPublic(t, d)
}

// checkPublic makes sure that nothing was given to people who are not logged in.
func checkPublic(t *testing.T, d *directustest.Server) {
	t.Helper()
	for _, path := range []string{"/items/messages", "/users"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("GET %s without login: %s", path, resp.Status)
		}
	}
}

// On Directus 12 without a licence the role can read all of the users or nothing.
func TestUsersNarrow(t *testing.T) {
	t.Parallel()
	d := directustest.Start(t, directustest.Bare())
	for _, dry := range []bool{true, false} {
		report := run(t, d.Admin(), setup.Options{UsersNarrow: true, DryRun: dry})
		last := report.Steps[len(report.Steps)-1]
		want := map[bool]setup.Status{true: setup.WouldCreate, false: setup.Created}[dry]
		if strings.HasPrefix(d.Version, "12.") {
			want = setup.Limited
		}
		if last.What != "permission to read directus_users" || last.Status != want {
			t.Errorf("dry %v: %s", dry, last)
		}
		if text := report.String(); strings.Contains(text, "e-mail addresses, but not passwords") {
			t.Errorf("warns of what it did not do:\n%s", text)
		}
	}
	wide := run(t, d.Admin(), setup.Options{})
	if !strings.HasPrefix(d.Version, "12.") {
		return
	}
	if last := wide.Steps[len(wide.Steps)-1]; last.Status != setup.Created || last.Detail != "fields *" || len(wide.Notes) < 2 {
		t.Errorf("%s", wide)
	}
	narrow := run(t, d.Admin(), setup.Options{UsersNarrow: true})
	if last := narrow.Steps[len(narrow.Steps)-1]; last.Status != setup.Differs || narrow.Complete() {
		t.Errorf("a rule wider than allowed: %s", last)
	}
}

// cut is an administrator whose connection breaks at one of the changes.
type cut struct {
	*directus.Account
	after int
}

var errCut = errors.New("connection lost")

func (c *cut) Do(ctx context.Context, method, path string, query url.Values, body, out any) error {
	if method != http.MethodGet && c.after == 0 {
		return errCut
	}
	err := c.Account.Do(ctx, method, path, query, body, out)
	if method != http.MethodGet && err == nil {
		c.after--
	}
	return err
}

// Runs cut short one change further each time add up to a whole one.
func TestCutShort(t *testing.T) {
	t.Parallel()
	d := directustest.Start(t, directustest.Bare())
	for range 20 {
		report, err := setup.Run(t.Context(), &cut{d.Admin(), 1}, setup.Options{})
		if err == nil {
			if !report.Complete() || !slices.Contains(lines(report), "already there relation messages.user_created to directus_users") {
				t.Errorf("in the end:\n%s", report)
			}
			checkChat(t, d)
			optionalCutShort(t, d)
			return
		}
		if !errors.Is(err, errCut) {
			t.Fatal(err)
		}
	}
	t.Error("it never got to the end")
}

func TestNotAdministrator(t *testing.T) {
	d := directustest.Shared(t)
	_, err := setup.Run(t.Context(), d.Account(d.CreateUser("Ada", "")), setup.Options{})
	if err == nil || !strings.Contains(err.Error(), "of an administrator") {
		t.Errorf("got %v", err)
	}
}

func TestAddUserTwice(t *testing.T) {
	d := directustest.Shared(t)
	u := setup.User{Email: "twice@example.com", Password: "pw-of-twice", FirstName: "Twice"}
	first, err := setup.AddUser(t.Context(), d.Admin(), u)
	if err != nil {
		t.Fatal(err)
	}
	u.Password = "another"
	second, err := setup.AddUser(t.Context(), d.Admin(), u)
	if err != nil || second != first {
		t.Errorf("the second call made %s, %v; the first %s", second, err, first)
	}
	account, err := d.Client().Login(t.Context(), u.Email, "pw-of-twice", "")
	if err != nil {
		t.Fatalf("the password was changed: %v", err)
	}
	if err := account.Logout(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBadOptions(t *testing.T) {
	for _, opts := range []setup.Options{
		{Collection: "my messages"},
		{Collection: "../users"},
		{Collection: "directus_users"},
		{Fields: setup.Fields{Text: "id"}},
		{Fields: setup.Fields{Text: "a", Nonce: "a"}},
		{NickFields: []string{"role.name"}},
	} {
		// No account: nothing may be asked.
		if _, err := setup.Run(t.Context(), nil, opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
}

// What an optional piece lacks keeps the rest from nobody: the configuration of the rest is told.
func TestUsableWithoutAPiece(t *testing.T) {
	d := directustest.Shared(t)
	makeCollection(t, "read_markers", nil, nil) // a folder
	report := run(t, d.Admin(), setup.Options{ReadMarkers: true, Edit: true})
	if config := report.Config(site); report.Complete() || !report.Usable() || !slices.Equal(report.LeftOut, []string{"--read-markers"}) || strings.Contains(config, "read_markers") || !strings.Contains(config, "    corrections: true\n") {
		t.Errorf("%s\n%s", report, config)
	}
}

// refusing is an administrator to whom Directus refuses one collection, as its licence may.
type refusing struct {
	*directus.Account
	collection string
}

func (r refusing) Do(ctx context.Context, method, path string, query url.Values, body, out any) error {
	if made, ok := body.(map[string]any); ok && path == "/collections" && made["collection"] == r.collection {
		return &directus.Error{Status: http.StatusForbidden, Code: directus.CodeLimitExceeded, Message: "collections limit exceeded."}
	}
	return r.Account.Do(ctx, method, path, query, body, out)
}

// A refused piece is named with its reason, and keeps nobody from the rest.
func TestRefusedPiece(t *testing.T) {
	d := directustest.Shared(t)
	makeCollection(t, "gym", nil, []object{autoID, textAny, author, date, nonce, kind})
	opts := setup.Options{Collection: "gym", Reactions: true, Edit: true}
	report := run(t, refusing{d.Admin(), "gym_reactions"}, opts)
	checkSteps(t, report, []string{"differs|what --reactions asks for|collections limit exceeded. The licence|run setup with --reactions again"})
	if config := report.Config(site); report.Complete() || !report.Usable() || strings.Contains(config, "reactions") || !strings.Contains(config, "corrections: true") {
		t.Errorf("%s\n%s", report, config)
	}
}
