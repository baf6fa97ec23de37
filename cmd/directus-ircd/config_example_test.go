package main

import (
	"context"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"directus-ircd/ircd/ircdtest"
)

func TestExampleIsTheSameInBothPlaces(t *testing.T) {
	top, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(top) != exampleConfig {
		t.Error("config.example.yaml at the top differs from the embedded one: run go generate ./cmd/directus-ircd")
	}
}

func TestExampleSaysTheDefaults(t *testing.T) {
	cfg, err := parseConfig("", []byte(exampleConfig))
	if err != nil {
		t.Fatal(err)
	}
	want := defaultConfig()
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
	cert, key := writeCertificate(t, t.TempDir(), 1)
	text := commentedKey.ReplaceAllString(exampleConfig, "$1$2")
	// Keys behind a commented list entry are indented as if its "- " were there.
	text = strings.NewReplacer("/etc/ssl/chat.pem", cert, "/etc/ssl/chat.key", key).Replace(text)
	d := newDecoder("config.example.yaml")
	cfg := defaultConfig()
	d.document([]byte(text), cfg)
	validate(cfg, d)
	if err := d.err(); err != nil {
		t.Fatalf("with every key uncommented: %v\n%s", err, text)
	}
	shown := map[string]bool{}
	for path := range d.lines {
		shown[listIndex.ReplaceAllString(path, "[0]")] = true
	}
	for _, path := range yamlPaths(reflect.TypeFor[config](), "") {
		if !shown[path] {
			t.Errorf("%s is not in the example", path)
		}
	}
}

func TestManualNamesEveryKey(t *testing.T) {
	page := manualPage(t, "yaml")
	paths := yamlPaths(reflect.TypeFor[config](), "")
	for _, path := range paths {
		isGroup := slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, path+".") })
		if key := strings.ReplaceAll(path, "[0]", "[]"); !isGroup && !strings.Contains(page, "`"+key+"`") {
			t.Errorf("directus-ircd.yaml(5) does not describe %s", key)
		}
	}
}

// What the server offers is explained.
func TestManualNamesEveryCapability(t *testing.T) {
	page := manualPage(t, "clients")
	ircdtest.Bubble(t, func(t *testing.T) {
		cfg := defaultConfig()
		cfg.Directus.URL = "http://directus.example.com"
		cfg.Server.Name, cfg.Private.Collection = "irc.test", "letters"
		d, err := newDaemon(cfg, serveOptions{Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		ln := ircdtest.NewListener()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			l := &listener{}
			l.sts.Store(&stsConfig{Port: 6697})
			ended <- d.server.Serve(ctx, ln, l.options())
		}()
		c := ln.Dial(t)
		c.Send("CAP LS 302")
		_, list, _ := strings.Cut(c.Expect("* CAP * LS *"), " LS :")
		for word := range strings.FieldsSeq(list) {
			if name, _, _ := strings.Cut(word, "="); !strings.Contains(page, "`"+name+"`") {
				t.Errorf("directus-ircd-clients(7) does not explain %s", name)
			}
		}
		if n := len(strings.Fields(list)); n < 25 {
			t.Errorf("only %d capabilities: %q", n, list)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := d.backend.Close(t.Context()); err != nil {
			t.Error(err)
		}
		d.client.Close()
	})
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
