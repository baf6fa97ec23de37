package demo

import (
	"io"
	"net"
	"text/template"
)

// addresses is where the parts of the demo listen.
type addresses struct {
	IRC           string // host:port
	Web, Directus string // URLs
}

// introText is what to type and where to look. Commands stand alone on their
// lines, so that a triple click takes one.
var introText = template.Must(template.New("intro").Parse(`
The demo is running. Open two of these side by side:

  The chat page       {{.Web}}
                      "Log in as {{.Ada.FirstName}}" is filled in; another tab can be {{.Kevin.FirstName}}

  irssi, in a shell   irssi -c {{.Host}} -p {{.Port}} -n {{.Kevin.Nick}} -w {{.Kevin.Email}}:{{.Kevin.Password}}
  irssi, in irssi     /connect {{.Host}} {{.Port}} {{.Kevin.Email}}:{{.Kevin.Password}} {{.Kevin.Nick}}

  WeeChat 4           /server add demo {{.Host}}/{{.Port}} -notls -password={{.Kevin.Email}}:{{.Kevin.Password}} -nicks={{.Kevin.Nick}}
  WeeChat 3           /server add demo {{.Host}}/{{.Port}} -nossl -password={{.Kevin.Email}}:{{.Kevin.Password}} -nicks={{.Kevin.Nick}}
                      /connect demo

  HexChat             Add a network and "Edit..." it. Server:
                      {{.Host}}/{{.Port}}
                      UNTICK "Use SSL for all the servers on this network".
                      Login method "Server password", password:
                      {{.Kevin.Email}}:{{.Kevin.Password}}

  sic                 sic -h {{.Host}} -p {{.Port}} -n {{.Kevin.Nick}} -k {{.Kevin.Email}}:{{.Kevin.Password}}
                      (then ":s #messages", and type)

The channels #messages and #ideas open by themselves; in irssi, Alt+2 and Alt+3 go to
their windows. They are rooms in Directus: /join #new makes another one, and so does the
page. On IRC {{.Ada.Email}} with {{.Ada.Password}} works just as well.

  The Directus app    {{.Directus}}/admin
                      e-mail {{.Admin}}, password {{.AdminPassword}}
                      It asks for a license key and for an owner: "Skip", "Remind Later"

The messages are kept in {{.Folder}}
until a start with --reset. Ctrl-C stops everything.

`))

func writeIntro(w io.Writer, at addresses, folder *dataFolder) {
	host, port, err := net.SplitHostPort(at.IRC)
	if err != nil {
		host, port = at.IRC, "6667"
	}
	// Where standard output goes nowhere the demo serves all the same.
	_ = introText.Execute(w, map[string]any{
		"Host": host, "Port": port, "Web": at.Web, "Directus": at.Directus,
		"Ada": ada, "Kevin": kevin, "Admin": adminEmail,
		"AdminPassword": folder.AdminPassword, "Folder": folder.path,
	})
}
