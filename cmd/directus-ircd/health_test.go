package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The health check of a container says what /readyz says, whatever the rest of the file is like by now.
func TestHealth(t *testing.T) {
	mux := http.NewServeMux()
	status, reason := http.StatusOK, "ok"
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, reason, status) })
	server := httptest.NewServer(mux)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	_, port, _ := strings.Cut(address, ":")
	t.Setenv("HTTP_PROXY", "http://"+freeAddress(t)) // is not asked
	for name, test := range map[string]struct {
		config         string
		status         int
		reason         string
		code           int
		stdout, stderr string
	}{
		"ready":           {minimalConfig + "metrics: {address: \"" + address + "\"}\n", 200, "ok", 0, "ready\n", ""},
		"every address":   {minimalConfig + "metrics: {address: \":" + port + "\"}\n", 200, "ok", 0, "ready\n", ""},
		"IPv4 wildcard":   {minimalConfig + "metrics: {address: \"0.0.0.0:" + port + "\"}\n", 200, "ok", 0, "ready\n", ""},
		"mistake since":   {"chanels: []\nmetrics: {address: \"" + address + "\"}\n", 200, "ok", 0, "ready\n", ""},
		"not ready":       {minimalConfig + "metrics: {address: \"" + address + "\"}\n", 503, "directus does not answer", 1, "", "not ready: directus does not answer\n"},
		"another program": {minimalConfig + "metrics: {address: \"" + address + "\"}\n", 418, "", 1, "", "is not directus-ircd: it answers 418"},
		"nobody":          {minimalConfig + "metrics: {address: \"" + freeAddress(t) + "\"}\n", 200, "", 1, "", "the daemon does not answer at 127.0.0.1:"},
		"no metrics":      {minimalConfig + "admin: {socket: /nowhere/admin.sock}\n", 200, "", 1, "", "not ready: no daemon answers at /nowhere/admin.sock"},
		"no port":         {minimalConfig + "metrics: {address: \"127.0.0.1:0\"}\n", 200, "", 1, "", "does not say where to ask"},
		"no YAML":         {"metrics: [", 200, "", 78, "", "this is not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			status, reason = test.status, test.reason
			got := runCommand(t, "", "health", "--config", writeConfig(t, test.config))
			if got.code != test.code || got.stdout != test.stdout || !strings.Contains(got.stderr, test.stderr) || (test.stderr == "") != (got.stderr == "") {
				t.Errorf("exit status %d, stdout %q, stderr %q", got.code, got.stdout, got.stderr)
			}
		})
	}
}

// A daemon that says nothing is not waited for for long.
func TestHealthOfAFrozenDaemon(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("no answer"))
	defer cancel()
	if err := askReady(ctx, ln.Addr().String()); err == nil || !strings.HasSuffix(err.Error(), ": no answer") {
		t.Errorf("got %v", err)
	}
}
