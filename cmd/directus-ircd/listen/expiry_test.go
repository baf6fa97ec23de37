package listen

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd/ircdtest"
)

func TestExpiry(t *testing.T) {
	const day = 24 * time.Hour
	for left, want := range map[time.Duration]string{-time.Hour: "has expired", 6 * day: "expires soon", 60 * day: ""} {
		cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, left)
		var log bytes.Buffer
		s := New(Options{Log: zerolog.New(&log)})
		if got := s.Expiries(); len(got) > 0 {
			t.Errorf("before it was looked: %v", got)
		}
		// Sockets of systemd have one address as configured.
		for _, cfg := range []config.Listener{{Address: ":6667"}, {Address: ":6697", TLS: config.TLS{Cert: cert, Key: key}}, {Address: ":6697", TLS: config.TLS{Cert: cert, Key: key}}} {
			certs, err := certificatesOf(cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.now.listeners = append(s.now.listeners, &listener{configured: cfg, certificates: certs})
		}
		s.WatchExpiry(nil)
		if !strings.Contains(log.String(), want) || want == "" && log.Len() > 0 {
			t.Errorf("%v left: logged %q", left, &log)
		}
		_, at := s.now.listeners[1].certificates.expiry()
		if got := s.Expiries(); !slices.Equal(got, []Expiry{{":6697", at}}) {
			t.Errorf("%v left: got %v, want %v", left, got, at)
		}
	}
}

// Certificates by acme count too: the first of them that expires.
func TestExpiryOfACME(t *testing.T) {
	a := &acmeCertificates{}
	for i, left := range []time.Duration{60 * 24 * time.Hour, 3 * 24 * time.Hour, 0} {
		d := &acmeDomain{name: fmt.Sprintf("irc%d.example.com", i)}
		if left > 0 {
			cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, left)
			pair, err := config.TLS{Cert: cert, Key: key}.Pair()
			if err != nil {
				t.Fatal(err)
			}
			d.cert.Store(pair)
		}
		a.domains = append(a.domains, d)
	}
	if name, at := a.expiry(); name != "irc1.example.com" || time.Until(at) > expiryWarning {
		t.Errorf("%s expires first, %v", name, at)
	}
}
