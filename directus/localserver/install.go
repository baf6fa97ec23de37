package localserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/gofrs/flock"

	"directus-ircd/directus/localserver/needs"
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
	// Missing is asked before anything is downloaded if programs are missing. If it has installed them it returns nil.
	// Default: return the error.
	Missing func(ctx context.Context, missing *needs.Error) error
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
// Config.Install. An installation takes some minutes, because npm downloads and compiles. If the machine has no Node.js
// that Directus runs on, Install brings one from npm's registry.
//
// An installation gets its final name only when it is complete. One that a signal or a full disk has
// interrupted goes on at the next call. Processes that install the same version at the same time wait
// for each other. There is one installation for each Node.js ABI, because its compiled modules run on no other.
//
// Errors say what the user can do: install a compiler, free some disk space, check the network. One that names missing
// programs is a *needs.Error.
func Install(ctx context.Context, opts Options) (string, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return "", err
	}
	node, err := findNode(ctx, opts.Dir)
	lacking := errNoNode{}
	if err != nil && !errors.As(err, &lacking) {
		return "", err
	}
	if err == nil && checkInstalled(opts.folder(node), opts.Version) == nil {
		return opts.folder(node), nil
	}
	if err := os.MkdirAll(opts.Dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory: %w: set XDG_CACHE_HOME to a folder that you can write to", err)
	}
	if err == nil && node.npm == nil {
		lacking = errNoNode{"no npm was found in PATH"}
	}
	if err := opts.prepare(ctx, lacking.reason != ""); err != nil {
		return "", err
	}
	if lacking.reason != "" {
		if node, err = bringNode(ctx, lacking, opts); err != nil {
			return "", err
		}
	}
	folder := opts.folder(node)
	unlock, err := lock(ctx, folder+".lock", func() {
		opts.Progress("another process is installing Directus " + opts.Version + ": waiting for it")
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := installLocked(ctx, folder, node, opts); err != nil {
		return "", err
	}
	return folder, nil
}

func (o Options) withDefaults() (Options, error) {
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	if !exactVersion.MatchString(o.Version) {
		return o, fmt.Errorf("install directus: %q is not an exact version such as %s", o.Version, DefaultVersion)
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Missing == nil {
		o.Missing = func(_ context.Context, missing *needs.Error) error { return missing }
	}
	if o.Dir != "" {
		return o, nil
	}
	var err error
	o.Dir, err = CacheDir()
	return o, err
}

func (o Options) folder(n node) string {
	return filepath.Join(o.Dir, "directus-"+o.Version+"-"+n.platform())
}

// What an installation takes, for one that has to decide whether to wait for it.
const (
	installTime  = "about 7 minutes of one core, downloads aside"
	installBytes = 1_300_000_000 // with what npm keeps in its own cache folder
)

// prepare says what an installation takes, and makes sure that the machine has it, before minutes are spent. bring says that
// Node.js will be brought.
func (o Options) prepare(ctx context.Context, bring bool) error {
	free, err := freeSpace(o.Dir)
	switch {
	case o.begun(): // the one who began it was told
	case err != nil: // it may be enough
		o.Progress(fmt.Sprintf("installing Directus %s in %s: %s, and %s of disk", o.Version, o.Dir, installTime, units.HumanSize(installBytes)))
	case free < installBytes:
		return fmt.Errorf("install directus: it takes %s of disk, and where %s is %s are free: free some space, or set XDG_CACHE_HOME to a folder on another disk",
			units.HumanSize(installBytes), o.Dir, units.HumanSize(float64(free)))
	default:
		o.Progress(fmt.Sprintf("installing Directus %s in %s: %s, and %s of disk (%s are free)",
			o.Version, o.Dir, installTime, units.HumanSize(installBytes), units.HumanSize(float64(free))))
	}
	var more []needs.Program
	if bring && nodePackage() != "" && configuredRegistry(ctx) == "" {
		more = append(more, needs.Npm)
	}
	var missing *needs.Error
	if errors.As(needs.ForDirectus(more...), &missing) {
		return o.Missing(ctx, missing)
	}
	return nil
}

// begun reports whether an installation was cut short, which has some of the disk already.
func (o Options) begun() bool {
	partial, err := filepath.Glob(filepath.Join(o.Dir, "directus-"+o.Version+"-*.partial", stepFile))
	return err == nil && len(partial) > 0
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

// lock locks a lock file for this process. It polls, because flock(2) cannot be interrupted, and calls waiting from time to
// time.
func lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
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
			waiting()
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process that installs: %w", context.Cause(ctx))
		}
	}
}

// installLocked installs into a temporary folder beside the final one, and renames it when npm is done. The
// caller holds the lock of the version, so no other process works in the temporary folder.
func installLocked(ctx context.Context, folder string, n node, opts Options) error {
	switch reason := checkInstalled(folder, opts.Version); {
	case reason == nil:
		return nil // another process installed it while this one waited for the lock
	case !errors.Is(reason, fs.ErrNotExist), exists(folder):
		opts.Progress("found an incomplete installation of Directus " + opts.Version + ": installing it again")
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove an incomplete installation: %w", err)
		}
	}
	partial := folder + ".partial"
	left, err := openPartial(partial, opts)
	if err != nil {
		return err
	}
	for _, s := range left {
		if err := s.run(ctx, partial, n, opts); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(partial, stepFile), []byte(s.name+"\n"), 0o644); err != nil {
			return diskError(fmt.Errorf("install directus: %w", err))
		}
	}
	if err := checkInstalled(partial, opts.Version); err != nil {
		_ = os.RemoveAll(partial) // whatever is wrong with it is wrong with what would be gone on with
		return fmt.Errorf("npm reported success, but its installation is incomplete: %w", err)
	}
	if err := os.Rename(partial, folder); err != nil {
		return fmt.Errorf("install directus: %w", err)
	}
	return nil
}

// stepFile holds the name of the last step that was done in the temporary folder.
const stepFile = "step"

// openPartial makes the temporary folder, or finds the one of an installation that was cut short, and returns the steps
// that are left to do. What is of no use is removed.
func openPartial(partial string, opts Options) ([]step, error) {
	want, err := manifest(opts.Version)
	if err != nil {
		return nil, err
	}
	have, _ := os.ReadFile(filepath.Join(partial, "package.json")) // where it cannot be read it is not what is wanted
	done, _ := os.ReadFile(filepath.Join(partial, stepFile))
	left := stepsLeft(bytes.Equal(have, want), strings.TrimSpace(string(done)))
	if len(left) < len(steps) {
		opts.Progress("going on with the installation of Directus " + opts.Version + " that was cut short")
		return left, nil
	}
	if err := os.RemoveAll(partial); err != nil {
		return nil, fmt.Errorf("remove an incomplete installation: %w", err)
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return nil, diskError(fmt.Errorf("install directus: %w", err))
	}
	if err := os.WriteFile(filepath.Join(partial, "package.json"), want, 0o644); err != nil {
		return nil, diskError(fmt.Errorf("install directus: %w", err))
	}
	return left, nil
}

// stepsLeft returns the steps to do in a folder in which the named one was the last to be done. That counts only if it was
// done for the same manifest.
func stepsLeft(sameManifest bool, done string) []step {
	if !sameManifest {
		return steps
	}
	return steps[slices.IndexFunc(steps, func(s step) bool { return s.name == done })+1:]
}

// every calls f with what it is called with, but not more often.
func every(interval time.Duration, f func(percent int)) func(percent int) {
	last := time.Now()
	return func(percent int) {
		if now := time.Now(); now.Sub(last) >= interval {
			last = now
			f(percent)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
