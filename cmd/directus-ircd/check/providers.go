package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"directus-ircd/directus"
)

// tokens says what people do who have no password that is good here.
const tokens = `give them static tokens to log in with (an administrator: Directus app, the user, "Token")`

// providers checks that Directus takes passwords where they go, and says who has none that
// can be used from IRC.
func (p *prober) providers(ctx context.Context) {
	offered, err := p.client.Providers(ctx)
	if err != nil {
		p.note("check that a proxy in front of Directus passes /auth on", "who can log in with a password is not known: %v", err)
		return
	}
	used := p.cfg.Login.Provider
	if used == "" {
		p.ownLogin(offered)
	} else if i := slices.IndexFunc(offered.List, func(o directus.Provider) bool { return strings.EqualFold(o.Name, used) }); i >= 0 {
		p.chosen(offered.List[i])
		offered.List = slices.Delete(offered.List, i, i+1)
	} else {
		p.miss("write the name as AUTH_PROVIDERS in the environment of Directus does, and set its AUTH_…_DRIVER. Directus 12 has no providers, LDAP included, unless its licence has single sign-on",
			"login.provider: Directus has no login provider %q (it has: %s)", used, namesOf(offered.List))
	}
	if used != "" && !offered.NoDefault {
		p.note(tokens, "people of Directus' own login cannot use their passwords: all go to %q", used)
	}
	for _, o := range offered.List {
		if o.TakesPasswords() {
			p.note(fmt.Sprintf("set login.provider to %s, or %s", o.Name, tokens), "people of the login provider %q (%s) cannot use their passwords: there is one login.provider", o.Name, o.Driver)
		} else {
			p.note(tokens, "people of the login provider %q (%s) log in to Directus by a browser, and have no password for IRC", o.Name, o.Driver)
		}
	}
}

// ownLogin checks the login by e-mail address and password.
func (p *prober) ownLogin(offered directus.Providers) {
	if !offered.NoDefault {
		p.ok("Directus takes e-mail addresses and passwords")
		return
	}
	fix := tokens
	if i := slices.IndexFunc(offered.List, directus.Provider.TakesPasswords); i >= 0 {
		fix = "set login.provider to " + offered.List[i].Name
	}
	p.miss(fix, "Directus takes no e-mail addresses and passwords (AUTH_DISABLE_DEFAULT)")
}

// chosen checks the login.provider.
func (p *prober) chosen(o directus.Provider) {
	if o.TakesPasswords() {
		p.ok("Directus takes passwords for the login provider %q (%s)", o.Name, o.Driver)
		return
	}
	p.miss("leave login.provider out, or name one whose driver is ldap or local, and "+tokens,
		"login.provider: %q is of the driver %s, which takes no passwords but needs a browser", o.Name, o.Driver)
}

func namesOf(list []directus.Provider) string {
	var names []string
	for _, o := range list {
		names = append(names, o.Name)
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
