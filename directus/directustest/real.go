package directustest

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/localserver"
	"directus-ircd/directus/localserver/needs"
	"directus-ircd/directus/setup"
)

// Environment variables that say which Directus Start runs, and from where.
const (
	// EnvVersion is an exact version, such as 11.17.4. Default: localserver.DefaultVersion.
	EnvVersion = "DIRECTUS_VERSION"
	// EnvDatabase is what Directus keeps its data in: SQLite (the default), Postgres, MariaDB or Cluster.
	EnvDatabase = "DIRECTUS_DATABASE"
	// EnvCache is the folder of the installations. Default: localserver.CacheDir().
	EnvCache = "DIRECTUS_TEST_CACHE"
)

// The administrator of every Server.
const (
	AdminEmail    = "admin@example.com"
	AdminPassword = "admin-password"
	AdminToken    = "admin-token-of-the-tests"
)

// callTimeout bounds each REST call that a Server makes.
const callTimeout = 30 * time.Second

// Server is a real Directus for tests, with the collection, role and permissions that package setup makes. A method that
// fails ends the test by t.FailNow, so it must be called on the goroutine of the test. Otherwise a Server is safe for
// concurrent use.
type Server struct {
	// URL is where Directus listens, without a slash at the end. It stays the same over Kill and Restart.
	URL string
	// Version is the version of Directus.
	Version string
	// Collection holds the messages.
	Collection string

	t        testing.TB
	database string
	*machine
}

// machine is the part of a Server that all views of a shared one have in common.
type machine struct {
	client *directus.Client
	admin  *directus.Account

	mu       sync.Mutex
	deployed *deployment                  // guarded by mu; nil at the end
	accounts map[string]*directus.Account // guarded by mu; by static token
}

// settings are what the Options of Start change.
type settings struct {
	version string
	env     map[string]string
	setup   setup.Options
	bare    bool
}

// Option changes the Directus that Start starts.
type Option func(*settings)

// Env sets a variable of Directus' environment, such as ACCESS_TOKEN_TTL=3s.
func Env(name, value string) Option { return func(s *settings) { s.env[name] = value } }

// Cached turns on the cache of Directus without purging: for 5 minutes it repeats its answer to a GET, whatever has
// changed.
func Cached() Option {
	return func(s *settings) {
		maps.Copy(s.env, map[string]string{
			"CACHE_ENABLED": "true", "CACHE_STORE": "memory", "CACHE_TTL": "5m", "CACHE_AUTO_PURGE": "false",
		})
	}
}

// cheapHashes make a password cost Directus 2 ms of processor time and not 270, which is what argon2 takes by default. Tests
// make hundreds of users and log in thousands of times.
var cheapHashes = map[string]string{"HASH_MEMORY_COST": "1024", "HASH_TIME_COST": "2", "HASH_PARALLELISM": "1"}

// DefaultHashes lets a password cost what it does without a word in the environment. Benchmarks ask for it.
func DefaultHashes() Option {
	return func(s *settings) {
		maps.DeleteFunc(s.env, func(name, _ string) bool { return cheapHashes[name] != "" })
	}
}

// Version asks for an exact version of Directus and overrides EnvVersion.
func Version(version string) Option { return func(s *settings) { s.version = version } }

// Setup sets the options with which package setup is run.
func Setup(opts setup.Options) Option { return func(s *settings) { s.setup = opts } }

// Bare leaves Directus as it is after its first start: no collection, no role.
func Bare() Option { return func(s *settings) { s.bare = true } }

// SkipShort skips a test that needs a real Directus under "go test -short". Start and Shared call it. Tests call it
// themselves if they begin with something else that takes long.
func SkipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a real Directus")
	}
}

// Start starts a Directus for one test and stops it when the test ends. If that fails, so does the test; under -short the
// test is skipped. The first start of a version installs it, which takes some minutes; later ones take about 3 s. If the
// test fails, the log shows what Directus printed.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	SkipShort(t)
	s := &Server{t: t}
	m, err := launch(t.Context(), t.TempDir(), s, opts)
	if err != nil {
		t.Fatalf("start a real Directus: %v", err)
	}
	s.machine = m
	t.Cleanup(func() {
		s.logOnFailure()
		s.shutdown()
	})
	return s
}

