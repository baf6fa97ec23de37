package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pires/go-proxyproto"

	"directus-ircd/ircd/ircdtest"
)

func dialUnix(t *testing.T, path string) *ircdtest.Client {
	t.Helper()
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return ircdtest.New(t, nc)
}

func TestServeUnixSocket(t *testing.T) {
	path := filepath.Join(ircdtest.SocketDir(t), "irc.sock")
	file := writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlisten: [{address: \"unix:"+path+"\", mode: 0600}]\nlog: {format: json}\n")
	p := startProcess(t, file, 1, false)
	if p.IRC[0] != path {
		t.Errorf("it listens on %s", p.IRC[0])
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	c := dialUnix(t, path)
	c.Send("CAP LS 302")
	c.Expect("* CAP * LS *")

	second := runCommand(t, "", "serve", "--config", file)
	if second.code != 1 || !strings.Contains(second.stderr, "listen on unix:"+path+": another program listens there, stop it or choose another path") {
		t.Errorf("a second daemon: exit status %d: %s", second.code, second.stderr)
	}
	c.Sync()

	// A daemon that was killed leaves its socket behind.
	p.signal(syscall.SIGKILL)
	p.wait(5 * time.Second)
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	p = startProcess(t, file, 1, false)
	dialUnix(t, path).Send("CAP LS 302")
	p.signal(syscall.SIGTERM)
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

// passedListeners are sockets as systemd passes them.
func passedListeners(t *testing.T, n int) (files []*os.File, addresses []string) {
	t.Helper()
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f, err := ln.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
		t.Cleanup(func() { f.Close() })
		files, addresses = append(files, f), append(addresses, ln.Addr().String())
	}
	return files, addresses
}

func TestServeSystemdSockets(t *testing.T) {
	files, addresses := passedListeners(t, 4)
	env := []string{"LISTEN_PID=self", "LISTEN_FDS=4", "LISTEN_FDNAMES=irc:web:irc:other"}
	text := "directus: {url: \"" + noDirectus(t) + "\"}\nlog: {format: json}\nlisten:\n  - address: systemd:irc\n  - {address: systemd:web, websocket: true}\n"
	p := startProcessWith(t, files, writeConfig(t, text), 3, false, env...)
	if got, want := fmt.Sprint(p.IRC), fmt.Sprint([]string{addresses[0], addresses[2], addresses[1]}); got != want {
		t.Errorf("it listens on %s, want %s", got, want)
	}
	if name := p.waitLog("systemd passed a socket that no listener of the configuration asks for: add one with address: systemd", 0)["name"]; name != "other" {
		t.Errorf("left over: %v", name)
	}
	for _, address := range []string{addresses[0], addresses[2]} {
		c := ircdtest.Dial(t, address)
		c.Send("CAP LS 302")
		c.Expect("* CAP * LS *")
	}
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+addresses[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.Close()
	p.signal(syscall.SIGTERM)
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
	// They belong to systemd: the next start gets them again. Without a name,
	// an entry takes all.
	startProcessWith(t, files, writeConfig(t, strings.Replace(text, "systemd:irc", "systemd", 1)), 4, false, env...)
	c := ircdtest.Dial(t, addresses[3])
	c.Send("CAP LS 302")
	c.Expect("* CAP * LS *")
}

func TestServeWithoutSystemdSockets(t *testing.T) {
	for address, want := range map[string]string{
		"systemd":     "listen on systemd: systemd passed no stream socket: start the socket unit",
		"systemd:irc": "listen on systemd:irc: systemd passed no stream socket of that name: compare it with FileDescriptorName",
	} {
		got := runCommand(t, "", "serve", "--config", writeConfig(t, "directus: {url: \"https://chat.example.com\"}\nlisten: [{address: \""+address+"\"}]\n"))
		if got.code != 1 || !strings.Contains(got.stderr, want) {
			t.Errorf("exit status %d: %s", got.code, got.stderr)
		}
	}
}

// proxied connects as a proxy that speaks for a client.
func proxied(t *testing.T, address, header string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if _, err := io.WriteString(nc, header); err != nil {
		t.Fatal(err)
	}
	return nc
}

func v1(client string) string { return "PROXY TCP4 " + client + " 192.0.2.1 1234 6667\r\n" }

func v2(t *testing.T, client string) string {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.ParseIP(client), Port: 1234}, &net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 6667})
	text, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expectClosed reads what a connection is told before it is closed.
func expectClosed(t *testing.T, nc net.Conn) string {
	t.Helper()
	if err := nc.SetReadDeadline(time.Now().Add(ircdtest.Timeout)); err != nil {
		t.Fatal(err)
	}
	told, err := io.ReadAll(nc)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection stays open")
	}
	return string(told)
}

