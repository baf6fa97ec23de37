package main

import (
	"bytes"
	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd/ircdtest"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

func TestExpiry(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		left         time.Duration
		log, checked string // parts
	}{
		{-time.Hour, "has expired", "MISSING  the certificate of :6697 has expired on "},
		{6 * day, "expires soon", "note     the certificate of :6697 expires on "},
		{10 * day, "", "note     the certificate of :6697 expires on "},
		{60 * day, "", "ok       the certificate of :6697 holds until "},
	} {
		cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, test.left)
		cfg := &config.Config{Listen: []config.Listen{{Address: ":6667"}, {Address: ":6697", TLS: config.TLS{Cert: cert, Key: key}}}}
		var log, checked bytes.Buffer
		d := &daemon{log: zerolog.New(&log), sockets: &change{}}
		for _, l := range cfg.Listen {
			certs, err := certificatesOf(l, nil)
			if err != nil {
				t.Fatal(err)
			}
			d.sockets.listeners = append(d.sockets.listeners, &listener{configured: l, certificates: certs})
		}
		d.watchExpiry()
		if !strings.Contains(log.String(), test.log) || test.log == "" && log.Len() > 0 {
			t.Errorf("%v left: logged %q", test.left, &log)
		}
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(&expiryCollector{func() []expiring { return *d.expiring.Load() }})
		_, at := d.sockets.listeners[1].certificates.expiry()
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
			t.Fatalf("%v, %v", families, err)
		}
		metric := families[0].GetMetric()[0]
		if got := metric.GetGauge().GetValue(); got != float64(at.Unix()) || metric.GetLabel()[0].GetValue() != ":6697" || families[0].GetName() != "directus_ircd_certificate_expiry_timestamp_seconds" {
			t.Errorf("the metric is %v, want %d", families[0], at.Unix())
		}
		checkExpiry(t.Context(), cfg, &findings{out: &checked})
		if !strings.HasPrefix(checked.String(), test.checked) {
			t.Errorf("%v left: check says %q", test.left, &checked)
		}
	}
}

// Certificates by acme count too: the first of them that expires, and those in the
// cache.
func TestExpiryOfACME(t *testing.T) {
	dir := t.TempDir()
	a := &acmeCertificates{}
	for i, left := range []time.Duration{60 * 24 * time.Hour, 3 * 24 * time.Hour, 0} {
		d := &acmeDomain{name: fmt.Sprintf("irc%d.example.com", i)}
		if left > 0 {
			cert, key := ircdtest.WriteCertificate(t, dir, 1, left)
			pair, err := config.TLS{Cert: cert, Key: key}.Pair()
			if err != nil {
				t.Fatal(err)
			}
			d.cert.Store(pair)
			keep(t, filepath.Join(dir, d.name), key, cert)
		}
		a.domains = append(a.domains, d)
	}
	if name, at := a.expiry(); name != "irc1.example.com" || validFor(at) > expiryWarning {
		t.Errorf("%s expires first, %v", name, at)
	}
	var checked bytes.Buffer
	cfg := &config.Config{ACME: config.ACME{Cache: dir, Domains: []string{"irc0.example.com", "irc1.example.com", "irc2.example.com"}}}
	checkExpiry(t.Context(), cfg, &findings{out: &checked})
	if got := checked.String(); strings.Count(got, "\n") != 3 || !strings.Contains(got, "note     the certificate by acme for irc1.example.com expires on ") {
		t.Errorf("check says %q", got)
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
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
