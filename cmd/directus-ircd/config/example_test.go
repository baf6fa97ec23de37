package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

func TestExampleIsTheSameInBothPlaces(t *testing.T) {
	top, err := os.ReadFile("../../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(top) != Example {
		t.Error("config.example.yaml at the top differs from the embedded one: run go generate ./cmd/directus-ircd/config")
	}
}

func TestExampleSaysTheDefaults(t *testing.T) {
	cfg, err := Parse("", []byte(Example))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Directus.URL = "https://chat.example.com"
	// An empty mapping and none mean the same.
	want.Channels[0].Filter, want.Channels[0].Set = map[string]any{}, map[string]any{}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
}

// A key behind "#" without a space is one to uncomment.
var commentedKey = regexp.MustCompile(`(?m)^( *)#([^ #\n])`)

var listIndex = regexp.MustCompile(`\[\d+\]`)

func TestExampleShowsEveryKey(t *testing.T) {
	cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour)
	text := commentedKey.ReplaceAllString(Example, "$1$2")
	// Keys behind a commented list entry are indented as if its "- " were there.
	text = strings.NewReplacer("/etc/ssl/chat.pem", cert, "/etc/ssl/chat.key", key, "/etc/ssl/ircd.pem", cert, "/etc/ssl/ircd.key", key, "/etc/ssl/company-ca.pem", cert).Replace(text)
	d := newDecoder("config.example.yaml")
	cfg := Default()
	d.document([]byte(text), cfg)
	cfg.Login.EmailTemplate = "" // excludes login.provider
	validate(cfg, d)
	if err := d.err(); err != nil {
		t.Fatalf("with every key uncommented: %v\n%s", err, text)
	}
	shown := map[string]bool{}
	for path := range d.lines {
		shown[listIndex.ReplaceAllString(path, "[0]")] = true
	}
	for _, path := range yamlPaths(reflect.TypeFor[Config](), "") {
		if !shown[path] {
			t.Errorf("%s is not in the example", path)
		}
	}
}

// yamlPaths lists every key that the type accepts.
func yamlPaths(t reflect.Type, parent string) []string {
	var paths []string
	for f := range t.Fields() {
		key := f.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		path := joinPath(parent, key)
		paths = append(paths, path)
		kind := f.Type
		if kind.Kind() == reflect.Slice {
			kind, path = kind.Elem(), path+"[0]"
		}
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if kind.Kind() == reflect.Struct {
			paths = append(paths, yamlPaths(kind, path)...)
		}
	}
	return paths
}
