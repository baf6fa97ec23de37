package bridge_test

import (
	"os/exec"
	"slices"
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

// The rooms of bridge import one another downwards only: what a room needs of one above it,
// it declares as an interface.
func TestRoomsImportOneWay(t *testing.T) {
	const module, bridge = "directus-ircd/", "directus-ircd/bridge"
	allowed := map[string][]string{
		"":           {"feed", "people", "rights", "resume", "markers", "guard", "rooms", "state", "collection", "budget", "text"},
		"feed":       {"people", "rights", "collection", "text"},
		"people":     {"rights", "state", "collection", "text"},
		"rights":     {"collection"},
		"resume":     {"state", "collection"},
		"markers":    {"collection"},
		"guard":      {"state"},
		"rooms":      {"state", "collection", "text"},
		"state":      {},
		"collection": {"text"},
		"budget":     {},
		"text":       {},
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, bridge+"/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	rooms := 0
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		room := strings.TrimPrefix(strings.TrimPrefix(pkg, bridge), "/")
		below, known := allowed[room]
		if !known {
			t.Errorf("%s: say in this test what it may import", pkg)
		}
		rooms++
		for _, dep := range strings.Fields(imports) {
			other, isRoom := strings.CutPrefix(dep, bridge)
			if isRoom && !slices.Contains(below, strings.TrimPrefix(other, "/")) {
				t.Errorf("%s imports %s", pkg, dep)
			}
			if strings.HasPrefix(dep, module+"cmd") {
				t.Errorf("%s imports %s", pkg, dep)
			}
		}
	}
	if rooms != len(allowed) {
		t.Errorf("%d rooms, and %d are known", rooms, len(allowed))
	}
}
