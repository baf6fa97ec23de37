package check

import (
	"strings"

	"directus-ircd/cmd/directus-ircd/config"
)

// giveRole is the part of a remedy before the command that makes the role: if setup was run
// already, this user only lacks the role.
const giveRole = "give this person the role that setup made (\"IRC users\", unless --role named it), or their own role its policy with setup --attach-role; the policy must admit the address of the daemon (IP Access); only if there is none, "

// setup is the quoted command line of setup for a channel, without the login. flags say what
// else it is to make.
func (p *prober) setup(c config.Channel, flags ...string) string {
	command := []string{"directus-ircd setup --url", p.cfg.Directus.URL}
	for _, other := range []struct{ flag, value, usual string }{
		{"--ca", p.cfg.Directus.CA, ""},
		{"--client-cert", p.cfg.Directus.ClientCertificate.Cert, ""},
		{"--client-key", p.cfg.Directus.ClientCertificate.Key, ""},
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

func (p *prober) runSetup(c config.Channel, flags ...string) string {
	return "let an administrator run " + p.setup(c, flags...)
}
