//go:build unix

package localserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/localserver"
)

// fakeConfig runs the fake node in the given mode.
func fakeConfig(t *testing.T, mode string) localserver.Config {
	t.Helper()
	fakePath(t, "node")
	return localserver.Config{
		Install: fakeInstallation(t, "12.4.0"), DataDir: filepath.Join(t.TempDir(), "data"),
		AdminToken: "t0ken", Env: map[string]string{"FAKE": mode, "GORACE": noExitSleep},
	}
}

func start(t *testing.T, config localserver.Config) *localserver.Server {
	t.Helper()
	s, err := localserver.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

func get(t *testing.T, url string) (body []byte, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// environ is what the fake Directus sees.
func environ(t *testing.T, s *localserver.Server) map[string]string {
	t.Helper()
	body, err := get(t, s.URL()+"/environ")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, pair := range list {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

func TestStartAndStop(t *testing.T) {
	t.Setenv("DB_CLIENT", "pg") // of another program
	t.Setenv("ACCESS_TOKEN_TTL", "1s")
	config := fakeConfig(t, "healthy later")
	config.Env["LOG_LEVEL"] = "debug"
	s := start(t, config)
	if s.Err() != nil {
		t.Errorf("a running server has the error %v", s.Err())
	}
	env := environ(t, s)
	for name, want := range map[string]string{
		"DB_CLIENT": "sqlite3", "ACCESS_TOKEN_TTL": "", "LOG_LEVEL": "debug", "WEBSOCKETS_ENABLED": "true", "TELEMETRY": "false",
		"HOST": "127.0.0.1", "PUBLIC_URL": s.URL(), "ADMIN_TOKEN": "t0ken", "DB_FILENAME": filepath.Join(config.DataDir, "directus.sqlite"),
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	s.Stop()
	select {
	case <-s.Done():
	default:
		t.Error("stopped and not done")
	}
	if _, err := get(t, s.URL()+"/server/ping"); err == nil {
		t.Error("a stopped server answers")
	}
	s.Stop()
	s.Kill()

	// The second start: same data, same secret, no bootstrap, and the same port if wanted.
	config.Port = s.Port()
	again := start(t, config)
	if again.URL() != s.URL() {
		t.Errorf("listens on %s, before on %s", again.URL(), s.URL())
	}
	if secret := environ(t, again)["SECRET"]; secret != env["SECRET"] || len(secret) < 32 {
		t.Errorf("the secret is %q, before %q", secret, env["SECRET"])
	}
	if database, _ := os.ReadFile(filepath.Join(config.DataDir, "directus.sqlite")); string(database) != "bootstrapped " {
		t.Errorf("the database holds %q", database)
	}
	if info, err := os.Stat(filepath.Join(config.DataDir, "secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file: %v %v", info, err)
	}
}

func TestStopStubborn(t *testing.T) {
	config := fakeConfig(t, "stubborn")
	config.StopTimeout = 50 * time.Millisecond
	s := start(t, config)
	s.Stop()
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
}

func TestPauseAndResume(t *testing.T) {
	s := start(t, fakeConfig(t, ""))
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 100 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := client.Get(s.URL() + "/server/ping"); err == nil {
		_ = resp.Body.Close()
		t.Error("a paused server answers")
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if body, err := get(t, s.URL()+"/server/ping"); err != nil || string(body) != "pong" {
		t.Errorf("after the pause: %q %v", body, err)
	}
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	s.Stop() // must not wait for a paused process
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("got %v", err)
	}
}

// A server that ends by itself says so, with what it printed.
func TestCrash(t *testing.T) {
	s := start(t, fakeConfig(t, ""))
	_, _ = get(t, s.URL()+"/crash")
	<-s.Done()
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(s.Pause(), s.Resume()); err != nil {
		t.Errorf("signals to a dead server: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	tests := []struct {
		mode string
		want []string
	}{
		{"ends at once", []string{"it ended at once", "exit status 3", "some plugin is broken"}},
		{"no answer", []string{"no answer after"}},
		{"bootstrap fails", []string{"bootstrap directus", "no such table"}},
		{"bootstrap makes nothing", []string{"it made no database", "disk full"}},
		{"port taken", []string{"port in use", "choose another port"}},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			config := fakeConfig(t, tt.mode)
			if tt.mode == "no answer" {
				if err := localserver.Bootstrap(t.Context(), config); err != nil {
					t.Fatal(err)
				}
				config.StartTimeout = 500 * time.Millisecond
			}
			s, err := localserver.Start(t.Context(), config)
			if err == nil {
				s.Kill()
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in:\n%v", want, err)
				}
			}
			// Once the fault is gone, the same folder works.
			config.Env["FAKE"], config.StartTimeout = "", 0
			start(t, config).Stop()
			if database, _ := os.ReadFile(filepath.Join(config.DataDir, "directus.sqlite")); string(database) != "bootstrapped " {
				t.Errorf("the database holds %q", database)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	config := fakeConfig(t, "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	config.Port = l.Addr().(*net.TCPAddr).Port
	_, err = localserver.Start(t.Context(), config)
	if !errors.Is(err, localserver.ErrPortInUse) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(config.DataDir, "directus.sqlite")); err == nil {
		t.Error("it made a database first")
	}
}

func TestStartInterrupted(t *testing.T) {
	config := fakeConfig(t, "no answer")
	cause := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	config.Progress = func(line string) {
		if strings.HasPrefix(line, "starting") {
			cancel(cause)
		}
	}
	if _, err := localserver.Start(ctx, config); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

// The data of another version: older ones are migrated, newer ones left alone.
func TestOtherVersion(t *testing.T) {
	config := fakeConfig(t, "")
	start(t, config).Stop()
	config.Install = fakeInstallation(t, "12.10.0")
	start(t, config).Stop()
	database := filepath.Join(config.DataDir, "directus.sqlite")
	if text, _ := os.ReadFile(database); string(text) != "bootstrapped bootstrapped " {
		t.Errorf("the database holds %q", text)
	}
	config.Install = fakeInstallation(t, "12.9.9")
	_, err := localserver.Start(t.Context(), config)
	if err == nil || !strings.Contains(err.Error(), "12.10.0") || !strings.Contains(err.Error(), "choose another folder") {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(database); string(text) != "bootstrapped bootstrapped " {
		t.Errorf("the database holds %q", text)
	}
}

// Directus does not outlive a parent that was killed.
func TestDiesWithParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // elsewhere a killed parent leaves it behind, see dieWithParent
	}
	config := fakeConfig(t, "")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), binary)
	parent.Env = append(os.Environ(), "LOCALSERVER_TEST_PARENT="+config.Install, "LOCALSERVER_TEST_DATA="+config.DataDir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSpace(url), "http://"))
	if err != nil {
		t.Fatalf("%q: %v", url, err)
	}
	defer conn.Close()
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	// The connection ends with the process at its other end.
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the server outlives its parent: %v", err)
	}
}

// The real thing, from the shared cache.
func TestRealDirectus(t *testing.T) {
	directustest.SkipShort(t)
	install, err := localserver.Install(t.Context(), localserver.Options{
		Dir: os.Getenv("DIRECTUS_TEST_CACHE"), Version: os.Getenv("DIRECTUS_VERSION"), Progress: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var said progress
	config := localserver.Config{
		Install: install, DataDir: t.TempDir(), AdminToken: "t0ken", AdminEmail: "root@example.com", AdminPassword: "secret-of-root",
		Progress: said.add,
	}
	s := start(t, config)
	login := func() int {
		t.Helper()
		resp, err := http.Post(s.URL()+"/auth/login", "application/json", strings.NewReader(`{"email":"root@example.com","password":"secret-of-root"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if status := login(); status != http.StatusOK {
		t.Errorf("login: %d", status)
	}
	s.Stop()
	if first, last := said.lines[0], said.lines[len(said.lines)-1]; first != "making the database" || !strings.HasPrefix(last, "starting Directus on 127.0.0.1:") {
		t.Errorf("progress %q", said.lines)
	}
	s = start(t, config)
	if status := login(); status != http.StatusOK {
		t.Errorf("login after a restart: %d", status)
	}
	if text := s.LogTail(); strings.Contains(text, "secret-of-root") || strings.Contains(text, "t0ken") {
		t.Errorf("the log holds secrets:\n%s", text)
	}
	s.Kill()
}
