package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An address that is not that of Directus is told by what is wrong with it, by setup and by
// check, and never as a matter of credentials.
func TestWrongAddressOfDirectus(t *testing.T) {
	clearEnvironment(t)
	app := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/server/ping":
			io.WriteString(w, "pong")
		case "/gone/server/ping":
			http.NotFound(w, r)
		case "/moved/server/ping":
			http.Redirect(w, r, "https://chat.example.com/server/ping", http.StatusMovedPermanently)
		case "/hotel/server/ping":
			http.Redirect(w, r, "http://portal.example.net/login?from=1", http.StatusFound)
		case "/network/server/ping":
			w.WriteHeader(http.StatusNetworkAuthenticationRequired)
		case "/down/server/ping":
			http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
		default: // the app answers whatever is under /admin with its page
			io.WriteString(w, "<!DOCTYPE html><title>Directus</title>")
		}
	}
	plain := httptest.NewServer(http.HandlerFunc(app))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.HandlerFunc(app))
	t.Cleanup(secure.Close)
	for _, test := range []struct{ url, want string }{
		{plain.URL + "/admin", "leave out /admin"},
		{plain.URL + "/admin/content/messages", "leave out /admin"},
		{plain.URL + "/other", "something answers there that is not directus"},
		{plain.URL + "/gone", "something answers there that is not directus"},
		{plain.URL + "/other", "including the path if a proxy serves it under one"},
		{plain.URL + "/moved", "it answered https://chat.example.com/server/ping"},
		{plain.URL + "/moved", "write the address that it redirects to"},
		{plain.URL + "/hotel", "it answered http://portal.example.net/login)"},
		{plain.URL + "/hotel", "log in to this network first"},
		{plain.URL + "/network", "log in to this network first"},
		{plain.URL + "/down", "the proxy in front of Directus answers, but Directus does not"},
		{strings.Replace(plain.URL, "http:", "https:", 1), "write http:// instead of https://"},
		{strings.Replace(secure.URL, "https:", "http:", 1), "write https:// instead of http://"},
		{noDirectus(t), "and that Directus runs and can be reached from this machine"},
	} {
		setup := runCommand(t, "", "setup", "--url", test.url, "--token=x")
		if setup.code != 1 || !strings.Contains(setup.stderr, test.want) || !strings.Contains(setup.stderr, "--url") || strings.Contains(setup.stderr, "credentials") {
			t.Errorf("setup --url %s: %+v, want %q", test.url, setup, test.want)
		}
		file := writeConfig(t, "directus: {url: \""+test.url+"\"}\n")
		check := runCommand(t, "", "check", "--config", file, "--token=x")
		if check.code != 1 || !strings.Contains(check.stdout, test.want) || !strings.Contains(check.stdout, "MISSING  Directus does not answer") || strings.Contains(check.stdout, "credentials") {
			t.Errorf("check of %s: %+v, want %q", test.url, check, test.want)
		}
	}
}
