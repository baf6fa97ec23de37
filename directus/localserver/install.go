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

// DefaultVersion is the Directus that Install takes when Options names none.
const DefaultVersion = "12.4.0"

// progressEvery is how often a long step says that it is still at work.
const progressEvery = 10 * time.Second

// entryPoint is what the directus command runs once it has asked the npm registry whether a newer version
// exists; starting here leaves that question out.
var entryPoint = filepath.Join("node_modules", "@directus", "api", "dist", "cli", "run.js")

// exactVersion keeps ranges and tags ("latest") out: they would not be pinned, and the version is part of a path.
var exactVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

// Options says what Install installs, and where.
type Options struct {
	// Dir holds one folder for each installed version. Default: CacheDir().
	Dir string
	// Version is an exact Directus version such as "11.17.4". Default: DefaultVersion.
	Version string
	// Progress receives a line, without line break, whenever a long step begins and about every 10 s while it
	// lasts. It is called from the goroutine that called Install. Nil: nobody listens.
	Progress func(line string)
}

// CacheDir is where Install keeps what it installed unless told otherwise: the folder "directus-ircd" in
// the user's cache directory.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w: set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "directus-ircd"), nil
}

// Install makes sure that the wanted Directus is installed and returns its folder, for Config.Install. The
// first call downloads and compiles for some minutes, later ones only look.
//
// An installation appears under its final name in one step, so that one cut short by a signal or a full disk
// is never taken for a whole one and is done again by the next call. Processes that want the same
// version at the same time wait for each other. Installations are kept apart by Node.js ABI, since
// the compiled modules in them fit no other.
//
// Errors say what the user can do: install Node.js, npm or a compiler, free some disk, check the network.
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

// checkInstalled reports what makes folder unusable as an installation of version.
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

// lock takes the lock file of one version for this process. It polls, for flock(2) cannot be interrupted.
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

// installLocked installs into a folder beside the final one, and renames it when npm is done. The caller
// holds the lock of this version, so whatever lies in the temporary folder is nobody's work in progress.
func installLocked(ctx context.Context, folder string, opts Options) (err error) {
	partial := folder + ".partial"
	switch reason := checkInstalled(folder, opts.Version); {
	case reason == nil:
		return nil // the process we waited for has done it
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
			_ = os.RemoveAll(partial) // a failed attempt is of no use and takes most of a gigabyte
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
