package check

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd/ircdtest"
)

// Certificates are looked for where the configuration names them, and where the daemon
// keeps those of acme.
func TestCheckExpiry(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		left time.Duration
		want string
	}{
		{-time.Hour, "MISSING  the certificate %s expired on "},
		{6 * day, "note     the certificate %s expires on "},
		{10 * day, "note     the certificate %s expires on "},
		{60 * day, "ok       the certificate %s is valid until "},
	} {
		cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, test.left)
		state := t.TempDir()
		keep(t, filepath.Join(state, "acme", "irc.example.com"), key, cert)
		cfg := &config.Config{
			Listen: []config.Listener{{Address: ":6667"}, {Address: ":6697", TLS: config.TLS{Cert: cert, Key: key}}},
			ACME:   config.ACME{Domains: []string{"none.example.com", "irc.example.com"}},
			Resume: config.Resume{Directory: state},
		}
		var checked bytes.Buffer
		checkExpiry(t.Context(), cfg, &findings{out: &checked})
		for _, which := range []string{"of :6697", "by acme for irc.example.com"} {
			if want := fmt.Sprintf(test.want, which); !strings.Contains(checked.String(), want) {
				t.Errorf("%v left: want %q, check says\n%s", test.left, want, &checked)
			}
		}
		if strings.Contains(checked.String(), "none.example.com") {
			t.Errorf("check says of what is not there:\n%s", &checked)
		}
	}
}

// keep writes a certificate and its key into one file, as autocert does.
func keep(t *testing.T, file string, parts ...string) {
	t.Helper()
	var text []byte
	for _, part := range parts {
		more, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, more...)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
