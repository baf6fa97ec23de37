package main

import (
	"context"
	"crypto/tls"
	"directus-ircd/cmd/directus-ircd/config"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/acme/autocert"
)

const (
	// expiryPeriod is how often is looked when certificates expire.
	expiryPeriod = 24 * time.Hour
	// expiryWarning is how long before that it is said in the log each time.
	expiryWarning = 7 * 24 * time.Hour
	// expiryNote is how long before it "check" says so.
	expiryNote = 14 * 24 * time.Hour
)

// expiring is a listener and the certificates that it presents.
type expiring struct {
	address string // as configured
	certificates
}

// watchExpiry notes what the listeners present, for the metrics, and says in the log
// what expires soon. It is called by the owner of the sockets.
func (d *daemon) watchExpiry() {
	var list []expiring
	for _, l := range d.sockets.listeners {
		if l.certificates == nil {
			continue
		}
		list = append(list, expiring{l.configured.Address, l.certificates})
		name, expires := l.certificates.expiry()
		if left := validFor(expires); name != "" && left < expiryWarning {
			d.log.Warn().Str("address", l.configured.Address).Str("certificate", name).Time("expires", expires).Msg(expiryText(left))
		}
	}
	d.expiring.Store(&list)
}

func expiryText(left time.Duration) string {
	if left <= 0 {
		return "the certificate has expired: clients refuse it. Renew it and reload"
	}
	return "the certificate expires soon: renew it and reload"
}

// expiryCollector tells when the certificates of the listeners expire.
type expiryCollector struct{ list func() []expiring }

// Describe implements prometheus.Collector.
func (c *expiryCollector) Describe(ch chan<- *prometheus.Desc) { ch <- expiryDesc() }

// Collect implements prometheus.Collector.
func (c *expiryCollector) Collect(ch chan<- prometheus.Metric) {
	told := map[string]bool{}
	for _, e := range c.list() {
		if name, expires := e.expiry(); name != "" && !told[e.address] {
			told[e.address] = true
			ch <- prometheus.MustNewConstMetric(expiryDesc(), prometheus.GaugeValue, float64(expires.Unix()), e.address)
		}
	}
}

func expiryDesc() *prometheus.Desc {
	return prometheus.NewDesc("directus_ircd_certificate_expiry_timestamp_seconds",
		"When the certificate of a listener expires, or the first of several, as a Unix time.", []string{"listener"}, nil)
}

func (c *certificateFile) expiry() (string, time.Time) {
	leaf := c.pair.Load().Leaf
	name := leaf.Subject.CommonName
	if len(leaf.DNSNames) > 0 {
		name = leaf.DNSNames[0]
	}
	return name, leaf.NotAfter
}

func (a *acmeCertificates) expiry() (name string, at time.Time) {
	for _, d := range a.domains {
		if cert := d.cert.Load(); cert != nil && (name == "" || cert.Leaf.NotAfter.Before(at)) {
			name, at = d.name, cert.Leaf.NotAfter
		}
	}
	return name, at
}

// checkExpiry finds certificates that expire. Those of acme are looked for where the
// daemon keeps them, as far as that may be read.
func checkExpiry(ctx context.Context, cfg *config.Config, r *findings) {
	for _, l := range cfg.Listen {
		if l.TLS.Cert == "" {
			continue
		}
		if pair, err := l.TLS.Pair(); err == nil { // a fault of it is one of the configuration
			r.expiry("renew it, and reload the daemon", "the certificate of "+l.Address, pair.Leaf.NotAfter)
		}
	}
	for _, name := range cfg.ACME.Domains {
		text, err := certificateCache{autocert.DirCache(cfg.ACME.Cache)}.Get(ctx, name)
		if err != nil {
			continue
		}
		if pair, err := tls.X509KeyPair(text, text); err == nil {
			r.expiry("look in the daemon's log why it was not renewed", "the certificate by acme for "+strings.TrimSpace(name), pair.Leaf.NotAfter)
		}
	}
}

func (f *findings) expiry(fix, what string, at time.Time) {
	switch left := validFor(at); {
	case left <= 0:
		f.miss(fix, "%s has expired on %s", what, at.UTC().Format(time.DateOnly))
	case left < expiryNote:
		f.note(fix, "%s expires on %s", what, at.UTC().Format(time.DateOnly))
	default:
		f.ok("%s holds until %s", what, at.UTC().Format(time.DateOnly))
	}
}

// validFor is how long a certificate holds that expires at a time. Those who verify
// it go by the wall clock.
func validFor(at time.Time) time.Duration { return time.Until(at) }
