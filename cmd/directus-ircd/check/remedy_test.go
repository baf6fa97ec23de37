package check

import (
	"testing"

	"directus-ircd/cmd/directus-ircd/config"
)

// The command that a remedy names is whole: it is about the collection and the fields that the
// channel has.
func TestRemediesNameTheWholeCommand(t *testing.T) {
	cfg := config.Default()
	cfg.Directus.URL = "https://chat.example.com"
	p := &prober{cfg: cfg}
	usual := cfg.Channels[0]
	other := usual
	other.Collection, other.Fields.Text, other.Fields.Nonce = "talks", "body", "nonce"
	for _, test := range []struct {
		got, want string
	}{
		{p.setup(usual), `"directus-ircd setup --url https://chat.example.com"`},
		{p.setup(usual, "--edit"), `"directus-ircd setup --url https://chat.example.com --edit"`},
		{p.runSetup(other, "--reactions"), `let an administrator run "directus-ircd setup --url https://chat.example.com --collection talks --text-field body --reactions"`},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}
