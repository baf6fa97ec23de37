package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// KeyPair names the PEM files of a certificate, with its chain, and of its private key.
type KeyPair struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// load reads the files. Its errors say what to do.
func (p KeyPair) load() (*tls.Certificate, error) {
	switch {
	case p.Cert == "":
		return nil, errors.New("key without cert: name the file of the certificate too")
	case p.Key == "":
		return nil, errors.New("cert without key: name the file of the private key too")
	}
	cert, err := ReadFile(p.Cert)
	if err != nil {
		return nil, unreadable(err)
	}
	key, err := ReadFile(p.Key)
	if err != nil {
		return nil, unreadable(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	switch {
	case err == nil:
		return &pair, nil
	case bytes.Contains(key, []byte("ENCRYPTED")):
		return nil, fmt.Errorf("the key in %s has a passphrase, which nobody could enter: store it without, readable by the daemon alone", p.Key)
	}
	return nil, fmt.Errorf("the certificate cannot be loaded: %w: cert and key must be PEM files that belong together", err)
}

func unreadable(err error) error {
	return fmt.Errorf("the certificate cannot be loaded: %w: name a PEM file that the user of the daemon may read", err)
}

// LoadTLS reads the files that CA and ClientCertificate name, and sets TLS and Presented. It calls fault for
// each key of Directus at which something is wrong.
func (c *Directus) LoadTLS(fault func(key string, err error)) {
	if c.CA == "" && c.ClientCertificate == (KeyPair{}) {
		return
	}
	c.TLS = &tls.Config{}
	if c.CA != "" {
		roots, err := loadRoots(c.CA)
		if err == nil {
			err = c.needsTLS()
		}
		if err != nil {
			fault("ca", err)
		}
		c.TLS.RootCAs = roots
	}
	if c.ClientCertificate != (KeyPair{}) {
		pair, err := c.ClientCertificate.load()
		if err == nil {
			err = c.needsTLS()
		}
		if err == nil {
			err = current(pair.Leaf)
		}
		if err != nil {
			fault("client_certificate", err)
			return
		}
		c.Presented = pair
		// Unlike tls.Config.Certificates, this presents the certificate whatever
		// authorities the server names, so that the server says what is wrong with it.
		c.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	}
}

func (c *Directus) needsTLS() error {
	if !strings.HasPrefix(strings.ToLower(c.URL), "https:") {
		return errors.New("the address of Directus does not begin with https://, so nothing uses this: correct the address, or leave this out")
	}
	return nil
}

// current returns an error if a certificate has expired. One that is not valid yet is
// accepted: the clock of a machine that has just started can be behind.
func current(c *x509.Certificate) error {
	if ValidFor(c.NotAfter) <= 0 {
		return fmt.Errorf("the certificate expired on %s: renew it", c.NotAfter.UTC().Format(time.DateOnly))
	}
	return nil
}

// ValidFor is how long a certificate holds that expires at a time. Those who verify it go
// by the wall clock.
func ValidFor(expires time.Time) time.Duration { return time.Until(expires) }

// loadRoots returns the roots of the system and the certificates in a PEM file.
func loadRoots(path string) (*x509.CertPool, error) {
	text, err := ReadFile(path)
	if err != nil {
		return nil, unreadable(err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	valid, read := 0, 0
	var expired error
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s is damaged (%w): copy it again", path, err)
		}
		read++
		if err := current(cert); err != nil {
			expired = err
			continue
		}
		roots.AddCert(cert)
		valid++
	}
	switch {
	case read != bytes.Count(text, []byte("-----BEGIN CERTIFICATE-----")):
		return nil, fmt.Errorf("%s is damaged: copy it again", path)
	case valid > 0:
		return roots, nil
	case expired != nil: // all of them
		return nil, expired
	}
	return nil, fmt.Errorf("%s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----): name the file of the authority that signed the certificate of Directus", path)
}
