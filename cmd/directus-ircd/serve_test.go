package main

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"directus-ircd/ircd/ircdtest"
)

// noDirectus is an address at which nothing listens.
func noDirectus(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return "http://" + ln.Addr().String()
}

func TestServeWithoutDirectus(t *testing.T) {
	file := writeConfig(t, `
directus: {url: "`+noDirectus(t)+`"}
server: {name: irc.example.com}
listen: [{address: "127.0.0.1:0"}, {address: "127.0.0.1:0"}]
metrics: {address: "127.0.0.1:0"}
log: {format: json}
`)
	p := startProcess(t, file, 2, true)
	p.waitLog("directus does not answer: nobody can log in until it does", 0)

	c := ircdtest.Dial(t, p.IRC[0])
	c.Send("PASS kevin@example.com:pw-kevin", "NICK kevin", "USER kevin 0 * :Kevin")
	for _, line := range c.Closed() {
		if ircdtest.Match("* 464 *", line) {
			t.Errorf("an outage was told as a wrong password: %q", line)
		}
	}
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/healthz": {http.StatusOK, "ok"},
		"/readyz":  {http.StatusServiceUnavailable, "directus does not answer"},
		"/metrics": {http.StatusOK, "directus_ircd_directus_up 0"},
		"/":        {http.StatusNotFound, ""},
	} {
		if status, text := get(t, p.Metrics+path); status != want.status || !strings.Contains(text, want.text) {
			t.Errorf("%s: got %d %s", path, status, text)
		}
	}
	if _, text := get(t, p.Metrics+"/metrics"); !strings.Contains(text, "\ndirectus_ircd_accepted_connections_total 1\n") ||
		!strings.Contains(text, "\ndirectus_ircd_login_errors_total{reason=\"unavailable\"} 1\n") {
		t.Errorf("the connection and its login are not counted:\n%s", text)
	}

	waiting := ircdtest.Dial(t, p.IRC[1])
	waiting.Send("CAP LS 302")
	waiting.Expect("* CAP * LS *")
	p.signal(syscall.SIGTERM)
	if last := lastLine(waiting.Closed()); !ircdtest.Match("ERROR :*server shutting down*", last) {
		t.Errorf("the client was told %q", last)
	}
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
	if n := p.countLog("directus does not answer: nobody can log in until it does"); n != 1 {
		t.Errorf("the operator was told %d times", n)
	}
}

