package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"directus-ircd/deploy/man/mantest"
)

var (
	dottedKey = regexp.MustCompile(`^[a-z_]+(\[\])?(\.[a-z_]+(\[\])?)+$`)
	keyValue  = regexp.MustCompile(`^([a-z_.\[\]]+): `)
	// notOurs are names with dots that are no keys: files, hosts, and keys of other programs.
	notOurs = regexp.MustCompile(`\.(db|damaged|sum|yaml|json|scfg|net|sock)$|^supybot\.`)
)

// TestManualKeysExist: each key in the texts is one that the configuration takes, or the end of one.
func TestManualKeysExist(t *testing.T) {
	paths := yamlPaths(reflect.TypeFor[Config](), "")
	for i := range paths {
		paths[i] = strings.ReplaceAll(paths[i], "[0]", "[]")
	}
	found := 0
	check := func(name, key string) {
		found++
		if !slices.ContainsFunc(paths, func(p string) bool { return p == key || strings.HasSuffix(p, "."+key) }) {
			t.Errorf("%s: there is no key %s", name, key)
		}
	}
	for name, text := range mantest.Texts(t) {
		for _, span := range mantest.Spans(text) {
			if dottedKey.MatchString(span) && !notOurs.MatchString(span) {
				check(name, span)
			} else if pair := keyValue.FindStringSubmatch(span); pair != nil && !notOurs.MatchString(pair[1]) {
				check(name, pair[1])
			}
		}
		for _, block := range mantest.Blocks(text) {
			if block.Language != "yaml" {
				continue
			}
			found++
			d := newDecoder(name)
			d.document([]byte(block.Code), Default())
			if err := d.err(); err != nil {
				t.Errorf("%v in\n%s", err, block.Code)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d keys were found", found)
	}
}

func TestManualNamesEveryKey(t *testing.T) {
	page := mantest.Page(t, "yaml")
	paths := yamlPaths(reflect.TypeFor[Config](), "")
	for _, path := range paths {
		isGroup := slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, path+".") })
		if key := strings.ReplaceAll(path, "[0]", "[]"); !isGroup && !strings.Contains(page, "`"+key+"`") {
			t.Errorf("directus-ircd.yaml(5) does not describe %s", key)
		}
	}
}
