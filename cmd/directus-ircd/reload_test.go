package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

func TestReload(t *testing.T) {
	dir := t.TempDir()
	cert, key := ircdtest.WriteCertificate(t, dir, 1, time.Hour)
	file := filepath.Join(dir, "config.yaml")
	write := func(rest string) {
		t.Helper()
		text := "directus: {url: \"" + noDirectus(t) + "\"}\nserver: {name: irc.example.com}\n" +
			"listen: [{address: \"127.0.0.1:0\", tls: {cert: " + cert + ", key: " + key + "}}]\n" + rest
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log: {format: json}\n")
	p := startProcess(t, file, 1, false)
	client, serial := dialTLS(t, p.IRC[0])
	if serial != 1 {
		t.Fatalf("serial number %d", serial)
	}

	ircdtest.WriteCertificate(t, dir, 2, time.Hour)
	write("log: {format: json, level: debug}\nnick: [title]\n")
	p.signal(syscall.SIGHUP)
	p.waitLog("reloaded the configuration", 0)
	// The address of Directus differs too: noDirectus never gives the same.
	if keys := fmt.Sprint(p.waitLog("these changes need a restart to take effect", 0)["keys"]); keys != "[directus.url]" {
		t.Errorf("keys that need a restart: %s", keys)
	}
	if _, serial := dialTLS(t, p.IRC[0]); serial != 2 {
		t.Errorf("serial number %d after the reload", serial)
	}
	client.Sync() // the connection from before stands
	p.waitLog("line in", 0)

	if err := os.WriteFile(file, []byte("listen: x\nnick: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.waitLog("reload refused, everything stays as it was", 2) // one for each fault
	if _, serial := dialTLS(t, p.IRC[0]); serial != 2 {
		t.Errorf("serial number %d after a refused reload", serial)
	}
	client.Sync()
}

// What clients are told about TLS follows the configuration on SIGHUP.
func TestReloadSTS(t *testing.T) {
	dir := t.TempDir()
	cert, key := ircdtest.WriteCertificate(t, dir, 1, time.Hour) // for localhost
	file := filepath.Join(dir, "config.yaml")
	write := func(plain, secure string) {
		t.Helper()
		text := "directus: {url: \"http://127.0.0.1:1\"}\nlog: {format: json}\nlisten:\n  - {address: \"127.0.0.1:0\", " + plain + "}\n" +
			"  - {address: \"localhost:0\", websocket: shared, tls: {cert: " + cert + ", key: " + key + "}, " + secure + "}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := func(nc net.Conn, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		c := ircdtest.New(t, nc)
		defer c.Close()
		c.Send("CAP LS 302")
		for word := range strings.FieldsSeq(c.Expect("* CAP * LS *")) {
			if value, ok := strings.CutPrefix(word, "sts="); ok {
				return value
			}
		}
		return ""
	}
	write("sts: {port: 6697}", "sts: {duration: 1h}")
	p := startProcess(t, file, 2, false)
	expect := func(plain, secure string) {
		t.Helper()
		if got := told(net.Dial("tcp", p.IRC[0])); got != plain {
			t.Errorf("on the plain listener: %q, want %q", got, plain)
		}
		if got := told(tls.Dial("tcp", p.IRC[1], &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})); got != secure {
			t.Errorf("on the secure listener: %q, want %q", got, secure)
		}
		if got := told(tls.Dial("tcp", p.IRC[1], &tls.Config{InsecureSkipVerify: true, ServerName: "other.example"})); got != "" {
			t.Errorf("for another host: %q", got)
		}
	}
	expect("port=6697", "duration=3600")
	write("sts: {port: 16697}", "sts: {duration: 30d}")
	p.signal(syscall.SIGHUP)
	p.waitLog("reloaded the configuration", 0)
	expect("port=16697", "duration=2592000")
	write("sts: ", "sts: {}")
	p.signal(syscall.SIGHUP)
	p.waitLog("reloaded the configuration", 1)
	expect("", "duration=0")
	if n := p.countLog("these changes need a restart to take effect"); n != 0 {
		t.Error("a restart was asked for")
	}
}

func dialTLS(t *testing.T, address string) (*ircdtest.Client, int64) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	serial := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	client := ircdtest.New(t, conn)
	client.Send("CAP LS 302")
	client.Expect("* CAP * LS *")
	return client, serial
}
