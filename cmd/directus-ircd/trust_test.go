package main

import (
	"crypto/tls"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// behindTLS is a Directus with an authority of its own, which asks for client certificates
// and is reached by a proxy only.
type behindTLS struct {
	t         *testing.T
	ca        *directustest.Authority
	front     *directustest.Front
	proxy     *directustest.ConnectProxy
	cert, key string // of the daemon
}

func newBehindTLS(t *testing.T, target *url.URL) *behindTLS {
	t.Helper()
	b := &behindTLS{t: t, ca: directustest.NewAuthority(t)}
	b.front = b.ca.NewFront(target, b.ca)
	b.proxy = directustest.NewConnectProxy(t, b.front.Address, "")
	b.cert, b.key = b.ca.Issue(t.TempDir(), "ircd", time.Hour)
	return b
}

// serial is the number of the daemon's certificate as it is in the file.
func (b *behindTLS) serial() string {
	b.t.Helper()
	pair, err := tls.LoadX509KeyPair(b.cert, b.key)
	if err != nil {
		b.t.Fatal(err)
	}
	return pair.Leaf.SerialNumber.String()
}

// config is a configuration; more are keys of directus.
func (b *behindTLS) config(more string) string {
	return "directus: {url: \"https://" + directustest.FrontHost + "\"" + more + "}\nlisten: [{address: \"127.0.0.1:0\"}]\nlog: {format: json}\n"
}

func (b *behindTLS) trust() string {
	return ", ca: " + b.ca.File + ", client_certificate: {cert: " + b.cert + ", key: " + b.key + "}"
}

// A reload takes a renewed certificate into use without ending a session, and files that
// cannot be used change nothing.
func TestReloadTrust(t *testing.T) {
	fake := directustest.NewFake(t, directustest.FakeOptions{})
	for _, name := range []string{"kevin", "ada", "bob"} {
		fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: "secret"})
	}
	b := newBehindTLS(t, fake.Listen())
	file := writeConfig(t, b.config(b.trust()))
	p := startProcess(t, file, 1, false, "NO_PROXY=", "HTTPS_PROXY="+b.proxy.URL)
	login := func(name, serial string) *ircdtest.Client {
		t.Helper()
		c := ircdtest.Dial(t, p.IRC[0])
		c.LoginPass(name, name+"@example.com:secret")
		c.Expect("* 366 * #messages *")
		c.Send("PRIVMSG #messages :by the socket")
		c.Sync()
		for _, upgrade := range []bool{false, true} {
			if got := b.front.Presented(upgrade); got != serial {
				t.Errorf("%s: upgrade %t: presented %q, want %q", name, upgrade, got, serial)
			}
		}
		return c
	}
	first := login("kevin", b.serial())
	sockets := fake.Count("upgrade")

	dir := filepath.Dir(b.cert)
	b.ca.Issue(dir, "ircd", time.Hour)
	p.signal(syscall.SIGHUP)
	p.waitLog("reloaded the configuration", 0)
	first.Send("PRIVMSG #messages :still here")
	first.Sync()
	if items := fake.Items("messages"); len(items) != 2 {
		t.Errorf("stored: %v", items)
	}
	if n := fake.Count("upgrade"); n != sockets {
		t.Errorf("the reload opened %d sockets", n-sockets)
	}
	login("ada", b.serial())

	kept := b.serial()
	for i, spoil := range []func(){
		func() { b.ca.Issue(dir, "ircd", -time.Minute) },
		func() { write(t, b.key, "none") },
		func() { write(t, b.ca.File, "none") },
	} {
		spoil()
		p.signal(syscall.SIGHUP)
		p.waitLog("reload refused, everything stays as it was", i)
	}
	first.Sync()
	login("bob", kept)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Setup and check say what is missing on the way to Directus, and work once it is there.
func TestSetupAndCheckBehindTLS(t *testing.T) {
	clearEnvironment(t)
	s := directustest.Start(t, directustest.Bare())
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	b := newBehindTLS(t, target)
	t.Setenv("NO_PROXY", "")
	t.Setenv("HTTPS_PROXY", b.proxy.URL)
	setup := []string{"setup", "--url=https://" + directustest.FrontHost, "--token=" + directustest.AdminToken}
	for _, flags := range [][]string{{"--ca=" + b.key}, {"--client-cert=" + b.cert}} {
		if got := runCommand(t, "", append(setup, flags...)...); got.code != exitUsage || !strings.Contains(got.stderr, strings.SplitN(flags[0], "=", 2)[0]) {
			t.Errorf("%s: %+v", flags, got)
		}
	}
	for _, test := range []struct{ trust, want string }{
		{"", "signed the certificate of Directus in directus.ca (setup: --ca)"},
		{", ca: " + b.ca.File, "set directus.client_certificate (setup: --client-cert, --client-key)"},
	} {
		if got := runCommand(t, "", "check", "--config", writeConfig(t, b.config(test.trust))); got.code != 1 || !strings.Contains(got.stdout, test.want) {
			t.Errorf("check with %q: %+v, want %q", test.trust, got, test.want)
		}
	}
	setup = append(setup, "--ca="+b.ca.File, "--client-cert="+b.cert, "--client-key="+b.key)
	if got := runCommand(t, "", setup...); got.code != 0 {
		t.Errorf("setup: %+v", got)
	}
	kevin := s.CreateUser("Kevin", "")
	file := writeConfig(t, b.config(b.trust()))
	got := runCommand(t, "", "check", "--config", file, "--token="+kevin.StaticToken)
	for _, want := range []string{", by the proxy " + b.proxy.URL, "a realtime session opens", "the certificate for Directus expires on", "setup --url https://directus.test --ca " + b.ca.File + " --client-cert " + b.cert + " --client-key " + b.key} {
		if got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("check: %+v, want %q", got, want)
		}
	}
	t.Setenv("HTTPS_PROXY", noDirectus(t))
	if got := runCommand(t, "", "check", "--config", file); got.code != 1 || !strings.Contains(got.stdout, "name the host in NO_PROXY") {
		t.Errorf("check with a proxy that does not run: %+v", got)
	}
}
