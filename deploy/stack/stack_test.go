package stack

import (
	"testing"

	"github.com/chromedp/chromedp"

	"directus-ircd/cmd/directus-ircd/demo/pagetest"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// TestStack runs the services of compose.yaml as processes: a person logs in on a web page that Caddy serves, beside one who
// is on IRC, and they see what is in Directus and what the other says.
func TestStack(t *testing.T) {
	directustest.SkipShort(t)
	t.Setenv(directustest.EnvDatabase, directustest.Postgres)
	s := start(t, load(t, read(t, composeFile), host))
	s.fetchClient()
	kevin, ada := s.directus.CreateUser("Kevin", ""), s.directus.CreateUser("Ada", "")
	if out, err := s.run("ircd", "check", "--config", s.config, "--token", kevin.StaticToken); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	}
	s.directus.AddMessage(ada, "said before anybody was there")

	irc := ircdtest.Dial(t, s.irc)
	irc.LoginSASL("ada", ada.Email, ada.Password)
	irc.Expect("* 366 *")

	page := pagetest.Open(t, pagetest.Chromium(t, chromedp.Flag("ignore-certificate-errors", true)), s.web+"/chat/")
	page.Login(kevin.Email, kevin.Password)
	page.Sees("Ada", "said before anybody was there")
	irc.Expect(":Kevin!* JOIN :#messages")

	page.Say("hello from the web")
	irc.Expect(":Kevin!* PRIVMSG #messages :hello from the web")
	page.Sees("Kevin", "hello from the web")
	irc.Send("PRIVMSG #messages :hello from IRC")
	page.Sees("Ada", "hello from IRC")
	s.directus.AddMessage(ada, "hello from Directus")
	page.Sees("Ada", "hello from Directus")
	irc.Expect(":Ada!* PRIVMSG #messages :hello from Directus")
}