func get(t *testing.T, url string) (status int, text string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func lastLine(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}

// stubbornDirectus logs everybody in and never answers a logout; asked tells
// that one has come.
func stubbornDirectus(t *testing.T) (url string, asked <-chan struct{}) {
	t.Helper()
	logout := make(chan struct{}, 1)
	release := make(chan struct{})
	payload, err := json.Marshal(map[string]any{"id": "11111111-1111-4111-8111-111111111111", "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	token := "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".x"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /server/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") })
	mux.HandleFunc("POST /auth/login", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"data":{"expires":3600000,"refresh_token":"refresh","access_token":%q}}`, token)
	})
	mux.HandleFunc("GET /users/me", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":{"id":"11111111-1111-4111-8111-111111111111","first_name":"Kevin"}}`)
	})
	mux.HandleFunc("SEARCH /users", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":[{"id":"11111111-1111-4111-8111-111111111111","first_name":"Kevin"}]}`)
	})
	mux.HandleFunc("POST /auth/logout", func(http.ResponseWriter, *http.Request) {
		select {
		case logout <- struct{}{}:
		default:
		}
		<-release
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	return server.URL, logout
}

func TestSecondSignalKills(t *testing.T) {
	url, logout := stubbornDirectus(t)
	file := writeConfig(t, "directus: {url: \""+url+"\"}\nlisten: [{address: \"127.0.0.1:0\"}]\nchannels: [{name: \"#a\", auto_join: false}]\nlog: {format: json}\n")
	p := startProcess(t, file, 1, false)
	c := ircdtest.Dial(t, p.IRC[0])
	c.LoginPass("kevin", "kevin@example.com:pw-kevin")

	p.signal(syscall.SIGTERM)
	select {
	case <-logout:
	case <-time.After(10 * time.Second):
		t.Fatal("the session was not logged out")
	}
	p.signal(syscall.SIGTERM)
	state := p.wait(2 * time.Second)
	if status := state.Sys().(syscall.WaitStatus); !status.Signaled() {
		t.Errorf("it ended with %v, not by the signal", state)
	}
}

// A Directus that hangs must not hold up the stop.
func TestStopEndsInTime(t *testing.T) {
	url, _ := stubbornDirectus(t)
	file := writeConfig(t, "directus: {url: \""+url+"\"}\nlisten: [{address: \"127.0.0.1:0\"}]\nchannels: [{name: \"#a\", auto_join: false}]\nlog: {format: json}\n")
	p := startProcess(t, file, 1, false)
	c := ircdtest.Dial(t, p.IRC[0])
	c.LoginPass("kevin", "kevin@example.com:pw-kevin")
	deadline := time.Now().Add(5 * time.Second)
	p.signal(syscall.SIGINT)
	if last := lastLine(c.Closed()); !ircdtest.Match("ERROR :*server shutting down*", last) {
		t.Errorf("the client was told %q", last)
	}
	if state := p.wait(time.Until(deadline)); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
}

func TestWebSocketListener(t *testing.T) {
	cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour)
	file := writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlog: {format: json}\nlisten:\n"+
		"  - {address: \"127.0.0.1:0\", websocket: true, allowed_origins: [\"https://chat.example.com\"]}\n"+
		"  - {address: \"127.0.0.1:0\", websocket: true, tls: {cert: "+cert+", key: "+key+"}}\n")
	p := startProcess(t, file, 2, false)
	for _, test := range []struct {
		url, origin string
		refused     bool
	}{
		{"ws://" + p.IRC[0], "", false},
		{"ws://" + p.IRC[0], "https://chat.example.com", false},
		{"ws://" + p.IRC[0], "https://evil.example.com", true},
		{"wss://" + p.IRC[1], "", false},
		{"wss://" + p.IRC[1], "https://chat.example.com", true},
	} {
		dialer := websocket.Dialer{
			Subprotocols:     []string{"text.ircv3.net"},
			HandshakeTimeout: 10 * time.Second,
			TLSClientConfig:  &tls.Config{InsecureSkipVerify: true},
		}
		header := http.Header{}
		if test.origin != "" {
			header.Set("Origin", test.origin)
		}
		conn, response, err := dialer.Dial(test.url, header)
		switch {
		case test.refused && (err == nil || response == nil || response.StatusCode != http.StatusForbidden):
			t.Errorf("%s from %s was not refused: %v", test.url, test.origin, err)
		case test.refused:
		case err != nil:
			t.Errorf("%s from %s: %v", test.url, test.origin, err)
		default:
			if err := conn.WriteMessage(websocket.TextMessage, []byte("CAP LS 302")); err != nil {
				t.Error(err)
			}
			if _, line, err := conn.ReadMessage(); err != nil || !ircdtest.Match("* CAP * LS *", string(line)) {
				t.Errorf("got %q, %v", line, err)
			}
			conn.Close()
		}
	}
	p.signal(syscall.SIGTERM)
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
}

func TestServePortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	for _, listen := range []string{
		"listen: [{address: \"127.0.0.1:0\"}, {address: \"" + taken + "\"}]\n",
		"listen: [{address: \"127.0.0.1:0\"}]\nmetrics: {address: \"" + taken + "\"}\n",
	} {
		got := runCommand(t, "", "serve", "--config", writeConfig(t, minimalConfig+listen))
		if got.code != 1 || !strings.Contains(got.stderr, taken+": bind: address already in use: another program listens there, stop it or choose another port") {
			t.Errorf("exit status %d: %s", got.code, got.stderr)
		}
	}
}

func TestServeBrokenConfig(t *testing.T) {
	file := writeConfig(t, minimalConfig+"chanels: []\n")
	got := runCommand(t, "", "serve", "--config", file)
	if want := "directus-ircd: " + file + ":3: chanels: unknown key"; got.code != 78 || !strings.HasPrefix(got.stderr, want) {
		t.Errorf("exit status %d: %s", got.code, got.stderr)
	}
}
