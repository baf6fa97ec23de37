package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd"
)

const (
	// acmeRetryFirst is the wait after the first failure; it doubles up to
	// acmeRetryMax. Let's Encrypt takes 5 failures an hour for a host.
	acmeRetryFirst = 2 * time.Minute
	acmeRetryMax   = time.Hour
	// acmeCheck is the time between two checks of whether autocert has renewed.
	acmeCheck = time.Hour
	// acmeRequestTimeout bounds one request to the ACME server.
	acmeRequestTimeout = 30 * time.Second
	// acmeStopTimeout is how long the stop of the daemon waits for autocert,
	// which cannot be interrupted between two requests.
	acmeStopTimeout = 2 * time.Second
)

// acmeNeeds says what the operator can do about a certificate that does not come.
const acmeNeeds = "the ACME server has to reach a listener with acme under this name at port 443, or acme.http at port 80"

// acmeCertificates gets certificates from an ACME server (RFC 8555) and has them
// renewed. Handshakes never ask the server: they take what is there, or wait for
// the first attempt as long as they may.
type acmeCertificates struct {
	manager    *autocert.Manager
	configured config.ACME
	domains    []*acmeDomain // in the order of the configuration
	log        zerolog.Logger
	stop       context.CancelFunc // ends keep
	// answers is what serves http-01 challenges; nil if nothing does.
	answers http.Handler
	// failed counts the attempts to get a certificate that failed.
	failed *atomic.Int64
}

// acmeDomain is a host and its certificate.
type acmeDomain struct {
	name  string
	cert  atomic.Pointer[tls.Certificate] // nil until there is one
	tried chan struct{}                   // closed when the first attempt is over
	retry chan struct{}                   // holds one request to try now
}

// newACME prepares everything but asks nobody; keep does. The end of ctx ends the
// requests to the ACME server.
func newACME(ctx context.Context, cfg config.ACME, cache, agent string, failed *atomic.Int64, log zerolog.Logger) (*acmeCertificates, error) {
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return nil, fmt.Errorf("acme: %w: the certificates need a folder that the daemon can write to, name one by resume.directory", err)
	}
	a := &acmeCertificates{configured: cfg, failed: failed, log: log}
	a.manager = &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      certificateCache{autocert.DirCache(cache)},
		HostPolicy: autocert.HostWhitelist(cfg.Domains...),
		Client: &acme.Client{
			DirectoryURL: cfg.Directory,
			UserAgent:    agent,
			HTTPClient:   &http.Client{Timeout: acmeRequestTimeout, Transport: &boundTransport{ctx, http.DefaultTransport}},
		},
	}
	if cfg.HTTP != "" {
		// It has to be asked for before the first certificate: only then does
		// autocert try it.
		a.answers = withoutPort(a.manager.HTTPHandler(http.NotFoundHandler()))
	}
	for _, name := range cfg.Domains {
		a.domains = append(a.domains, &acmeDomain{name: name, tried: make(chan struct{}), retry: make(chan struct{}, 1)})
	}
	return a, nil
}

// certificateCache keeps certificates in a folder, whose files are read like all
// others.
type certificateCache struct{ autocert.DirCache }

func (c certificateCache) Get(_ context.Context, name string) ([]byte, error) {
	text, err := config.ReadFile(filepath.Join(string(c.DirCache), filepath.Base(name)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, autocert.ErrCacheMiss
	}
	return text, err
}

// KeptCertificate is the certificate of a host in the folder where another process
// keeps what it has got.
func KeptCertificate(ctx context.Context, cache, host string) (*tls.Certificate, error) {
	text, err := certificateCache{autocert.DirCache(cache)}.Get(ctx, host)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	return &pair, err
}

// keep gets the certificates, one host after the other as each comes, and follows
// their renewals until ctx ends.
func (a *acmeCertificates) keep(ctx context.Context) {
	var domains sync.WaitGroup
	for _, d := range a.domains {
		domains.Go(func() { _ = ircd.Recover(&a.log, func() error { a.keepDomain(ctx, d); return nil }) })
	}
	domains.Wait()
}

func (a *acmeCertificates) keepDomain(ctx context.Context, d *acmeDomain) {
	backoff := acmeRetryFirst
	for attempt := 0; ; attempt++ {
		wait := acmeCheck
		cert, err := a.obtain(ctx, d.name)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.failed.Add(1)
			wait, backoff = backoff-backoff/10+rand.N(backoff/5), min(2*backoff, acmeRetryMax)
			a.log.Warn().Err(err).Str("domain", d.name).Stringer("again_in", wait.Round(time.Second)).Msg("no certificate could be had: " + acmeNeeds)
		default:
			backoff = acmeRetryFirst
			a.take(d, cert)
		}
		if attempt == 0 {
			close(d.tried)
		}
		select {
		case <-time.After(wait):
		case <-d.retry:
		case <-ctx.Done():
			return
		}
	}
}

