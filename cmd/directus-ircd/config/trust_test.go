package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// Each file that cannot be used is told with its key and with what to do.
func TestTrustFaults(t *testing.T) {
	cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour)
	_, other := ircdtest.WriteCertificate(t, t.TempDir(), 2, time.Hour)
	expired, expiredKey := ircdtest.WriteCertificate(t, t.TempDir(), 3, -time.Hour)
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := read(cert)
	der := write("der", "0\x82\x01")
	cut := write("cut", whole+whole[:len(whole)/2])
	wrong := write("wrong", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	sealed := write("sealed", strings.ReplaceAll(read(key), "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")[:100])
	const https = "https://chat.example.com"
	for _, test := range []struct{ url, keys, want string }{
		{https, "ca: " + cert, ""},
		{https, "ca: " + write("both", read(expired)+whole), ""}, // as bundles have it
		{https, "ca: /nowhere/ca.pem", "directus.ca: the certificate cannot be loaded: open /nowhere/ca.pem: no such file or directory: name a PEM file"},
		{https, "ca: " + der, "directus.ca: " + der + " holds no certificate in PEM form"},
		{https, "ca: " + key, "directus.ca: " + key + " holds no certificate in PEM form"},
		{https, "ca: " + cut, "directus.ca: " + cut + " is damaged: copy it again"},
		{https, "ca: " + wrong, "directus.ca: " + wrong + " is damaged (x509: malformed"},
		{https, "ca: " + expired, "directus.ca: the certificate expired on "},
		{"http://chat.example.com", "ca: " + cert, "directus.ca: the address of Directus does not begin with https://"},
		{https, "client_certificate: {cert: " + cert + ", key: " + key + "}", ""},
		{https, "client_certificate: {cert: " + cert + "}", "directus.client_certificate: cert without key"},
		{https, "client_certificate: {key: " + key + "}", "directus.client_certificate: key without cert"},
		{https, "client_certificate: {cert: " + cert + ", key: " + other + "}", "private key does not match public key: cert and key must be PEM files that belong together"},
		{https, "client_certificate: {cert: " + der + ", key: " + key + "}", "must be PEM files"},
		{https, "client_certificate: {cert: " + cert + ", key: " + sealed + "}", "has a passphrase"},
		{https, "client_certificate: {cert: " + expired + ", key: " + expiredKey + "}", "the certificate expired on "},
		{"http://chat.example.com", "client_certificate: {cert: " + cert + ", key: " + key + "}", "does not begin with https://"},
	} {
		cfg, err := Parse("test.yaml", []byte("directus:\n  url: "+test.url+"\n  "+test.keys+"\n"))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.keys, err)
		case test.want == "" && cfg.Directus.TLS == nil:
			t.Errorf("%s: there is no configuration of TLS", test.keys)
		case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "test.yaml:3: ") || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s at %s: %v, want %q", test.keys, test.url, err, test.want)
		}
	}
}
