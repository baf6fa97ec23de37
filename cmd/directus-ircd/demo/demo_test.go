package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// TestDirectusEnds wants the whole demo to end with Directus, IRC clients to be told
// why, and the user where the log of Directus is.
func TestDirectusEnds(t *testing.T) {
	directustest.SkipShort(t)
	t.Parallel() // most of the time it waits
	ready := make(chan struct{})
	var told error // what clients are
	c := &Options{Listen: "127.0.0.1:0", Web: "127.0.0.1:0", Out: io.Discard, Log: zerolog.Nop(),
		Serve: func(ctx context.Context, _ *config.Config, _ func([]net.Addr, func(string) []string)) error {
			close(ready)
			<-ctx.Done()
			told = context.Cause(ctx)
			return nil
		}}
	folder, err := openFolder(filepath.Join(t.TempDir(), "demo"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.close()
	server, err := c.start(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	settles(t, server.URL(), folder.AdminPassword)
	ended := make(chan error, 1)
	go func() { ended <- c.serve(t.Context(), server, folder) }()
	<-ready
	server.Kill()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "directus ended: signal: killed") || !strings.Contains(err.Error(), folder.logFile()) {
		t.Errorf("got %v, want the end of Directus and where its log is", err)
	}
	if !errors.Is(told, errDirectusEnded) {
		t.Errorf("clients are told %v", told)
	}
}

// settles gives the rooms to a demo once more: messages without one come into #messages, and
// nothing is made twice.
func settles(t *testing.T, address, password string) {
	t.Helper()
	base, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	client := directus.New(base, directus.Options{})
	defer client.Close()
	if err := asUser(t.Context(), client, ada.Email, ada.Password, func(a *directus.Account) error {
		return a.CreateItem(t.Context(), "messages", map[string]any{"text": "before there were rooms"}, nil, nil)
	}); err != nil {
		t.Fatal(err)
	}
	if err := seed(t.Context(), address, password); err != nil {
		t.Fatal(err)
	}
	var items []struct{ Room struct{ Name string } }
	if err := asUser(t.Context(), client, kevin.Email, kevin.Password, func(a *directus.Account) error {
		return a.Items(t.Context(), "messages", directus.Query{Fields: []string{"room.name"}, Sort: []string{"id"}, Limit: 100}, &items)
	}); err != nil {
		t.Fatal(err)
	}
	var in []string
	for _, item := range items {
		in = append(in, item.Room.Name)
	}
	if want := []string{"messages", "messages", "messages", "ideas", "messages"}; !slices.Equal(in, want) {
		t.Errorf("the messages are in %q, want %q", in, want)
	}
}

func TestDemoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "demo")
	open := func(reset bool) *dataFolder {
		t.Helper()
		f, err := openFolder(path, reset)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := open(false)
	password := f.AdminPassword
	if len(password) < 16 || f.Seeded {
		t.Errorf("a new folder has the password %q, seeded %v", password, f.Seeded)
	}
	if err := os.MkdirAll(f.directus(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.keepSeeded(); err != nil {
		t.Fatal(err)
	}
	f.close()

	f = open(false)
	if f.AdminPassword != password || !f.Seeded {
		t.Error("a second start does not know what the first one did")
	}
	if info, err := os.Stat(filepath.Join(path, stateFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the administrator's password lies in a file of mode %v (%v), want 0600", info.Mode(), err)
	}
	f.close()

	f = open(true)
	if f.AdminPassword == password || f.Seeded {
		t.Error("a reset kept the state")
	}
	if _, err := os.Stat(f.directus()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a reset kept the data: %v", err)
	}
	f.close()
}

// Where no folder is named, the cache folder has to be another one: Directus goes there, too.
func TestDemoFolderInCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", file)
	t.Setenv("XDG_CACHE_HOME", file)
	if _, err := (&Options{}).dataDir(); err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") || strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
}

// TestDemoIntro wants every command whole on one line, for the addresses given.
func TestDemoIntro(t *testing.T) {
	var out bytes.Buffer
	writeIntro(&out, addresses{IRC: "127.0.0.1:7000", Web: "http://127.0.0.1:7001/", Directus: "http://127.0.0.1:7002"},
		&dataFolder{path: "/data", saved: saved{AdminPassword: "ADMINPASSWORD"}})
	for _, want := range []string{
		"irssi -c 127.0.0.1 -p 7000 -n Kevin -w kevin@example.com:demo-kevin\n",
		"/connect 127.0.0.1 7000 kevin@example.com:demo-kevin Kevin\n",
		"/server add demo 127.0.0.1/7000 -notls -password=kevin@example.com:demo-kevin -nicks=Kevin\n",
		"sic -h 127.0.0.1 -p 7000 -n Kevin -k kevin@example.com:demo-kevin\n",
		" 127.0.0.1/7000\n", "UNTICK \"Use SSL", " kevin@example.com:demo-kevin\n", "\"Skip\", \"Remind Later\"\n",
		"http://127.0.0.1:7001/\n", "http://127.0.0.1:7002/admin\n", "ADMINPASSWORD\n", "/data",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
