package check

import (
	"encoding/json"
	"testing"
)

func TestUnmetFilters(t *testing.T) {
	item := map[string]any{"status": "draft", "room": nil, "n": 3}
	for filter, want := range map[string]int{
		`{"status":{"_eq":"published"}}`:                       1,
		`{"status":{"_eq":"draft"}}`:                           0,
		`{"status":{"_in":["draft","published"]}}`:             0,
		`{"status":{"_nin":["draft"]}}`:                        1,
		`{"status":{"_neq":"archived"}}`:                       0,
		`{"room":{"_null":true}}`:                              0,
		`{"room":{"_nnull":true}}`:                             1,
		`{"n":{"_eq":"3"}}`:                                    0,
		`{"_and":[{"status":{"_eq":"x"}},{"n":{"_eq":4}}]}`:    2,
		`{"_or":[{"status":{"_eq":"x"}},{"n":{"_eq":3}}]}`:     0,
		`{"author":{"_eq":"$CURRENT_USER"}}`:                   0,
		`{"room":{"name":{"_eq":"general"}}}`:                  0,
		`{"status":{"_contains":"raf"},"other":{"_eq":"any"}}`: 0,
	} {
		if got := unmet(decode(t, filter), item); len(got) != want {
			t.Errorf("%s: %v, want %d", filter, got, want)
		}
	}
}

func decode(t *testing.T, filter string) (decoded map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(filter), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}
