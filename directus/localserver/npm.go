package localserver

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"directus-ircd/directus/localserver/process"
)

// step is a part of an installation. Each leaves something whole, so that an installation that is cut short goes on with
// the step that it was at.
type step struct {
	name string
	// args are those of npm.
	args []string
	// begin is said first, and progress from time to time.
	begin    string
	progress func(folder string, elapsed time.Duration) string
	hints    []hint
}

// nativeModules are those that are compiled, or look for a binary that is prebuilt, after they are unpacked.
var nativeModules = []string{"argon2", "esbuild", "isolated-vm", "sqlite3"}

// steps install Directus. npm would do all of it with "npm install", but then throws everything away if one module does not
// compile, and takes half-written modules for whole ones when it is killed and called again.
var steps = []step{
	{
		name:     "resolved",
		args:     []string{"install", "--package-lock-only", "--legacy-peer-deps"},
		begin:    "1 of 3: npm looks up which packages Directus needs",
		progress: func(_ string, elapsed time.Duration) string { return seconds("1 of 3: looking up packages", elapsed) },
		hints:    registryHints,
	},
	{
		name:  "unpacked",
		args:  []string{"ci", "--ignore-scripts", "--prefer-offline", "--legacy-peer-deps"},
		begin: "2 of 3: npm downloads and unpacks them",
		progress: func(folder string, _ time.Duration) string {
			return fmt.Sprintf("2 of 3: downloading and unpacking: %d %%", unpackedPercent(folder))
		},
		hints: registryHints,
	},
	{
		name:     "compiled",
		args:     append([]string{"rebuild"}, nativeModules...),
		begin:    "3 of 3: npm compiles two modules, if it finds no prebuilt ones",
		progress: func(_ string, elapsed time.Duration) string { return seconds("3 of 3: compiling", elapsed) },
		hints:    compilerHints,
	},
}

func seconds(text string, elapsed time.Duration) string {
	return fmt.Sprintf("%s: %d s", text, int(elapsed.Seconds()))
}

// runStep lets npm do a step in folder. If ctx ends first, it kills npm and all processes that npm has started.
func (s step) run(ctx context.Context, folder string, n node, opts Options) error {
	output := newTail(60)
	argv := slices.Concat(n.npm, s.args, []string{"--no-audit", "--no-fund", "--no-progress", "--loglevel=error"})
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = folder
	cmd.Env = n.environ()
	cmd.Stdout, cmd.Stderr = output, output
	opts.Progress(s.begin)
	if err := runWithProgress(ctx, cmd, progressEvery, func(elapsed time.Duration) {
		opts.Progress(s.progress(folder, elapsed))
	}); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("install directus: %w", context.Cause(ctx))
		}
		return npmError(err, output.String(), s.hints)
	}
	return nil
}

// manifest is a package.json that depends on exactly one version of Directus. allowScripts names the modules that are
// compiled: some versions of npm run no install scripts of other dependencies.
func manifest(version string) ([]byte, error) {
	allow := map[string]bool{"braintrust": false, "oracledb": false}
	for _, name := range nativeModules {
		allow[name] = true
	}
	return json.Marshal(map[string]any{
		"private":      true,
		"dependencies": map[string]string{"directus": version},
		"allowScripts": allow,
	})
}

// unpackedPercent is how many of the packages that npm has settled on have begun to be unpacked.
func unpackedPercent(folder string) int {
	text, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return 0
	}
	var lock struct {
		Packages map[string]struct {
			OS, CPU []string // of a package that is only for some platforms
		}
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		return 0
	}
	wanted, there := 0, 0
	for path, p := range lock.Packages {
		if path == "" || p.OS != nil || p.CPU != nil {
			continue
		}
		wanted++
		if exists(filepath.Join(folder, path, "package.json")) {
			there++
		}
	}
	return there * 100 / max(1, wanted)
}

// runWithProgress runs cmd in a process group of its own and calls progress at intervals. If ctx ends first, it
// kills the group and returns the cause of ctx.
func runWithProgress(ctx context.Context, cmd *exec.Cmd, every time.Duration, progress func(elapsed time.Duration)) error {
	begin := time.Now()
	p, err := process.Start(cmd)
	if err != nil {
		return err
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.Done():
			return p.Err()
		case <-tick.C:
			progress(time.Since(begin))
		case <-ctx.Done():
			p.Kill()
			<-p.Done()
			return context.Cause(ctx)
		}
	}
}
