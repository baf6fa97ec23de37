package bridge_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The IRC server must not know Directus, nor the Directus client IRC: whoever
// reads or changes one of them needs to understand nothing of the other.
func TestPackagesKeepTheirSide(t *testing.T) {
	for pkg, foreign := range map[string][]string{
		"directus-ircd/ircd/...": {"directus-ircd/directus", "directus-ircd/bridge", "directus-ircd/cmd", "gopkg.in/yaml.v3"},
		"directus-ircd/directus": {"directus-ircd/ircd", "directus-ircd/bridge", "directus-ircd/cmd", "gopkg.in/irc.v4", "gopkg.in/yaml.v3"},
	} {
		out, err := exec.Command("go", "list", "-deps", pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("go list %s: %v\n%s", pkg, err, out)
		}
		for dep := range strings.Lines(string(out)) {
			for _, f := range foreign {
				if dep = strings.TrimSpace(dep); dep == f || strings.HasPrefix(dep, f+"/") {
					t.Errorf("%s depends on %s", pkg, dep)
				}
			}
		}
	}
}
