package localserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/gofrs/flock"
)

// DefaultVersion is the version that Install installs if Options.Version is empty.
const DefaultVersion = "12.4.0"

// progressEvery is how often a long step reports that it is still running.
const progressEvery = 10 * time.Second

// entryPoint is the script of Directus to run. The directus command first asks the npm registry for a newer
// version and then runs it; Start runs it directly and so asks no registry.
var entryPoint = filepath.Join("node_modules", "@directus", "api", "dist", "cli", "run.js")

// exactVersion matches exact versions, which are part of a path. Ranges and tags such as "latest" do not match.
var exactVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

// Options says what Install installs, and where.
type Options struct {
	// Dir holds one folder for each installed version. Default: CacheDir().
	Dir string
	// Version is an exact Directus version such as "11.17.4". Default: DefaultVersion.
	Version string
	// Progress receives a line, without line break, when a long step begins and about every 10 s while it lasts.
	// The goroutine that called Install calls it. It may be nil.
	Progress func(line string)
}

// CacheDir is the default folder for installations: "directus-ircd" in the user's cache directory.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w: set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "directus-ircd"), nil
}

// Install installs a version of Directus, unless it is installed already, and returns its folder, for
// Config.Install. An installation takes some minutes, because npm downloads and compiles.
//
// An installation gets its final name only when it is complete. One that a signal or a full disk has
// interrupted is done again by the next call. Processes that install the same version at the same time wait
// for each other. There is one installation for each Node.js ABI, because its compiled modules run on no other.
//
// Errors say what the user can do: install Node.js, npm or a compiler, free some disk space, check the network.
func Install(ctx context.Context, opts Options) (string, error) {
	if opts.Version == "" {
		opts.Version = DefaultVersion
	}
	if !exactVersion.MatchString(opts.Version) {
		return "", fmt.Errorf("install directus: %q is not an exact version such as %s", opts.Version, DefaultVersion)
	}
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	if opts.Dir == "" {
		dir, err := CacheDir()
		if err != nil {
			return "", err
		}
		opts.Dir = dir
	}
	node, err := findNode(ctx)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(opts.Dir, "directus-"+opts.Version+"-"+node.platform())
	if checkInstalled(folder, opts.Version) == nil {
		return folder, nil
	}
	if err := os.MkdirAll(opts.Dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w", err)
	}
	unlock, err := lock(ctx, folder+".lock", opts)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := installLocked(ctx, folder, opts); err != nil {
		return "", err
	}
	return folder, nil
}

// checkInstalled reports why folder is not a complete installation of a version; nil if it is one.
func checkInstalled(folder, version string) error {
	manifest, err := os.ReadFile(filepath.Join(folder, "node_modules", "directus", "package.json"))
	if err != nil {
		return err
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(manifest, &pkg); err != nil {
		return fmt.Errorf("read the installed package.json: %w", err)
	}
	if pkg.Version != version {
		return fmt.Errorf("holds directus %s instead of %s", pkg.Version, version)
	}
	_, err = os.Stat(filepath.Join(folder, entryPoint))
	return err
}

// lock locks the lock file of a version for this process. It polls, because flock(2) cannot be interrupted.
func lock(ctx context.Context, path string, opts Options) (unlock func(), err error) {
	l := flock.New(path)
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	var said time.Time
	for {
		locked, err := l.TryLock()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if locked {
			return func() { _ = l.Unlock() }, nil
		}
		if time.Since(said) >= progressEvery {
			said = time.Now()
			opts.Progress("another process is installing Directus " + opts.Version + ": waiting for it")
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process that installs directus: %w", context.Cause(ctx))
		}
	}
}

// installLocked installs into a temporary folder beside the final one, and renames it when npm is done. The
// caller holds the lock of the version, so no other process works in the temporary folder.
func installLocked(ctx context.Context, folder string, opts Options) (err error) {
	partial := folder + ".partial"
	switch reason := checkInstalled(folder, opts.Version); {
	case reason == nil:
		return nil // another process installed it while this one waited for the lock
	case !errors.Is(reason, fs.ErrNotExist), exists(folder), exists(partial):
		opts.Progress("found an incomplete installation of Directus " + opts.Version + ": installing it again")
	}
	for _, dir := range []string{folder, partial} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an incomplete installation: %w", err)
		}
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return fmt.Errorf("install directus: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(partial) // it takes most of a gigabyte and cannot be continued
		}
	}()
	if err := npmInstall(ctx, partial, opts); err != nil {
		return err
	}
	if err := checkInstalled(partial, opts.Version); err != nil {
		return fmt.Errorf("npm reported success, but its installation is incomplete: %w", err)
	}
	if err := os.Rename(partial, folder); err != nil {
		return fmt.Errorf("install directus: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
