package people

import (
	"encoding/json"
	"strings"
	"testing"

	"directus-ircd/directus"
)

// Every reader has a copy of a name in memory, and some databases let people store whole books
// as theirs.
func TestLongNames(t *testing.T) {
	raw, err := json.Marshal(map[string]string{"id": "1", "first_name": "  Ada" + strings.Repeat("a", 200<<10), "last_name": strings.Repeat("é", 200<<10)})
	if err != nil {
		t.Fatal(err)
	}
	var u directus.User
	if err := json.Unmarshal(raw, &u); err != nil {
		t.Fatal(err)
	}
	p := personOf(u, []string{"first_name", "last_name"})
	if len(p.name) > 1<<10 || len(p.realname) > 2<<10 || !strings.HasPrefix(p.realname, "Adaaaa") || !strings.HasSuffix(p.realname, "éé") {
		t.Errorf("a name of %d bytes, a real name of %d", len(p.name), len(p.realname))
	}
}