// Every client counts under its own address, in either version of the header.
func TestServeProxyProtocolCounts(t *testing.T) {
	file := writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlimits: {connections_per_address: 1}\nlog: {format: json}\n"+
		"listen: [{address: \"127.0.0.1:0\", proxy_protocol: [127.0.0.0/8]}]\n")
	p := startProcess(t, file, 1, false)
	for i, header := range []string{v1("198.51.100.1"), v2(t, "198.51.100.2"), "PROXY UNKNOWN\r\n"} {
		c := ircdtest.New(t, proxied(t, p.IRC[0], header))
		c.Send("CAP LS 302")
		c.Expect("* CAP * LS *")
		if again := expectClosed(t, proxied(t, p.IRC[0], header)); again != "ERROR :too many connections from your address\r\n" {
			t.Errorf("header %d: a second connection was told %q", i, again)
		}
	}
}

func TestServeProxyProtocol(t *testing.T) {
	cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour)
	file := writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlog: {format: json, level: trace}\nlisten:\n"+
		"  - {address: \"127.0.0.1:0\", proxy_protocol: [127.0.0.0/8]}\n"+
		"  - {address: \"127.0.0.1:0\", proxy_protocol: [127.0.0.1], tls: {cert: "+cert+", key: "+key+"}, websocket: shared}\n"+
		"  - {address: \"127.0.0.1:0\", proxy_protocol: [192.0.2.1]}\n")
	p := startProcess(t, file, 3, false)
	plain, secure, distrusting := p.IRC[0], p.IRC[1], p.IRC[2]

	for _, header := range []string{v1("198.51.100.1"), v2(t, "198.51.100.2"), "PROXY UNKNOWN\r\n"} {
		c := ircdtest.New(t, proxied(t, plain, header))
		c.Send("CAP LS 302")
		c.Expect("* CAP * LS *")
	}
	// The header comes before TLS.
	onTLS := tls.Client(proxied(t, secure, v2(t, "198.51.100.3")), &tls.Config{InsecureSkipVerify: true})
	c := ircdtest.New(t, onTLS)
	c.Send("CAP LS 302")
	c.Expect("* CAP * LS *")
	dialer := websocket.Dialer{
		NetDial:         func(_, address string) (net.Conn, error) { return proxied(t, address, v1("198.51.100.4")), nil },
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	ws, _, err := dialer.Dial("wss://"+secure, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()

	// Without a header a proxy is not served, nor with a broken one.
	for _, first := range []string{"CAP LS 302\r\n", "PROXY TCP4 nobody\r\n", "PROXY TCP4 " + strings.Repeat("1", 200)} {
		if told := expectClosed(t, proxied(t, plain, first)); told != "" {
			t.Errorf("%q was answered with %q", first, told)
		}
	}
	p.waitLog("a connection from an address in proxy_protocol is closed, as it begins without a PROXY header: have the proxy send it, or take the address out of the list", 0)

	// From elsewhere it is the other way round.
	for _, header := range []string{v1("198.51.100.5"), v2(t, "198.51.100.5")} {
		if told := expectClosed(t, proxied(t, distrusting, header+"CAP LS 302\r\n")); !strings.HasPrefix(told, "ERROR :Closing link: ") || strings.Contains(told, "CAP") {
			t.Errorf("a stranger with a header was told %q", told)
		}
	}
	p.waitLog("a connection that begins with a PROXY header is closed, as its address is not in proxy_protocol: if it is that of a proxy of yours, add it to the list", 0)
	c = ircdtest.New(t, proxied(t, distrusting, "CAP LS 302\r\n"))
	c.Expect("* CAP * LS *")

	p.signal(syscall.SIGTERM)
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if log := fmt.Sprint(p.log, p.stderr.String()); strings.Contains(log, "198.51.100") {
		t.Errorf("the address of a client is in the log:\n%s", log)
	}
}

// A proxy that connects and says nothing does not hold up the stop, nor others.
func TestProxyThatIsSilent(t *testing.T) {
	file := writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlog: {format: json}\nlisten: [{address: \"127.0.0.1:0\", proxy_protocol: [127.0.0.1]}]\n")
	p := startProcess(t, file, 1, false)
	proxied(t, p.IRC[0], "")
	c := ircdtest.New(t, proxied(t, p.IRC[0], v1("198.51.100.1")))
	c.Send("CAP LS 302")
	c.Expect("* CAP * LS *")
	p.signal(syscall.SIGTERM)
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
}
