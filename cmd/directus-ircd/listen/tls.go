package listen

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"

	"directus-ircd/cmd/directus-ircd/config"
)

// certificatesOf is where a listener gets its certificates from; nil without TLS.
func certificatesOf(cfg config.Listener, acme *acmeCertificates) (certificates, error) {
	switch {
	case cfg.TLS.ACME:
		return acme, nil
	case !cfg.TLS.Enabled():
		return nil, nil
	}
	pair, err := cfg.TLS.Pair()
	if err != nil {
		return nil, fmt.Errorf("load the certificate of %s: %w", cfg.Address, err)
	}
	return newCertificateFile(pair), nil
}

// certificateFile is a certificate from files. A reload replaces it; connections
// that stand are not touched.
type certificateFile struct {
	pair atomic.Pointer[tls.Certificate]
}

func newCertificateFile(pair *tls.Certificate) *certificateFile {
	c := &certificateFile{}
	c.pair.Store(pair)
	return c
}

func (c *certificateFile) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
	}
}

func (c *certificateFile) valid(host string) bool {
	return c.pair.Load().Leaf.VerifyHostname(host) == nil
}
