package check

import (
	"strings"

	"directus-ircd/cmd/directus-ircd/config"
)

// giveRole stands before a command that makes the role: who has run it has still to give the role
// to people.
const giveRole = "give this person the role that setup made (\"IRC users\", unless --role named it); only if there is none, "

// setup is the command line of setup that fits a channel, with quotes. More flags say what it is to
// make; the login is left out.
func (p *prober) setup(c config.Channel, flags ...string) string {
	command := []string{"directus-ircd setup --url", p.cfg.Directus.URL}
	for _, other := range []struct{ flag, value, usual string }{
		{"--collection", c.Collection, "messages"},
		{"--text-field", c.Fields.Text, "text"},
		{"--author-field", c.Fields.Author, "user_created"},
		{"--date-field", c.Fields.Date, "date_created"},
		{"--nonce-field", c.Fields.Nonce, "nonce"},
		{"--nick", strings.Join(p.cfg.Nick, ","), "first_name,last_name"},
	} {
		if other.value != "" && other.value != other.usual {
			command = append(command, other.flag, other.value)
		}
	}
	return "\"" + strings.Join(append(command, flags...), " ") + "\""
}

// runSetup asks for somebody to run setup.
func (p *prober) runSetup(c config.Channel, flags ...string) string {
	return "let an administrator run " + p.setup(c, flags...)
}
