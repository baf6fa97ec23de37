package localserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	databaseFile = "directus.sqlite"
	versionFile  = "directus.version" // the version whose migrations the database has
)

// bootstrap makes the database if there is none, and migrates the database of an older Directus. A new database gets
// its final name only when it is complete: an interrupted bootstrap leaves tables without an administrator, and
// Directus would not notice.
func (c *Config) bootstrap(ctx context.Context, node string) error {
	if c.Database != nil {
		return nil
	}
	version, err := installedVersion(c.Install)
	if err != nil {
		return err
	}
	database := filepath.Join(c.DataDir, databaseFile)
	if !exists(database) {
		return c.createDatabase(ctx, node, database, version)
	}
	made, err := os.ReadFile(filepath.Join(c.DataDir, versionFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the database's version: %w", err)
	}
	switch was := strings.TrimSpace(string(made)); {
	case was == version:
		return nil
	case was != "" && newer(was, version):
		return fmt.Errorf("%s holds the data of Directus %s, which the older Directus %s cannot read: choose another folder or remove this one", c.DataDir, was, version)
	}
	c.Progress("bringing the database up to Directus " + version)
	if err := c.runBootstrap(ctx, node, database); err != nil {
		return err
	}
	return c.keepVersion(version)
}

func (c *Config) createDatabase(ctx context.Context, node, database, version string) error {
	c.Progress("making the database")
	partial := database + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("remove an incomplete database: %w", err)
	}
	if err := c.runBootstrap(ctx, node, partial); err != nil {
		return err
	}
	// The version is written first: a version without a database does no harm, but a database without a version is
	// migrated again at the next start.
	if err := c.keepVersion(version); err != nil {
		return err
	}
	if err := os.Rename(partial, database); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return nil
}

func (c *Config) keepVersion(version string) error {
	if err := os.WriteFile(filepath.Join(c.DataDir, versionFile), []byte(version+"\n"), 0o600); err != nil {
		return diskError(fmt.Errorf("keep the database's version: %w", err))
	}
	return nil
}

func (c *Config) runBootstrap(ctx context.Context, node, database string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.StartTimeout, fmt.Errorf("not done after %s", c.StartTimeout))
	defer cancel()
	output := newTail(30)
	cmd := exec.Command(node, filepath.Join(c.Install, entryPoint), "bootstrap")
	cmd.Dir = c.DataDir
	cmd.Env = c.environ(database)
	cmd.Stdout, cmd.Stderr = output, output
	err := runWithProgress(ctx, cmd, progressEvery, func(elapsed time.Duration) {
		c.Progress(fmt.Sprintf("making the database: %d s", int(elapsed.Seconds())))
	})
	if err != nil {
		return fmt.Errorf("bootstrap directus: %w%s", err, quoted(output))
	}
	if c.Database != nil {
		return nil
	}
	// Directus may report success even if the disk was full.
	if info, err := os.Stat(database); err != nil || info.Size() == 0 {
		return fmt.Errorf("bootstrap directus: it made no database: is the disk full?%s", quoted(output))
	}
	return nil
}

// quoted returns the last lines of a log, to be appended to the text of an error.
func quoted(output *tail) string {
	if text := output.String(); text != "" {
		return "\nDirectus printed last:\n" + text
	}
	return ""
}

func installedVersion(install string) (string, error) {
	manifest, err := os.ReadFile(filepath.Join(install, "node_modules", "directus", "package.json"))
	if err != nil {
		return "", fmt.Errorf("find the installed directus: %w: install it again", err)
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(manifest, &pkg); err != nil {
		return "", fmt.Errorf("find the installed directus: %w: install it again", err)
	}
	return pkg.Version, nil
}

// newer reports whether version a is newer than b. Both are exact versions, such as "12.4.0".
func newer(a, b string) bool {
	var x, y [3]int
	_, _ = fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2])
	_, _ = fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2])
	for i := range x {
		if x[i] != y[i] {
			return x[i] > y[i]
		}
	}
	return false
}

// Bootstrap makes the data folder and its database, or migrates an older database, and starts no Directus. With SQLite
// Start does the same first, so Bootstrap is only for a folder that is to be copied.
func Bootstrap(ctx context.Context, config Config) error {
	config, err := config.withDefaults()
	if err != nil {
		return err
	}
	node, err := config.node(ctx)
	if err != nil {
		return err
	}
	if err := config.prepareData(); err != nil {
		return err
	}
	if config.Database != nil {
		return config.runBootstrap(ctx, node.path, "")
	}
	return config.bootstrap(ctx, node.path)
}
