package listen

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/acme/autocert"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd/ircdtest"
)

func TestOpenUnix(t *testing.T) {
	dir := ircdtest.SocketDir(t)
	path := filepath.Join(dir, "irc.sock")
	if err := os.WriteFile(path, []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		path:                            "there is a file that is no socket: choose another path, or remove it",
		filepath.Join(dir, "none", "s"): "its folder has to exist, and the daemon to be allowed to write there",
	} {
		if _, err := openUnix(t.Context(), at, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", at, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	old, err := openUnix(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != defaultSocketMode {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	// Somebody removed it and put another one in its place.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	next, err := openUnix(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first listener has removed the socket of the second: %v", err)
	}
	nc.Close()
}

func TestSTSValue(t *testing.T) {
	cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour) // for localhost
	pair, err := config.TLS{Cert: cert, Key: key}.Pair()
	if err != nil {
		t.Fatal(err)
	}
	secure := &certificateFile{}
	secure.pair.Store(pair)
	month := config.Duration(30 * 24 * time.Hour)
	for _, test := range []struct {
		certs certificates
		sts   *config.STS
		host  string
		want  string
	}{
		{nil, nil, "", ""},
		{nil, &config.STS{Port: 6697}, "", "port=6697"},
		{secure, nil, "localhost", ""},
		{secure, &config.STS{}, "localhost", "duration=0"},
		{secure, &config.STS{Duration: month}, "localhost", "duration=2592000"},
		{secure, &config.STS{Duration: month}, "LOCALHOST", "duration=2592000"},
		// It says nothing about hosts that it cannot prove to be.
		{secure, &config.STS{Duration: month}, "irc.example.com", ""},
		{secure, &config.STS{Duration: month}, "", ""},
	} {
		l := &listener{certificates: test.certs}
		l.sts.Store(test.sts)
		if got := l.options().STS(test.host); got != test.want {
			t.Errorf("%+v for %q: got %q, want %q", test.sts, test.host, got, test.want)
		}
		if l.options().Secure != (test.certs != nil) {
			t.Errorf("%+v: secure is %v", test.sts, l.options().Secure)
		}
	}
}

func TestListenersAreClosedTogether(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	path := filepath.Join(ircdtest.SocketDir(t), "s")
	cfg := config.Default()
	cfg.Listen = []config.Listener{{Address: "unix:" + path, WebSocket: config.WebSocketShared}, {Address: taken.Addr().String()}}
	if err := New(Options{Log: zerolog.Nop()}).Open(t.Context(), cfg); err == nil {
		t.Fatal("a port was opened twice")
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestPipeInPlaceOfCachedCertificate(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "irc.example.com"), 0o600); err != nil {
		t.Fatal(err)
	}
	cache := certificateCache{autocert.DirCache(dir)}
	if _, err := cache.Get(t.Context(), "irc.example.com"); err == nil || !strings.Contains(err.Error(), "is a pipe") {
		t.Error(err)
	}
	if _, err := cache.Get(t.Context(), "other.example.com"); !errors.Is(err, autocert.ErrCacheMiss) {
		t.Error(err)
	}
	if err := cache.Put(t.Context(), "other.example.com", []byte("x")); err != nil {
		t.Error(err)
	}
	if text, err := cache.Get(t.Context(), "other.example.com"); err != nil || string(text) != "x" {
		t.Error(string(text), err)
	}
}
