package directus_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// A secured is a fake Directus behind TLS, with an authority of its own, and a user.
type secured struct {
	t     *testing.T
	ca    *directustest.Authority
	front *directustest.Front
	fake  *directustest.Fake
}

func secure(t *testing.T, clients bool) *secured {
	t.Helper()
	s := &secured{t: t, ca: directustest.NewAuthority(t), fake: directustest.NewFake(t, directustest.FakeOptions{})}
	s.fake.AddUser(directustest.FakeUser{Email: kevinEmail, Password: kevinPassword})
	asked := s.ca
	if !clients {
		asked = nil
	}
	s.front = s.ca.NewFront(s.fake.Listen(), asked)
	return s
}

// trusts is a configuration that trusts the authority and presents a new certificate, of
// which it returns the serial number.
func (s *secured) trusts() (config *tls.Config, serial string) {
	s.t.Helper()
	text, err := os.ReadFile(s.ca.File)
	must(s.t, err)
	pair, err := tls.LoadX509KeyPair(s.ca.Issue(s.t.TempDir(), "ircd", time.Hour))
	must(s.t, err)
	config = &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}}
	config.RootCAs.AppendCertsFromPEM(text)
	return config, pair.Leaf.SerialNumber.String()
}

// client finds the front directly; without, by the proxy of the environment.
func (s *secured) client(config *tls.Config, directly bool) *directus.Client {
	s.t.Helper()
	opts := directus.Options{TLS: config}
	if directly {
		opts.NetDial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.front.Address)
		}
	}
	c := directus.New(&url.URL{Scheme: "https", Host: directustest.FrontHost}, opts)
	s.t.Cleanup(c.Close)
	return c
}

// A new certificate is used for what is opened after UseTLS, and sockets stay open.
func TestUseTLS(t *testing.T) {
	s := secure(t, true)
	first, before := s.trusts()
	second, after := s.trusts()
	c := s.client(first, true)
	a, err := c.Login(t.Context(), kevinEmail, kevinPassword, "")
	must(t, err)
	old := run(t, a)
	old.up()
	for _, upgrade := range []bool{false, true} {
		if got := s.front.Presented(upgrade); got != before {
			t.Errorf("upgrade %t: presented %q, want %q", upgrade, got, before)
		}
	}
	c.UseTLS(second)
	must(t, c.Ping(t.Context()))
	run(t, a).up()
	for _, upgrade := range []bool{false, true} {
		if got := s.front.Presented(upgrade); got != after {
			t.Errorf("upgrade %t: presented %q after UseTLS, want %q", upgrade, got, after)
		}
	}
	must(t, create(t, old.Realtime, "still up"))
	if states := old.history(); len(states) != 1 {
		t.Errorf("the old socket went through %+v", states)
	}
}

// Neither side is taken for another one.
func TestUntrusted(t *testing.T) {
	s := secure(t, true)
	both, _ := s.trusts()
	for name, test := range map[string]struct {
		config *tls.Config
		is     func(error) bool
	}{
		"authority unknown": {&tls.Config{Certificates: both.Certificates}, func(err error) bool {
			var unknown x509.UnknownAuthorityError
			return errors.As(err, &unknown)
		}},
		"no client certificate": {&tls.Config{RootCAs: both.RootCAs}, func(err error) bool {
			alert, ok := errors.AsType[*net.OpError](err)
			return ok && alert.Op == "remote error"
		}},
		"nothing": {nil, func(err error) bool { return errors.Is(err, directus.ErrUnavailable) }},
	} {
		if err := s.client(test.config, true).Ping(t.Context()); err == nil || !test.is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// REST and WebSockets go by the proxy of the environment, and nothing goes past it.
func TestProxyOfTheEnvironment(t *testing.T) {
	s := secure(t, false)
	config, _ := s.trusts()
	proxy := directustest.NewConnectProxy(t, s.front.Address, "daemon:proxy-password")
	address := strings.Replace(proxy.URL, "://", "://daemon:proxy-password@", 1)
	t.Setenv("NO_PROXY", "")
	t.Setenv("HTTPS_PROXY", address)
	c := s.client(config, false)
	a, err := c.Login(t.Context(), kevinEmail, kevinPassword, "")
	must(t, err)
	rest := len(proxy.Asked())
	run(t, a).up()
	asked := proxy.Asked()
	if rest == 0 || len(asked) <= rest {
		t.Errorf("asked for %q, %d of them before the socket", asked, rest)
	}
	if got := directus.ProxyFor(c.URL()); got != proxy.URL {
		t.Errorf("the proxy is called %q", got)
	}
	for value, want := range map[string]string{
		proxy.URL: "Proxy Authentication Required",
		strings.Replace(address, "http:", "https:", 1): "HTTPS_PROXY or HTTP_PROXY is not the address of a proxy",
	} {
		t.Setenv("HTTPS_PROXY", value)
		err := s.client(config, false).Ping(t.Context())
		if !errors.Is(err, directus.ErrUnavailable) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "proxy-password") {
			t.Errorf("HTTPS_PROXY=%s: %v, want %q", value, err, want)
		}
	}
	t.Setenv("NO_PROXY", "directus.test")
	if proxy := directus.ProxyFor(c.URL()); proxy != "" {
		t.Errorf("NO_PROXY: by %s", proxy)
	}
}
