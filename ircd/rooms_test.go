package ircd

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestRoomsImportOneWay: what each package below ircd may import of this module, beside
// what that imports. A reference the other way would tie names, presence and transport
// to sessions and connections again.
func TestRoomsImportOneWay(t *testing.T) {
	const module = "directus-ircd/"
	allowed := map[string][]string{
		"ircd/wire":      {},
		"ircd/bell":      {},
		"ircd/presence":  {"ircd/bell", "ircd/wire"},
		"ircd/transport": {"ircd/wire"},
		"ircd":           {"ircd/bell", "ircd/wire", "ircd/presence", "ircd/transport"},
		"ircd/ircdtest":  {"ircd/bell"},
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	seen := 0
	for l := range strings.Lines(string(out)) {
		words := strings.Fields(strings.ReplaceAll(l, module, ""))
		may, known := allowed[words[0]]
		if !known {
			t.Errorf("%s has no place in this test: say what it may import", words[0])
			continue
		}
		seen++
		for _, imported := range words[1:] {
			if strings.HasPrefix(imported, "ircd") && !slices.Contains(may, imported) {
				t.Errorf("%s imports %s", words[0], imported)
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("%d of %d packages were found", seen, len(allowed))
	}
}
