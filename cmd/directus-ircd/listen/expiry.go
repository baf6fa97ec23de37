package listen

import (
	"cmp"
	"crypto/tls"
	"directus-ircd/cmd/directus-ircd/config"
	"slices"
	"time"
)

// expiryWarning is how long before a certificate expires the log says so.
const expiryWarning = 7 * 24 * time.Hour

// expiring are the certificates that a listener presents, or the daemon.
type expiring struct {
	address string // as configured; or clientCertificate
	certificates
}

// clientCertificate stands for the address of a listener where the certificate is the one
// that the daemon presents to Directus.
const clientCertificate = "directus.client_certificate"

// WatchExpiry notes which certificates the listeners and the daemon present, for the
// metrics, and says in the log what expires soon. client is the one for Directus; nil if
// there is none. It is called by the owner of the sockets.
func (s *Sockets) WatchExpiry(client *tls.Certificate) {
	var list []expiring
	for _, l := range s.now.listeners {
		if l.certificates != nil {
			list = append(list, expiring{l.configured.Address, l.certificates})
		}
	}
	if client != nil {
		list = append(list, expiring{clientCertificate, newCertificateFile(client)})
	}
	for _, e := range list {
		name, expires := e.expiry()
		if left := config.ValidFor(expires); name != "" && left < expiryWarning {
			s.opts.Log.Warn().Str("address", e.address).Str("certificate", name).Time("expires", expires).Msg(expiryText(left))
		}
	}
	s.expiring.Store(&list)
}

// Expiry is when the certificate of a listener expires, or the first of several.
type Expiry struct {
	Address string // of the listener, as configured; or clientCertificate
	At      time.Time
}

// Expiries are those that WatchExpiry found last, as far as there is a certificate, each
// address once. It is called by any goroutine.
func (s *Sockets) Expiries() (list []Expiry) {
	presented := s.expiring.Load()
	if presented == nil {
		return nil
	}
	for _, e := range *presented {
		name, at := e.expiry()
		if name != "" && !slices.ContainsFunc(list, func(o Expiry) bool { return o.Address == e.address }) {
			list = append(list, Expiry{e.address, at})
		}
	}
	return list
}

// ACMEErrors is how many attempts to get or renew a certificate by ACME have failed. It is
// called by any goroutine.
func (s *Sockets) ACMEErrors() int64 { return s.acmeErrors.Load() }

func expiryText(left time.Duration) string {
	if left <= 0 {
		return "the certificate has expired and is refused: renew it and reload"
	}
	return "the certificate expires soon: renew it and reload"
}

func (c *certificateFile) expiry() (string, time.Time) {
	leaf := c.pair.Load().Leaf
	name := cmp.Or(leaf.Subject.String(), "without a name")
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
