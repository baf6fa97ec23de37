package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A key that is gone is told as that, with what to do, wherever it stands and whatever
// its value; a table of keys that are accepted all the same would be a trap.
func TestRemovedKeys(t *testing.T) {
	accepted := yamlPaths(reflect.TypeFor[Config](), "")
	for path, text := range removed {
		if slices.Contains(accepted, strings.ReplaceAll(path, "[]", "[0]")) {
			t.Errorf("%s is accepted", path)
		}
		if !strings.Contains(text, "emove the key") {
			t.Errorf("%s: it is not said what to do: %s", path, text)
		}
		file := "{surely: [nothing]}"
		keys := strings.Split(path, ".")
		for _, key := range slices.Backward(keys) {
			if name, list := strings.CutSuffix(key, "[]"); list {
				file = fmt.Sprintf("{%s: [{}, %s]}", name, file)
			} else {
				file = fmt.Sprintf("{%s: %s}", key, file)
			}
		}
		_, err := Parse("test.yaml", []byte(file))
		want := fmt.Sprintf("test.yaml:1: %s: this key was removed: %s", strings.ReplaceAll(path, "[]", "[1]"), text)
		if err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", file, err, want)
		}
	}
}
