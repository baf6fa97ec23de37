package stack

import (
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/directustest/backing"
	"directus-ircd/directus/localserver"
	"directus-ircd/directus/localserver/needs"
	"directus-ircd/directus/localserver/process"
)

// patience is how long a service may take to begin, or to end.
const patience = 30 * time.Second

// services are those of a project, as processes of this machine. Where they find each other is theirs: what stands in the
// project for that is replaced.
type services struct {
	t       testing.TB
	project *types.Project
	// dir holds the secrets and what the services write.
	dir      string
	directus *directustest.Server
	// program is the daemon's, and config its configuration.
	program, config string
	// irc, websocket, metrics and web are where the daemon and Caddy listen.
	irc, websocket, metrics, web string
}

func start(t testing.TB, project *types.Project) *services {
	t.Helper()
	s := &services{t: t, project: project, dir: t.TempDir()}
	s.irc, s.websocket, s.metrics, s.web = free(t), free(t), free(t), free(t)
	for name := range project.Secrets {
		s.write(name, name)
	}
	s.write("admin-token", directustest.AdminToken) // as the administrator is there before
	s.startDirectus()
	s.build()
	s.setup()
	s.startDaemon()
	s.startCaddy()
	return s
}

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *services) path(name string) string { return filepath.Join(s.dir, name) }

func (s *services) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// environ is the environment of a service.
func (s *services) environ(service string) map[string]string {
	env := map[string]string{}
	for name, value := range s.project.Services[service].Environment {
		env[name] = strings.ReplaceAll(*value, "/run/secrets", s.dir)
	}
	return env
}

// startDirectus starts PostgreSQL, with a database in which Directus has been before, Redis, and Directus.
func (s *services) startDirectus() {
	s.t.Helper()
	redis, err := backing.Redis(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(redis.Remove)
	options := []directustest.Option{directustest.Bare()}
	for name, value := range s.environ("directus") {
		if name == "REDIS" {
			value = fmt.Sprintf("redis://127.0.0.1:%d", redis.Port())
		}
		if !strings.HasPrefix(name, "DB_") {
			options = append(options, directustest.Env(name, value))
		}
	}
	s.directus = directustest.Start(s.t, options...)
}

func (s *services) build() {
	s.t.Helper()
	s.program = s.path("directus-ircd")
	if out, err := exec.Command("go", "build", "-o", s.program, "directus-ircd/cmd/directus-ircd").CombinedOutput(); err != nil {
		s.t.Fatalf("go build: %v\n%s", err, out)
	}
}

// run runs a command of the daemon's image to its end.
func (s *services) run(service string, args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), s.program, args...)
	cmd.Env = os.Environ()
	for name, value := range s.environ(service) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// setup does twice what is done at each start of the project.
func (s *services) setup() {
	s.t.Helper()
	var args []string
	for _, arg := range s.project.Services["setup"].Command {
		args = append(args, strings.ReplaceAll(arg, "http://directus:8055", s.directus.URL))
	}
	for range 2 {
		if out, err := s.run("setup", args...); err != nil {
			s.t.Fatalf("setup: %v\n%s", err, out)
		}
	}
}

// spawn starts a service that ends with the test.
func (s *services) spawn(name string, cmd *exec.Cmd) {
	s.t.Helper()
	log, err := os.Create(s.path(name + ".log"))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	p, err := process.Start(cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if !p.Stop(patience) {
			s.t.Errorf("%s does not end", name)
		}
		log.Close()
		if s.t.Failed() {
			s.t.Logf("%s printed:\n%s", name, read(s.t, log.Name()))
		}
	})
}

// await waits until a service does what it is for.
func (s *services) await(name string, ready func() error) {
	s.t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); ; <-poll.C {
		err := ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %v", name, err)
		}
	}
}

// startDaemon returns when the daemon's health check is content.
func (s *services) startDaemon() {
	s.t.Helper()
	s.config = "config.yaml"
	s.write(s.config, replace(s.t, s.project.Configs["ircd"].Content,
		"http://directus:8055", s.directus.URL, `":6667"`, s.irc, `":8097"`, s.websocket, "127.0.0.1:9107", s.metrics,
		// See startCaddy.
		"    proxy_protocol: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]\n", "",
	)+fmt.Sprintf("resume: {directory: %q}\n", s.dir))
	s.config = s.path(s.config)
	s.spawn("ircd", exec.Command(s.program, "serve", "--config", s.config))
	health := s.project.Services["ircd"].HealthCheck.Test
	s.await("ircd", func() error {
		out, err := s.run("ircd", append(health[2:], "--config", s.config)...)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	})
}

