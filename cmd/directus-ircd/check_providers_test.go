package main

import (
	"fmt"
	"strings"
	"testing"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// Check says whose passwords can be used from IRC, and what everybody else does instead.
func TestCheckOfLoginProviders(t *testing.T) {
	clearEnvironment(t)
	ldap, local := directus.Provider{Name: "corp", Driver: "ldap"}, directus.Provider{Name: "partners", Driver: "local"}
	google := directus.Provider{Name: "google", Driver: "openid"}
	for _, test := range []struct {
		name, config string
		offered      []directus.Provider
		noDefault    bool
		wants        []string // behind "!" what it must not say
	}{
		{"nothing special", "", nil, false, []string{"ok       Directus takes e-mail addresses and passwords\n", "!MISSING", "!provider"}},
		{"LDAP beside", "", []directus.Provider{ldap}, false, []string{"!MISSING",
			`note     people of the login provider "corp" (ldap) cannot use their passwords`, "-> set login.provider to corp, or give them static tokens"}},
		{"LDAP only", "", []directus.Provider{google, ldap}, true, []string{
			"MISSING  Directus takes no e-mail addresses and passwords (AUTH_DISABLE_DEFAULT)", "-> set login.provider to corp\n"}},
		{"browser only", "", []directus.Provider{google}, true, []string{"MISSING  Directus takes no e-mail addresses and passwords (AUTH_DISABLE_DEFAULT)\n         -> give them static tokens",
			`note     people of the login provider "google" (openid) log in to Directus by a browser, and have no password for IRC`}},
		{"LDAP", "corp", []directus.Provider{ldap, local, google}, false, []string{"!MISSING", `ok       Directus takes passwords for the login provider "corp" (ldap)`,
			`note     people of Directus' own login cannot use their passwords: all go to "corp"`,
			`note     people of the login provider "partners" (local) cannot use their passwords`, `"google" (openid) log in to Directus by a browser`}},
		{"LDAP alone", "corp", []directus.Provider{ldap}, true, []string{"!MISSING", "!own login", `ok       Directus takes passwords for the login provider "corp" (ldap)`}},
		{"missing", "ldap", []directus.Provider{ldap, google}, false, []string{`MISSING  login.provider: Directus has no login provider "ldap" (it has: corp, google)`, "Directus 12 has no providers"}},
		{"browser", "google", []directus.Provider{google}, false, []string{`MISSING  login.provider: "google" is of the driver openid, which takes no passwords but needs a browser`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake := directustest.NewFake(t, directustest.FakeOptions{Version: "11.17.4", Providers: test.offered, NoDefault: test.noDefault})
			file := writeConfig(t, fmt.Sprintf("directus: {url: %q}\n", fake.Listen()))
			if test.config != "" {
				file = writeConfig(t, fmt.Sprintf("directus: {url: %q}\nlogin: {provider: %s}\n", fake.Listen(), test.config))
			}
			r := runCommand(t, "", "check", "--config", file)
			got := r.stdout + r.stderr
			for _, want := range test.wants {
				if refuted, found := strings.CutPrefix(want, "!"); found == strings.Contains(got, refuted) {
					t.Errorf("want %s:\n%s", want, got)
				}
			}
		})
	}
}

// The login of check goes to the provider.
func TestCheckLogsInAtTheProvider(t *testing.T) {
	clearEnvironment(t)
	fake := directustest.NewFake(t, directustest.FakeOptions{Version: "11.17.4", Providers: []directus.Provider{{Name: "corp", Driver: "ldap"}}})
	fake.AddUser(directustest.FakeUser{FirstName: "Kevin", Provider: "corp", Identifier: "kevin", Password: "secret"})
	file := writeConfig(t, fmt.Sprintf("directus: {url: %q}\nlogin: {provider: corp}\n", fake.Listen()))
	if got := runCommand(t, "", "check", "--config", file, "--email", "kevin", "--password", "secret").stdout; !strings.Contains(got, "ok       the login succeeded\nok       the nick and account name of this user is Kevin, written so, or Kevin-") {
		t.Error(got)
	}
	fake.Directory(false)
	if got := runCommand(t, "", "check", "--config", file, "--email", "kevin", "--password", "secret").stdout; !strings.Contains(got, "-> look into the log of Directus: the directory (LDAP)") {
		t.Error(got)
	}
}
