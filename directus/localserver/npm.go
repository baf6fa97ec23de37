package localserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"directus-ircd/directus/localserver/process"
)

// npmInstall installs Directus into folder, which is empty, with npm. If ctx ends first, it kills npm and all
// processes that npm has started.
func npmInstall(ctx context.Context, folder string, opts Options) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm, which installs Directus, was not found: install npm (it comes with Node.js, or as the package \"npm\" of the system) and make sure that it is in PATH")
	}
	if err := writeManifest(folder, opts.Version); err != nil {
		return err
	}
	missing := missingCompilers()
	if len(missing) > 0 {
		opts.Progress("not found: " + strings.Join(missing, ", ") + "; native modules can only be installed if there are prebuilt ones")
	}
	output := newTail(60)
	cmd := exec.Command(npm, "install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "npm_config_update_notifier=false")
	cmd.Stdout, cmd.Stderr = output, output
	opts.Progress("installing Directus " + opts.Version + " with npm; the first time this takes about 3 minutes")
	if err := runWithProgress(ctx, cmd, progressEvery, func(elapsed time.Duration) {
		opts.Progress(fmt.Sprintf("installing Directus %s with npm: %d s", opts.Version, int(elapsed.Seconds())))
	}); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("install directus: %w", context.Cause(ctx))
		}
		return npmError(err, output.String(), missing)
	}
	return nil
}

// writeManifest writes a package.json that depends on exactly one version of Directus. allowScripts names the
// modules that are compiled: some versions of npm run no install scripts of other dependencies.
func writeManifest(folder, version string) error {
	manifest, err := json.Marshal(map[string]any{
		"private":      true,
		"dependencies": map[string]string{"directus": version},
		"allowScripts": map[string]bool{
			"argon2": true, "esbuild": true, "isolated-vm": true, "sqlite3": true,
			"braintrust": false, "oracledb": false,
		},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "package.json"), manifest, 0o644); err != nil {
		return diskError(fmt.Errorf("install directus: %w", err))
	}
	return nil
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

// npmHints says what to do about common faults. The first one with a mark in npm's output is shown, so more
// specific ones come first.
var npmHints = []struct {
	marks []string
	hint  string
}{
	{[]string{"ENOSPC", "no space left on device"}, "the disk is full: Directus needs about 1 GB in the cache directory: free some space and try again"},
	{[]string{"ETARGET", "E404"}, "the package registry does not have this version of Directus or of one of its dependencies: choose another version, or check npm's \"registry\" setting"},
	{[]string{"ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT", "E503", "E502"},
		"npm could not reach the package registry: check the network and npm's \"registry\" and \"proxy\" settings, and try again"},
	{[]string{"UNABLE_TO_GET_ISSUER_CERT", "SELF_SIGNED_CERT", "CERT_HAS_EXPIRED"},
		"npm does not trust the certificate of the package registry: set NODE_EXTRA_CA_CERTS to the file with the certificate of its authority"},
	{[]string{"E401", "E403"}, "the package registry refused access: check npm's \"registry\" setting and its login"},
	{[]string{"EACCES", "EPERM"}, "npm cannot write to one of its folders: check the owner of the cache directory and of ~/.npm"},
	{[]string{"gyp ERR!", "node-gyp", "prebuild-install"}, "a native module could not be compiled"},
}

// npmError explains why npm failed. output is what npm printed last.
func npmError(err error, output string, missing []string) error {
	var text strings.Builder
	for _, h := range npmHints {
		if containsAny(output, h.marks) {
			text.WriteString(h.hint + "\n")
			break
		}
	}
	if len(missing) > 0 {
		text.WriteString("not found, but needed to compile native modules: " + strings.Join(missing, ", ") +
			" (Debian, Ubuntu: apt-get install python3 make g++; Fedora: dnf install python3 make gcc-c++; Alpine: apk add python3 make g++; macOS: xcode-select --install)\n")
	}
	if output != "" {
		text.WriteString("npm printed last:\n" + output)
	}
	return fmt.Errorf("npm could not install directus: %w\n%s", err, strings.TrimSpace(text.String()))
}

func containsAny(text string, marks []string) bool {
	for _, mark := range marks {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

// diskError adds what to do to the error of a write to a full disk.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: the disk is full: free some space and try again", err)
	}
	return err
}