// startCaddy returns when Directus is reached through Caddy, with a certificate of its own authority. The Caddy of Debian 12
// is older than the PROXY headers that it sends elsewhere.
func (s *services) startCaddy() {
	s.t.Helper()
	_, secure, err := net.SplitHostPort(s.web)
	if err != nil {
		s.t.Fatal(err)
	}
	_, plain, err := net.SplitHostPort(free(s.t))
	if err != nil {
		s.t.Fatal(err)
	}
	options := fmt.Sprintf("{\n\tadmin off\n\thttp_port %s\n\thttps_port %s\n\tlocal_certs\n\tskip_install_trust\n}\n", plain, secure)
	s.write("Caddyfile", options+replace(s.t, read(s.t, caddyFile),
		"directus:8055", strings.TrimPrefix(s.directus.URL, "http://"), "ircd:8097", s.websocket, "/srv/chat", s.path("chat"),
		"\t\t\ttransport http {\n\t\t\t\tproxy_protocol v2\n\t\t\t}\n", ""))
	program, err := exec.LookPath("caddy")
	if err != nil {
		s.t.Fatalf("Caddy is not installed.\n%v", needs.ForTests())
	}
	cmd := exec.Command(program, "run", "--adapter", "caddyfile", "--config", s.path("Caddyfile"))
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "CHAT_HOST="+s.environ("caddy")["CHAT_HOST"])
	s.spawn("caddy", cmd)
	s.web = "https://" + net.JoinHostPort(host, secure)
	s.await("caddy", func() error {
		pool := x509.NewCertPool()
		authority, err := os.ReadFile(s.path("caddy/pki/authorities/local/root.crt"))
		if err != nil {
			return err
		}
		pool.AppendCertsFromPEM(authority)
		client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
		answer, err := client.Get(s.web + "/server/ping")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "pong" {
			return fmt.Errorf("Directus answers %q, %w", body, err)
		}
		return nil
	})
}

// replace replaces texts that all stand once in a text.
func replace(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if n := strings.Count(text, pairs[i]); n != 1 {
			t.Fatalf("%q stands %d times in\n%s", pairs[i], n, text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// fetchClient puts the web client of the tests where that of the project would be.
func (s *services) fetchClient() {
	s.t.Helper()
	archive, sum := pack(s.t, map[string][]byte{
		"index.html": []byte(read(s.t, "testdata/index.html")), "irc.js": library(s.t),
		"package.json": []byte("{}"), "package-lock.json": []byte(emptyLock),
	})
	target := s.path("chat")
	if err := os.Mkdir(target, 0o755); err != nil {
		s.t.Fatal(err)
	}
	// The second time it is there already.
	for _, archive := range []string{archive, "/nowhere"} {
		if out, err := fetch(s.t, archive, sum, target); err != nil {
			s.t.Fatalf("%v\n%s", err, out)
		}
	}
}

// The IRC of the web client of the tests: an npm package, and the SHA-512 of what is taken of it.
const (
	libraryName, libraryVersion = "irc-framework", "4.14.0"
	libraryIntegrity            = "4yaFR2fCBeUZsAxZ16HYfpb0XcBucPiBpbeUJ7qIviCUBnRkEjbJMn/23iCdGQNVoJU8TD/hbBIMhr19EujMAQ=="
)

// library is the part of irc-framework that is made for browsers. The package is kept in the cache.
func library(t testing.TB) []byte {
	t.Helper()
	cache, err := localserver.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, libraryName+"-"+libraryVersion)
	if _, err := os.Stat(folder); err != nil {
		partial, err := os.MkdirTemp(cache, libraryName)
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(partial)
		if err := localserver.Registry(t.Context()).Unpack(t.Context(), libraryName, libraryVersion, partial, func(int) {}); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(partial, folder); err != nil {
			t.Fatal(err)
		}
	}
	data := []byte(read(t, filepath.Join(folder, "dist", "browser", "static", "browser.js")))
	if sum := sha512.Sum512(data); base64.StdEncoding.EncodeToString(sum[:]) != libraryIntegrity {
		t.Fatalf("%s does not hold what it should: remove it", folder)
	}
	return data
}
