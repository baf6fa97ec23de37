package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// setup --wait goes on as soon as Directus answers, and gives up when the time is over.
func TestWaitForDirectus(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		f := directustest.NewFake(t, directustest.FakeOptions{})
		client := directus.New(f.URL(), directus.Options{NetDial: f.Dial})
		defer client.Close()
		f.Down()
		begun := time.Now()
		var told strings.Builder
		err := waitFlag(20*time.Second).until(t.Context(), &told, client.Ping)
		if took := time.Since(begun); !errors.Is(err, directus.ErrUnavailable) || took < 20*time.Second || took > 31*time.Second {
			t.Errorf("down: after %s: %v", took, err)
		}
		if strings.Count(told.String(), "\n") != 1 || !strings.Contains(told.String(), "waiting for Directus, up to 20s: ") {
			t.Errorf("told:\n%s", told.String())
		}
		begun = time.Now()
		time.AfterFunc(time.Minute, f.Up)
		if err := waitFlag(usualWait).until(t.Context(), &told, client.Ping); err != nil || time.Since(begun) > time.Minute+waitPause*3/2 {
			t.Errorf("up after a minute, noticed after %s: %v", time.Since(begun), err)
		}
		f.Down()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errShuttingDown) })
		if err := waitFlag(usualWait).until(ctx, &told, client.Ping); !errors.Is(err, errShuttingDown) {
			t.Errorf("stopped: %v", err)
		}
	})
}

// Credentials come from files too, and a wait ends when they are refused.
func TestCredentialsFromFiles(t *testing.T) {
	clearEnvironment(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/server/ping" {
			_, _ = w.Write([]byte("pong"))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"errors":[{"message":"no","extensions":{"code":"INVALID_CREDENTIALS"}}]}`))
	}))
	defer s.Close()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret, empty := file("secret", "a-secret\n"), file("empty", "\n")
	url := "--url=" + s.URL
	for _, test := range []struct {
		flags, want string
		code        int
	}{
		{"--wait --token-file=" + secret, "check the credentials", 1},
		{"--wait=1m --email=a@example.com --password-file=" + secret, "check the credentials", 1},
		{"--token-file=" + empty, "the first line of " + empty + " is empty", 2},
		{"--token-file=" + dir + "/none", "--token-file: open " + dir + "/none: no such file", 2},
		{"--token=x --token-file=" + secret, "both a token and a file with one", 2},
		{"--email=a@example.com --token-file=" + secret, "both a token and an e-mail address", 2},
		{"--wait=soon --token=x", `"soon" is not a duration: write 90s or 5m`, 2},
	} {
		got := runCommand(t, "", append([]string{"setup", url}, strings.Fields(test.flags)...)...)
		if got.code != test.code || !strings.Contains(got.stderr, test.want) || strings.Contains(got.stderr, "waiting") || strings.Contains(got.stderr, "a-secret") {
			t.Errorf("%s: %+v", test.flags, got)
		}
	}
	t.Setenv("DIRECTUS_TOKEN_FILE", empty)
	if got := runCommand(t, "", "setup", url); !strings.Contains(got.stderr, empty) {
		t.Errorf("DIRECTUS_TOKEN_FILE: %+v", got)
	}
	clearEnvironment(t)
	gone := runCommand(t, "", "setup", "--url="+noDirectus(t), "--wait=50ms", "--token=x")
	if gone.code != 1 || !strings.Contains(gone.stderr, "waiting for Directus") || !strings.Contains(gone.stderr, "connection refused") {
		t.Errorf("nobody there: %+v", gone)
	}
}
