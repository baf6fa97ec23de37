package clients

import (
	"net"
	"regexp"
	"strings"
	"testing"

	"directus-ircd/deploy/man/mantest"
	"directus-ircd/directus/directustest"
)

// account is what somebody logs in with, in place of the demo's Kevin.
type account struct {
	nick, password, token string
	email, bot            string // with the names of devices: device, and that of a bot
	plain, secure         string // where the daemon listens, without TLS and with it
	certificate           string // the file of the daemon's
}

// device is the name of each client: it goes on from where it was.
const device = "/desk"

func newAccount(nick string, u directustest.User, d *daemon) account {
	return account{nick: nick, email: u.Email + device, bot: u.Email + "/bot", password: u.Password, token: u.StaticToken, plain: d.plain, secure: d.secure, certificate: d.certificate}
}

// recipe is a block of code of the manual's page on clients, the nth under a heading, for an account other than Kevin's.
func (a account) recipe(t testing.TB, heading string, n int) string {
	t.Helper()
	blocks := mantest.Blocks(section(t, heading))
	if n >= len(blocks) {
		t.Fatalf("the page on clients has %d recipes for %s", len(blocks), heading)
	}
	return a.adapt(blocks[n].Code)
}

// section is what stands under a heading of the manual's page on clients.
func section(t testing.TB, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(mantest.Page(t, "clients"), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("the page on clients has no section %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// nickOfRecipes stands alone, and not in Kevin's address or password.
var nickOfRecipes = regexp.MustCompile(`(?m)\bkevin( |$)`)

// adapt puts the account and the addresses into a recipe.
func (a account) adapt(recipe string) string {
	host, port, _ := net.SplitHostPort(a.plain)
	secureHost, securePort, _ := net.SplitHostPort(a.secure)
	recipe = strings.NewReplacer(
		"kevin@example.com/bot", a.bot, "kevin@example.com", a.email, "demo-kevin", a.password, "the-token", a.token,
		"irc.example.com -p 6697", secureHost+" -p "+securePort,
		"127.0.0.1", host, "6667", port,
	).Replace(recipe)
	return strings.TrimSpace(nickOfRecipes.ReplaceAllString(recipe, a.nick+"$1"))
}
