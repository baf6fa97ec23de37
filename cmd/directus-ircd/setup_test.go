package main

import (
	"net/http"
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

// What the command line alone shows to be wrong is told before Directus is asked.
func TestSetupUsage(t *testing.T) {
	clearEnvironment(t)
	url := "--url=" + noDirectus(t)
	for _, test := range []struct{ flag, want string }{
		{"--collection=a b", `"a b" is not a name for a collection or field`},
		{"--collection=directus_users", `"directus_users" is a collection of Directus itself: choose another name`},
		{"--text-field=user_created", `two fields of the collection are called "user_created"`},
		{"--nick=role.name", `"role.name" is not a name`},
	} {
		got := runCommand(t, "", "setup", url, "--token=x", test.flag)
		if got.code != 2 || !strings.Contains(got.stderr, test.want) || strings.Contains(got.stderr, "listed above") || got.stdout != "" {
			t.Errorf("%s: %+v", test.flag, got)
		}
	}
	help := strings.Join(strings.Fields(runCommand(t, "", "setup", "--help").stdout), " ")
	if !strings.Contains(help, "adds fields only with --extend") || !strings.Contains(help, "never if Directus does not fill it in") {
		t.Errorf("--help: %s", help)
	}
	got := runCommand(t, "", "setup", url, "--token=x")
	if got.code != 1 || strings.Contains(got.stderr, "listed above") {
		t.Errorf("without a Directus: %+v", got)
	}
}

// The way of an operator: setup on a bare Directus, then check as a user.
func TestSetupAndCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a real Directus")
	}
	clearEnvironment(t)
	s := directustest.Start(t, directustest.Bare())
	url := "--url=" + s.URL

	dry := runCommand(t, "", "setup", url, "--token="+directustest.AdminToken, "--dry-run")
	if dry.code != 0 || !strings.Contains(dry.stdout, "would create") || !strings.Contains(dry.stdout, "Nothing was changed.") {
		t.Errorf("dry run: %+v", dry)
	}
	var collections []struct{ Collection string }
	s.Do(http.MethodGet, "/collections", nil, nil, &collections)
	for _, c := range collections {
		if c.Collection == "messages" {
			t.Error("the dry run made the collection")
		}
	}

	wrong := runCommand(t, "wrong\n", "setup", url, "--email="+directustest.AdminEmail)
	if wrong.code != 1 || !strings.Contains(wrong.stderr, "check the credentials") {
		t.Errorf("wrong password: %+v", wrong)
	}
	first := runCommand(t, directustest.AdminPassword+"\n", "setup", url, "--email="+directustest.AdminEmail, "--password=-")
	if first.code != 0 || first.stderr != "" {
		t.Fatalf("setup: %+v", first)
	}
	_, channels, _ := strings.Cut(first.stdout, "The configuration that fits:\n")
	again := runCommand(t, directustest.AdminToken, "setup", url, "--token-stdin")
	if again.code != 0 || strings.Contains("\n"+again.stdout, "\ncreated ") || !strings.Contains(again.stdout, "already there") {
		t.Errorf("second setup: %+v", again)
	}

	file := writeConfig(t, "directus: {url: \""+s.URL+"\"}\n"+channels)
	kevin := s.CreateUser("Kevin", "Lewis")
	good := runCommand(t, kevin.Password, "check", "--config", file, "--email", kevin.Email, "--password-stdin")
	if good.code != 0 || strings.Contains(good.stdout, "MISSING") {
		t.Errorf("check: %+v", good)
	}
	for _, secret := range []string{kevin.Email, kevin.Password} {
		if strings.Contains(good.stdout+good.stderr, secret) {
			t.Errorf("check prints %q", secret)
		}
	}

	t.Setenv("DIRECTUS_TOKEN", kevin.StaticToken)
	noAdmin := runCommand(t, "", "setup", url)
	if noAdmin.code != 1 || !strings.Contains(noAdmin.stderr, "administrator") || strings.Contains(noAdmin.stderr, "listed above") {
		t.Errorf("setup without being an administrator: %+v", noAdmin)
	}
	other := writeConfig(t, "directus: {url: \""+s.URL+"\"}\n"+
		"channels: [{name: \"#a\", collection: nowhere}, {name: \"#b\", fields: {author: author}, filter: {room: {_eq: 1}}}]\n")
	got := runCommand(t, "", "check", "--config", other)
	if got.code != 1 {
		t.Errorf("check: exit status %d, want 1", got.code)
	}
	wanted := []string{
		"MISSING  the collection nowhere is missing, or this user may not read it: ",
		"MISSING  messages.author is missing, or this user may not read it: ",
		"MISSING  #b: messages cannot be read with this filter: ",
	}
	if !strings.HasPrefix(s.Version, "10.") { // which tells nobody what they may do
		wanted = append(wanted, "MISSING  #a: this user may not write to nowhere\n         -> grant create on it: ")
	}
	for _, want := range wanted {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("check: got %+v, want %q", got, want)
		}
	}

	s.UpdateUser(kevin, map[string]any{"role": nil})
	poor := runCommand(t, "", "check", "--config", file)
	if poor.code != 1 || !strings.Contains(poor.stdout, "MISSING  the collection messages") || !strings.Contains(poor.stdout, "MISSING  the names of users cannot be read") {
		t.Errorf("check of a user without a role: %+v", poor)
	}
}

func TestCheckWithoutRealtime(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a real Directus")
	}
	clearEnvironment(t)
	s := directustest.Start(t, directustest.Env("WEBSOCKETS_ENABLED", "false"), directustest.Setup(setup.Options{}))
	kevin := s.CreateUser("Kevin", "")
	file := writeConfig(t, "directus: {url: \""+s.URL+"\"}\n")
	got := runCommand(t, "", "check", "--config", file, "--token="+kevin.StaticToken)
	if got.code != 1 || !strings.Contains(got.stdout, "MISSING  realtime is off\n         -> set WEBSOCKETS_ENABLED=true") {
		t.Errorf("check: %+v", got)
	}
	if !strings.Contains(got.stdout, "note     messages has no nonce") {
		t.Errorf("the missing nonce is not told: %+v", got)
	}
}

func TestCheckUnreachable(t *testing.T) {
	clearEnvironment(t)
	file := writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlisten: [{address: \":0\"}]\n")
	got := runCommand(t, "", "check", "--config", file, "--token=x")
	if got.code != 1 || !strings.Contains(got.stdout, "MISSING  Directus does not answer") || !strings.Contains(got.stdout, "note     passwords reach :0 in clear text") {
		t.Errorf("check: %+v", got)
	}
}