// launch starts a Directus in dir and fills in the exported fields of s.
func launch(ctx context.Context, dir string, s *Server, opts []Option) (*machine, error) {
	set := settings{version: os.Getenv(EnvVersion), env: map[string]string{
		"CACHE_ENABLED": "false", "RATE_LIMITER_ENABLED": "false",
	}}
	maps.Copy(set.env, cheapHashes)
	for _, opt := range opts {
		opt(&set)
	}
	if set.version == "" {
		set.version = localserver.DefaultVersion
	}
	config, err := prepare(ctx, set.version)
	if err != nil {
		return nil, err
	}
	config.Env = set.env
	if s.database, err = chosenDatabase(); err != nil {
		return nil, err
	}
	deployed, err := deploy(ctx, s.database, dir, config)
	if err != nil {
		return nil, err
	}
	m := &machine{deployed: deployed, accounts: map[string]*directus.Account{}}
	if err := m.furnish(ctx, set); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, m.shutdown())
	}
	s.URL, s.Version, s.Collection = deployed.url(), set.version, "messages"
	if set.setup.Collection != "" {
		s.Collection = set.setup.Collection
	}
	return m, nil
}

// prepare installs the version if need be.
func prepare(ctx context.Context, version string) (localserver.Config, error) {
	cache := os.Getenv(EnvCache)
	if cache == "" {
		var err error
		if cache, err = localserver.CacheDir(); err != nil {
			return localserver.Config{}, err
		}
	}
	install, err := localserver.Install(ctx, localserver.Options{Dir: cache, Version: version,
		Progress: func(line string) { fmt.Fprintln(os.Stderr, "directustest:", line) }, Missing: giveUp})
	return localserver.Config{
		Install: install, AdminEmail: AdminEmail, AdminPassword: AdminPassword, AdminToken: AdminToken,
	}, err
}

// giveUp ends all tests of a package on a machine that lacks what they need: the first of them tells everything that is to
// be installed, and the others would only wait to say the same.
func giveUp(_ context.Context, missing *needs.Error) error {
	fmt.Fprintf(os.Stderr, "directustest: these tests need a real Directus.\n%v\ngo test -short leaves them out.\n", missing)
	os.Exit(1)
	return missing
}

// furnish logs the administrator in and makes the collection.
func (m *machine) furnish(ctx context.Context, set settings) error {
	base, err := url.Parse(m.deployed.url())
	if err != nil {
		return err
	}
	m.client = directus.New(base, directus.Options{Timeout: callTimeout})
	if m.admin, err = m.client.LoginToken(ctx, AdminToken); err != nil {
		return err
	}
	if set.bare {
		return nil
	}
	_, err = setup.Run(ctx, m.admin, set.setup)
	return err
}

// shutdown ends everything and returns what was printed last.
func (m *machine) shutdown() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client != nil {
		m.client.Close()
	}
	if m.deployed == nil {
		return ""
	}
	text := m.deployed.remove()
	m.deployed = nil
	return text
}

func (s *Server) logOnFailure() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.t.Failed() && s.deployed != nil {
		s.t.Log(s.deployed.logTail())
	}
}

// Client returns a client for this Directus, without credentials.
func (s *Server) Client() *directus.Client { return s.client }

// Admin returns the administrator's account, logged in with AdminToken.
func (s *Server) Admin() *directus.Account { return s.admin }

// Do makes a REST call as administrator; see directus.Account.Do.
func (s *Server) Do(method, path string, query url.Values, body, out any) {
	s.t.Helper()
	s.do(s.admin, method, path, query, body, out)
}

func (s *Server) do(as *directus.Account, method, path string, query url.Values, body, out any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := as.Do(ctx, method, path, query, body, out); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}
