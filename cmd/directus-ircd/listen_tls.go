package main

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// certificatesOf is where a listener gets its certificates from; nil without TLS.
func certificatesOf(cfg listenConfig, acme *acmeCertificates) (certificates, error) {
	switch {
	case cfg.TLS.ACME:
		return acme, nil
	case !cfg.TLS.enabled():
		return nil, nil
	}
	pair, err := loadPair(cfg.TLS)
	if err != nil {
		return nil, fmt.Errorf("load the certificate of %s: %w", cfg.Address, err)
	}
	c := &certificateFile{}
	c.pair.Store(pair)
	return c, nil
}

// certificateFile is a certificate from files. A reload replaces it; connections
// that stand are not touched.
type certificateFile struct {
	pair atomic.Pointer[tls.Certificate]
}

func loadPair(t tlsConfig) (*tls.Certificate, error) {
	cert, err := readFile(t.Cert)
	if err != nil {
		return nil, err
	}
	key, err := readFile(t.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &pair, nil
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
