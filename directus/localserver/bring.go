package localserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"directus-ircd/directus/localserver/registry"
)

// The Node.js that bringNode brings, and the npm that belongs to it. Both are packages of npm's registry.
const (
	nodeVersion = nodeMajor + ".23.5"
	npmVersion  = "10.9.8"
)

// npmScript is npm's entry point in the folder of a brought Node.js, where the archives of nodejs.org have it, too.
var npmScript = filepath.Join("lib", "node_modules", "npm", "bin", "npm-cli.js")

// broughtFolder is where bringNode puts Node.js. It fails on a platform for which npm has none.
func broughtFolder(dir string) (string, error) {
	name := nodePackage()
	if name == "" {
		return "", errors.New("npm has no Node.js for this platform")
	}
	return filepath.Join(dir, name+"-"+nodeVersion), nil
}

// bringNode downloads Node.js and npm into dir. The folder gets its name when both are whole. why is the reason for which
// the machine's own Node.js does not do.
func bringNode(ctx context.Context, why error, opts Options) (node, error) {
	folder, err := broughtFolder(opts.Dir)
	if err != nil {
		return node{}, fmt.Errorf("%w, and %w: install Node.js %s with npm, and make sure that \"node\" is in PATH", why, err, nodeMajor)
	}
	unlock, err := lock(ctx, folder+".lock", func() { opts.Progress("another process is fetching Node.js: waiting for it") })
	if err != nil {
		return node{}, err
	}
	defer unlock()
	if exists(folder) { // another process has brought it
		return broughtNode(ctx, folder)
	}
	opts.Progress(fmt.Sprintf("%v: fetching Node.js %s from npm's registry into %s", why, nodeVersion, opts.Dir))
	partial := folder + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return node{}, fmt.Errorf("remove an incomplete Node.js: %w", err)
	}
	defer os.RemoveAll(partial)
	if configuredRegistry(ctx) == "" {
		return node{}, fmt.Errorf("%w, and nothing says where npm's registry is: install npm, which knows, or set npm_config_registry to its address", why)
	}
	source := Registry(ctx)
	for _, p := range []struct{ name, version, into string }{
		{nodePackage(), nodeVersion, partial},
		{"npm", npmVersion, filepath.Join(partial, filepath.Dir(filepath.Dir(npmScript)))},
	} {
		if err := os.MkdirAll(p.into, 0o755); err != nil {
			return node{}, diskError(fmt.Errorf("fetch Node.js: %w", err))
		}
		err := source.Unpack(ctx, p.name, p.version, p.into, every(progressEvery, func(percent int) {
			opts.Progress(fmt.Sprintf("fetching %s %s: %d %%", p.name, p.version, percent))
		}))
		if err != nil {
			return node{}, diskError(fmt.Errorf("fetch Node.js from npm's registry: %w", err))
		}
	}
	if err := os.Rename(partial, folder); err != nil {
		return node{}, fmt.Errorf("fetch Node.js: %w", err)
	}
	return broughtNode(ctx, folder)
}

// Registry is the package registry that npm uses, for what is fetched from it on machines without npm.
func Registry(ctx context.Context) *registry.Registry { return registry.Open(configuredRegistry(ctx)) }

// configuredRegistry is where npm's environment or npm itself, with its configuration or its default, say that the registry
// is, or else the .npmrc of a machine without npm; empty if nothing does.
func configuredRegistry(ctx context.Context) string {
	for _, name := range []string{"npm_config_registry", "NPM_CONFIG_REGISTRY"} {
		if url := os.Getenv(name); url != "" {
			return url
		}
	}
	if npm, err := exec.LookPath("npm"); err == nil {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, npm, "config", "get", "registry")
		cmd.WaitDelay = time.Second
		if out, err := cmd.Output(); err == nil {
			if url := strings.TrimSpace(string(out)); strings.HasPrefix(url, "http") {
				return url
			}
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return npmrcRegistry(os.DirFS(home))
}

// npmrcRegistry reads the registry from the .npmrc of a home.
func npmrcRegistry(home fs.FS) string {
	file, err := home.Open(".npmrc")
	if err != nil {
		return ""
	}
	defer file.Close()
	url := ""
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && strings.TrimSpace(name) == "registry" {
			url = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return url
}
