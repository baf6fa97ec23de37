package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"directus-ircd/ircd/ircdtest"
)

// acmeDomainName is the host of these tests. Its address is asked of a DNS server
// of theirs.
const acmeDomainName = "irc.example.test"

// acmeServer is an ACME server that answers nothing until open.
type acmeServer struct {
	*httptest.Server
	rootFile string // its own certificate, for SSL_CERT_FILE
	handler  chan http.Handler
}

func newACMEServer(t *testing.T) *acmeServer {
	t.Helper()
	s := &acmeServer{handler: make(chan http.Handler, 1), rootFile: filepath.Join(t.TempDir(), "root.pem")}
	handler := sync.OnceValue(func() http.Handler { return <-s.handler })
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler().ServeHTTP(w, r) }))
	ircdtest.WritePEM(t, s.rootFile, "CERTIFICATE", s.Certificate().Raw)
	return s
}

// open makes it a Pebble, the ACME server that Let's Encrypt tests clients with,
// which checks hosts at these ports of this machine. It returns the roots of its
// certificates.
func (s *acmeServer) open(t *testing.T, httpPort, tlsPort int) *x509.CertPool {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	log := stdlog.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	authority := ca.New(log, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {}})
	validation := va.New(log, httpPort, tlsPort, true, localDNS(t), store)
	front := wfe.New(log, store, validation, authority, []string{"pebble.example.test"}, true, false, 1, 1)
	s.handler <- front.Handler()
	roots := x509.NewCertPool()
	roots.AddCert(authority.GetRootCert(0).Cert)
	return roots
}

// localDNS answers that every name is this machine.
func localDNS(t *testing.T) (address string) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: socket, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg)
		answer.SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			header := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}
			answer.Answer = []dns.RR{&dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(answer) // who asks, asks again
	})}
	served := make(chan error, 1)
	go func() { served <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		socket.Close()
		<-served
	})
	return socket.Addr().String()
}

// start runs a daemon that gets its certificate from the server.
func (s *acmeServer) start(t *testing.T, state, more string) *process {
	t.Helper()
	return startProcess(t, writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlog: {format: json}\n"+
		"listen: [{address: \"127.0.0.1:0\", tls: {acme: true}, websocket: shared}]\n"+
		"acme: {domains: ["+acmeDomainName+"], directory: \""+s.URL+"/dir\""+more+"}\nresume: {directory: "+state+"}\n"),
		1, false, "SSL_CERT_FILE="+s.rootFile)
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// closedPort is a port at which nobody listens.
func closedPort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return portOf(t, ln.Addr().String())
}

// converse talks IRC over TLS and returns the certificate.
func converse(t *testing.T, address string, config *tls.Config) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	c := ircdtest.New(t, conn)
	c.Send("CAP LS 302")
	c.Expect("* CAP * LS *")
	return conn.ConnectionState().PeerCertificates[0]
}

// The certificate comes over the IRC port itself, is kept, and serves clients that
// are there before it.
func TestACME(t *testing.T) {
	server := newACMEServer(t)
	state := t.TempDir()
	p := server.start(t, state, "")

	early := make(chan error, 1)
	go func() {
		conn, err := tls.Dial("tcp", p.IRC[0], &tls.Config{InsecureSkipVerify: true, ServerName: acmeDomainName})
		if err == nil {
			err = conn.Close()
		}
		early <- err
	}()
	roots := server.open(t, closedPort(t), portOf(t, p.IRC[0]))
	if expires := p.waitLog("certificate", 0)["expires"]; expires == nil {
		t.Error("the operator is not told until when")
	}
	if err := <-early; err != nil {
		t.Errorf("a client that came before the certificate: %v", err)
	}
	first := converse(t, p.IRC[0], &tls.Config{RootCAs: roots, ServerName: acmeDomainName})
	// Clients that name no host get it too; one that names protocols is
	// served as well.
	converse(t, p.IRC[0], &tls.Config{InsecureSkipVerify: true})
	converse(t, p.IRC[0], &tls.Config{RootCAs: roots, ServerName: acmeDomainName, NextProtos: []string{"irc", "http/1.1"}})
	p.signal(syscall.SIGTERM)
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}

	if info, err := os.Stat(filepath.Join(state, "acme")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the keys: %v, %v", info.Mode(), err)
	}
	server.Close() // what was got needs nobody
	p = server.start(t, state, "")
	if again := converse(t, p.IRC[0], &tls.Config{RootCAs: roots, ServerName: acmeDomainName}); !again.Equal(first) {
		t.Error("the certificate was not kept")
	}
}

// Where port 443 belongs to another program, port 80 can do.
func TestACMEOverHTTP(t *testing.T) {
	server := newACMEServer(t)
	defer server.Close()
	p := server.start(t, t.TempDir(), ", http: \"127.0.0.1:0\"")
	challenges := p.waitLog("answering the ACME server", 0)["address"].(string)
	roots := server.open(t, portOf(t, challenges), closedPort(t))
	p.waitLog("certificate", 0)
	converse(t, p.IRC[0], &tls.Config{RootCAs: roots, ServerName: acmeDomainName})
	if status, _ := get(t, "http://"+challenges+"/"); status != http.StatusNotFound {
		t.Errorf("the front page: %d", status)
	}
}

// Without a certificate clients are sent away, and the operator knows why.
func TestACMEFailure(t *testing.T) {
	server := newACMEServer(t)
	defer server.Close()
	server.handler <- http.NotFoundHandler()
	p := server.start(t, t.TempDir(), "")
	told := p.waitLog("no certificate could be had: the ACME server has to reach a listener with acme under this name at port 443, or acme.http at port 80", 0)
	if told["domain"] != acmeDomainName || told["again_in"] == nil {
		t.Errorf("got %v", told)
	}
	if _, err := tls.Dial("tcp", p.IRC[0], &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("a handshake without a certificate")
	}
}

// An ACME server that does not answer holds up neither the stop nor anything else.
func TestACMEStop(t *testing.T) {
	server := newACMEServer(t)
	defer server.Close()
	asked, release := make(chan struct{}, 8), make(chan struct{})
	defer close(release)
	server.handler <- http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	})
	p := server.start(t, t.TempDir(), "")
	<-asked
	// This one waits for the certificate.
	nc, err := net.Dial("tcp", p.IRC[0])
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	go func() { _ = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	p.signal(syscall.SIGTERM)
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
}
