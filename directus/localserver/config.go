package localserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config says how Start runs an installed Directus.
type Config struct {
	// Install is the folder that Install returned.
	Install string
	// DataDir holds the database, the uploads and the secret. Start makes it if it does not exist. Only one
	// Directus at a time may use it.
	DataDir string
	// Host is the address to listen on. Default: 127.0.0.1.
	Host string
	// Port is the TCP port to listen on; 0 means a free one, which Server.Port returns.
	Port int
	// AdminEmail, AdminPassword and AdminToken (a static token) are those of the administrator that a new database gets.
	// They do not change an existing database. Defaults: admin@example.com, a random password, no token.
	AdminEmail, AdminPassword, AdminToken string
	// Secret signs the tokens that Directus issues. Default: a random secret that is kept in DataDir, so that
	// tokens stay valid over a restart.
	Secret string
	// Database is the part of Directus' environment that leads to a database on a server: DB_CLIENT and what belongs to it.
	// Bootstrap makes the tables there; Start expects them. Default: a SQLite file in DataDir, which Start makes.
	Database map[string]string
	// Env is added to Directus' environment and overrides what Start sets. Of the environment of this process
	// Directus gets only PATH, HOME and the like; see inherited.
	Env map[string]string
	// Log receives what Directus prints: warnings and errors, unless Env sets LOG_LEVEL. Only one goroutine
	// writes to it. If it is nil the output is discarded, but errors still quote the last lines.
	Log io.Writer
	// StartTimeout limits the time to make the database, and also the wait for the first answer. Default: 2 minutes.
	StartTimeout time.Duration
	// StopTimeout is how long Stop waits before it kills Directus, which gives open requests 1 s. Default: 5 s.
	StopTimeout time.Duration
	// Progress receives a line about each long step, like Options.Progress.
	Progress func(line string)
}

func (c Config) withDefaults() (Config, error) {
	if c.Install == "" || c.DataDir == "" {
		return c, errors.New("start directus: Install and DataDir must be set")
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, fmt.Errorf("start directus: %w", err)
	}
	c.DataDir = dir
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	if c.AdminEmail == "" {
		c.AdminEmail = "admin@example.com"
	}
	if c.AdminPassword == "" {
		c.AdminPassword = rand.Text()
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 2 * time.Minute
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = 5 * time.Second
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	return c, nil
}

// prepareData makes the files that Directus expects in its working folder, and reads or makes the secret.
func (c *Config) prepareData() error {
	for _, dir := range []string{"uploads", "extensions"} {
		if err := os.MkdirAll(filepath.Join(c.DataDir, dir), 0o700); err != nil {
			return diskError(fmt.Errorf("make the data folder: %w", err))
		}
	}
	// Directus looks in package.json for extensions, and warns if the file is missing.
	manifest := filepath.Join(c.DataDir, "package.json")
	if !exists(manifest) {
		if err := os.WriteFile(manifest, []byte("{\"private\":true}\n"), 0o600); err != nil {
			return diskError(fmt.Errorf("make the data folder: %w", err))
		}
	}
	if c.Secret != "" {
		return nil
	}
	secret, err := keptSecret(filepath.Join(c.DataDir, "secret"))
	c.Secret = secret
	return err
}

// keptSecret reads the secret from a file, or makes one and writes it there.
func keptSecret(file string) (string, error) {
	kept, err := os.ReadFile(file)
	if secret := strings.TrimSpace(string(kept)); err == nil && secret != "" {
		return secret, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	secret := hex.EncodeToString(raw[:])
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		return "", diskError(fmt.Errorf("keep the secret: %w", err))
	}
	return secret, nil
}

// node is the Node.js for which Directus was installed.
func (c *Config) node(ctx context.Context) (node, error) {
	n, err := findNode(ctx, filepath.Dir(c.Install))
	if err != nil {
		return n, fmt.Errorf("start directus: %w: install it again", err)
	}
	return n, nil
}

func (c *Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// inherited names the variables of this process that Directus gets. It gets no others, because it would take a
// PORT or DB_CLIENT that is meant for another program for its own.
var inherited = []string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "NODE_EXTRA_CA_CERTS", "SystemRoot", "TEMP"}

// environ is the environment of Directus. A SQLite database is in the given file.
func (c *Config) environ(database string) []string {
	env := map[string]string{
		"HOST":                    c.Host,
		"PORT":                    strconv.Itoa(c.Port),
		"PUBLIC_URL":              "http://" + c.address(),
		"SECRET":                  c.Secret,
		"ADMIN_EMAIL":             c.AdminEmail,
		"ADMIN_PASSWORD":          c.AdminPassword,
		"STORAGE_LOCATIONS":       "local",
		"STORAGE_LOCAL_DRIVER":    "local",
		"STORAGE_LOCAL_ROOT":      filepath.Join(c.DataDir, "uploads"),
		"EXTENSIONS_PATH":         filepath.Join(c.DataDir, "extensions"),
		"WEBSOCKETS_ENABLED":      "true",
		"TELEMETRY":               "false",
		"EMAIL_VERIFY_SETUP":      "false",
		"LOG_LEVEL":               "warn",
		"LOG_STYLE":               "pretty",
		"NO_COLOR":                "1",
		"SERVER_SHUTDOWN_TIMEOUT": "1000",
		// Node.js keeps what it compiles, which saves a fifth of the time that each later start takes.
		"NODE_COMPILE_CACHE": filepath.Join(c.Install, ".compiled"),
		// On a busy machine a slow answer is better than a 503.
		"PRESSURE_LIMITER_ENABLED": "false",
	}
	if c.Database != nil {
		maps.Copy(env, c.Database)
	} else {
		env["DB_CLIENT"], env["DB_FILENAME"] = "sqlite3", database
	}
	if c.AdminToken != "" {
		env["ADMIN_TOKEN"] = c.AdminToken
	}
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			env[name] = value
		}
	}
	maps.Copy(env, c.Env)
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}