// take presents a certificate in handshakes from now on, and logs when it expires.
func (a *acmeCertificates) take(d *acmeDomain, cert *tls.Certificate) {
	leaf := cert.Leaf
	if old := d.cert.Swap(cert); old == nil || !old.Leaf.Equal(leaf) {
		a.log.Info().Str("domain", d.name).Time("expires", leaf.NotAfter).Msg("certificate")
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); config.ValidFor(leaf.NotAfter) < life/6 {
		a.log.Warn().Str("domain", d.name).Time("expires", leaf.NotAfter).Msg("the certificate has not been renewed yet: " + acmeNeeds)
	}
}

// obtain returns the current certificate, which may take minutes if there is none
// yet.
func (a *acmeCertificates) obtain(ctx context.Context, name string) (*tls.Certificate, error) {
	type result struct {
		cert *tls.Certificate
		err  error
	}
	done := make(chan result, 1)
	go func() {
		// autocert chooses the kind of key by what a client can do.
		var r result
		r.err = ircd.Recover(&a.log, func() (err error) {
			r.cert, err = a.manager.GetCertificate(&tls.ClientHelloInfo{
				ServerName:   name,
				CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
			})
			return err
		})
		done <- r
	}()
	select {
	case r := <-done:
		return r.cert, r.err
	case <-ctx.Done():
	}
	// Its requests have been cut off; at worst it waits for the next one.
	select {
	case <-done:
	case <-time.After(acmeStopTimeout):
	}
	return nil, context.Cause(ctx)
}

// retryNow tries hosts without a certificate again at once.
func (a *acmeCertificates) retryNow() {
	for _, d := range a.domains {
		if d.cert.Load() != nil {
			continue
		}
		select {
		case d.retry <- struct{}{}:
		default: // it is due already
		}
	}
}

var errNoCertificate = errors.New("there is no certificate yet")

// certificate is what a handshake presents. Clients that name no host, or one
// without a certificate, get that of the first host, as with a certificate from a
// file.
func (a *acmeCertificates) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	d := a.domain(hello.ServerName)
	if d == nil {
		d = a.domains[0]
	}
	select {
	case <-d.tried:
	case <-hello.Context().Done():
		return nil, errNoCertificate
	}
	if cert := d.cert.Load(); cert != nil {
		return cert, nil
	}
	return nil, errNoCertificate
}

func (a *acmeCertificates) domain(host string) *acmeDomain {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if i := slices.IndexFunc(a.domains, func(d *acmeDomain) bool { return d.name == host }); i >= 0 {
		return a.domains[i]
	}
	return nil
}

// config also answers the ACME server's own connections (tls-alpn-01, RFC 8737).
// All others are not asked for a protocol: clients name many.
func (a *acmeCertificates) config() *tls.Config {
	challenge := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{acme.ALPNProto},
		GetCertificate: a.manager.GetCertificate,
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: a.certificate,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Equal(hello.SupportedProtos, challenge.NextProtos) {
				return challenge, nil
			}
			return nil, nil
		},
	}
}

func (a *acmeCertificates) valid(host string) bool {
	d := a.domain(host)
	return d != nil && d.cert.Load() != nil
}

// serveChallenges answers http-01 challenges until ctx ends.
func (a *acmeCertificates) serveChallenges(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           a.answers,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      15 * time.Second,
		// It would log the addresses of clients.
		ErrorLog: stdlog.New(io.Discard, "", 0),
	}
	server.SetKeepAlivesEnabled(false)
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	a.log.Info().Stringer("address", ln.Addr()).Msg("answering the ACME server")
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("acme: %w", err)
	}
	return nil
}

// withoutPort takes the port off the host that is asked for: a proxy in front may
// tell one, and autocert compares the whole.
func withoutPort(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			r.Host = host
		}
		next.ServeHTTP(w, r)
	})
}

// boundTransport ends its requests with a context, beside their own.
type boundTransport struct {
	ctx  context.Context
	next http.RoundTripper
}

func (t *boundTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })
	end := func() {
		stop()
		cancel(nil)
	}
	response, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		end()
		return nil, err
	}
	response.Body = &boundBody{response.Body, end}
	return response, nil
}

type boundBody struct {
	io.ReadCloser
	end func()
}

func (b *boundBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
