package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The packages of the program import each other one way, and of the rest of the module
// only what their side needs: whoever changes one has these to look at, and no others.
func TestRoomsKeepTheirSide(t *testing.T) {
	const module, program = "directus-ircd/", "directus-ircd/cmd/directus-ircd/"
	allowed := map[string][]string{
		"config":     {"ircd/wire"},
		"admin":      {},
		"completion": {},
		"systemd":    {},
		"listen":     {program + "config", program + "systemd", "ircd", "ircd/transport"},
		"metrics":    {program + "listen", "ircd", "bridge", "directus"},
		"check":      {program + "config", program + "listen", "directus"},
		"demo":       {program + "config", program + "listen", "directus", "directus/localserver", "directus/localserver/needs", "directus/setup"},
	}
	for room, may := range allowed {
		out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, "./"+room).CombinedOutput()
		if err != nil {
			t.Fatalf("go list %s: %v\n%s", room, err, out)
		}
		for imported := range strings.FieldsSeq(string(out)) {
			if path, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(may, path) && !slices.Contains(may, imported) {
				t.Errorf("%s imports %s", room, imported)
			}
		}
	}
}
