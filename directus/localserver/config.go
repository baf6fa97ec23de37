package localserver

import (
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
	// DataDir holds the database, the uploads and the secret. Start makes it if it is absent; one Directus at a
	// time may use it.
	DataDir string
	// Host is the address to listen on. Default: 127.0.0.1.
	Host string
	// Port is the TCP port to listen on. 0: a free one, see Server.Port.
	Port int
	// AdminEmail, AdminPassword and AdminToken (a static token) make the first administrator when the database is made,
	// and change nothing later. Defaults: admin@example.com, a random password, no token.
	AdminEmail, AdminPassword, AdminToken string
	// Secret signs the tokens that Directus issues. Default: a random one, kept in DataDir, so that
	// tokens outlive a restart.
	Secret string
	// Env is added to Directus' environment last, so it overrides what Start sets by itself. Nothing of our own
	// environment reaches Directus but PATH, HOME and the like.
	Env map[string]string
	// Log receives what Directus prints: warnings and errors, unless Env sets LOG_LEVEL. Written to from one
	// goroutine. Nil: discarded, though errors still quote the last lines.
	Log io.Writer
	// StartTimeout bounds the making of the database, and again the wait for the first answer. Default: 2 minutes.
	StartTimeout time.Duration
	// StopTimeout is how long Stop waits for an orderly end; Directus gives open requests 1 s. Default: 5 s.
	StopTimeout time.Duration
	// Progress receives a line whenever a long step begins, like Options.Progress.
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

// prepareData makes what Directus expects to find in its working folder, and reads or makes the secret.
func (c *Config) prepareData() error {
	for _, dir := range []string{"uploads", "extensions"} {
		if err := os.MkdirAll(filepath.Join(c.DataDir, dir), 0o700); err != nil {
			return diskError(fmt.Errorf("make the data folder: %w", err))
		}
	}
	// Directus looks here for extensions that came as packages, and warns when the file is missing.
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

// keptSecret reads the secret in file, or makes one and keeps it there.
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

func (c *Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// inherited names what Directus may see of our own environment. The rest stays out: a PORT or DB_CLIENT
// meant for another program would be taken for a setting.
var inherited = []string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "NODE_EXTRA_CA_CERTS", "SystemRoot", "TEMP"}

// environ is the environment of Directus, with the database in the given file.
func (c *Config) environ(database string) []string {
	env := map[string]string{
		"HOST":                    c.Host,
		"PORT":                    strconv.Itoa(c.Port),
		"PUBLIC_URL":              "http://" + c.address(),
		"SECRET":                  c.Secret,
		"DB_CLIENT":               "sqlite3",
		"DB_FILENAME":             database,
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
		// Whoever starts it on a busy machine would rather wait than be answered 503.
		"PRESSURE_LIMITER_ENABLED": "false",
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
