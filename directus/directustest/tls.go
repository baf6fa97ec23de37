package directustest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Authority signs certificates for a test. Its own is in a file.
type Authority struct {
	// File is the PEM file of its certificate.
	File string

	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority that nobody trusts yet.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, File: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, key := a.sign(template, "Authority", time.Hour)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key = cert, key
	a.write(a.File, "CERTIFICATE", der)
	return a
}

// Issue writes a certificate for a host or client of this name, and its key, into a folder.
// It is valid for so long from now on; if left is negative, it has expired.
func (a *Authority) Issue(dir, name string, left time.Duration) (cert, key string) {
	a.t.Helper()
	template := &x509.Certificate{DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, private := a.sign(template, name, left)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.write(cert, "CERTIFICATE", der)
	a.write(key, "PRIVATE KEY", encoded)
	return cert, key
}

// sign makes a key and a certificate of it; the first one signs itself.
func (a *Authority) sign(template *x509.Certificate, name string, left time.Duration) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(left)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

func (a *Authority) write(path, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// FrontHost is the host that certificates of a Front are for. No resolver knows it.
const FrontHost = "directus.test"

// Front serves a Directus over TLS.
type Front struct {
	// Address is where it listens, host:port.
	Address string

	mu        sync.Mutex      // guards what follows
	presented map[bool]string // the serial number of the last client certificate, with an upgrade and without
}

// NewFront starts a Front of the Directus at target, until the end of the test. clients signs
// the certificates that it asks for; nil: it asks for none.
func (a *Authority) NewFront(target *url.URL, clients *Authority) *Front {
	a.t.Helper()
	cert, key := a.Issue(a.t.TempDir(), FrontHost, time.Hour)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		a.t.Fatal(err)
	}
	f := &Front{presented: map[bool]string{}}
	pass := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.note(r)
		pass.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients != nil {
		server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		server.TLS.ClientCAs.AddCert(clients.cert)
	}
	quiet := log.New(io.Discard, "", 0)
	server.Config.ErrorLog, pass.ErrorLog = quiet, quiet
	server.StartTLS()
	a.t.Cleanup(server.Close)
	f.Address = server.Listener.Addr().String()
	return f
}

func (f *Front) note(r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	serial := ""
	if certs := r.TLS.PeerCertificates; len(certs) > 0 {
		serial = certs[0].SerialNumber.String()
	}
	f.presented[r.Header.Get("Upgrade") != ""] = serial
}

// Presented is the serial number of the client certificate of the last request, or of the
// last upgrade to a WebSocket.
func (f *Front) Presented(upgrade bool) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.presented[upgrade]
}

// ConnectProxy is a proxy for HTTPS_PROXY: it opens tunnels (RFC 9110, section 9.3.6).
type ConnectProxy struct {
	// URL is its address.
	URL string

	mu    sync.Mutex // guards what follows
	asked []string   // the hosts and ports of CONNECT
}

// NewConnectProxy starts a proxy until the end of the test, which leads to target, host:port,
// whatever it is asked for. If login is not empty, it demands this user:password.
func NewConnectProxy(t testing.TB, target, login string) *ConnectProxy {
	t.Helper()
	p := &ConnectProxy{}
	var tunnels sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Basic ")
		switch {
		case r.Method != http.MethodConnect:
			http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
			return
		case login != "" && given != base64.StdEncoding.EncodeToString([]byte(login)):
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		p.mu.Lock()
		p.asked = append(p.asked, r.Host)
		p.mu.Unlock()
		far, err := net.Dial("tcp", target)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		near, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			far.Close()
			return
		}
		fmt.Fprint(near, "HTTP/1.1 200 OK\r\n\r\n")
		tunnels.Go(func() { tunnel(ctx, near, buffered, far) })
	}))
	t.Cleanup(func() {
		server.Close()
		stop()
		tunnels.Wait()
	})
	p.URL = server.URL
	return p
}

// tunnel joins two connections until one ends, or ctx. What comes from near is read through
// buffered, which may hold some of it.
func tunnel(ctx context.Context, near net.Conn, buffered io.Reader, far net.Conn) {
	end := func() { near.Close(); far.Close() }
	defer context.AfterFunc(ctx, end)()
	var ways sync.WaitGroup
	pass := func(to io.Writer, from io.Reader) {
		defer end()
		_, _ = io.Copy(to, from) // any error ends the tunnel
	}
	ways.Go(func() { pass(far, buffered) })
	ways.Go(func() { pass(near, far) })
	ways.Wait()
}

// Asked are the hosts and ports that were asked for, in order.
func (p *ConnectProxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}
