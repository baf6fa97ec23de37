package localserver_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"directus-ircd/directus/localserver"
	"directus-ircd/directus/localserver/needs"
)

// progress collects the lines that tell of progress. Safe for concurrent use.
type progress struct {
	mu    sync.Mutex
	lines []string
}

func (p *progress) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
}

func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// installation is the folder that the fake node and npm lead to.
func installation(dir, version string) string {
	return filepath.Join(dir, "directus-"+version+"-linux-x64-node127")
}

// npmSteps is what npm was called for.
func npmSteps(t *testing.T, log string) string {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var steps []string
	for line := range strings.Lines(string(text)) {
		steps = append(steps, strings.Fields(line)[0])
	}
	return strings.Join(steps, " ")
}

func nothingPartial(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "*.partial"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// complete is a machine with all that an installation needs.
var complete = []string{"node", "npm", "python3", "make", "g++"}

func TestInstall(t *testing.T) {
	fakePath(t, complete...)
	log := filepath.Join(t.TempDir(), "npm.log")
	t.Setenv("FAKE_NPM_LOG", log)
	dir := filepath.Join(t.TempDir(), "not", "yet", "there")
	var said progress
	for range 2 {
		folder, err := localserver.Install(t.Context(), localserver.Options{Dir: dir, Version: "11.17.4", Progress: said.add})
		if err != nil {
			t.Fatal(err)
		}
		if want := installation(dir, "11.17.4"); folder != want {
			t.Errorf("installed in %s, want %s", folder, want)
		}
	}
	if got := npmSteps(t, log); got != "install ci rebuild" {
		t.Errorf("npm was called for %s", got)
	}
	text := said.String()
	for _, want := range []string{"Directus 11.17.4 in " + dir, "of disk (", "1 of 3", "2 of 3", "3 of 3"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the progress:\n%s", want, text)
		}
	}
	if strings.Contains(text, "incomplete") || strings.Contains(text, "cut short") {
		t.Errorf("progress:\n%s", text)
	}
	nothingPartial(t, dir)
}

func TestInstallAgainWhenIncomplete(t *testing.T) {
	fakePath(t, complete...)
	for name, leave := range map[string]func(folder string) error{
		"files removed": func(folder string) error {
			writeInstallation(folder, "12.4.0")
			return os.RemoveAll(filepath.Join(folder, "node_modules", "@directus"))
		},
		"another version": func(folder string) error {
			writeInstallation(folder, "12.3.0")
			return nil
		},
		"a broken manifest": func(folder string) error {
			writeInstallation(folder, "12.4.0")
			return os.WriteFile(filepath.Join(folder, "node_modules", "directus", "package.json"), []byte(`{"versio`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := leave(installation(dir, localserver.DefaultVersion)); err != nil {
				t.Fatal(err)
			}
			var said progress
			folder, err := localserver.Install(t.Context(), localserver.Options{Dir: dir, Progress: said.add})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(folder, "node_modules", "@directus", "api", "dist", "cli", "run.js")); err != nil {
				t.Error(err)
			}
			if !strings.Contains(said.String(), "incomplete installation") {
				t.Errorf("progress:\n%s", &said)
			}
			nothingPartial(t, dir)
		})
	}
}

// Whoever wants the same version meanwhile waits and finds it done.
func TestInstallAtOnce(t *testing.T) {
	fakePath(t, complete...)
	log := filepath.Join(t.TempDir(), "npm.log")
	t.Setenv("FAKE_NPM_LOG", log)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := localserver.Install(t.Context(), localserver.Options{Dir: dir}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := npmSteps(t, log); got != "install ci rebuild" {
		t.Errorf("npm was called for %s", got)
	}
}

// What was done before an interruption or a fault is kept, whatever it was, and not done again.
func TestInstallGoesOn(t *testing.T) {
	for step, want := range map[string]string{
		"install": "install install ci rebuild",
		"ci":      "install ci ci rebuild",
		"rebuild": "install ci rebuild rebuild",
	} {
		t.Run(step, func(t *testing.T) {
			fakePath(t, complete...)
			log := filepath.Join(t.TempDir(), "npm.log")
			t.Setenv("FAKE_NPM_LOG", log)
			t.Setenv("FAKE_NPM", step+": something strange")
			dir := t.TempDir()
			if _, err := localserver.Install(t.Context(), localserver.Options{Dir: dir}); err == nil {
				t.Fatal("no error")
			}
			if _, err := os.Stat(installation(dir, localserver.DefaultVersion)); err == nil {
				t.Fatal("it passes for complete")
			}
			t.Setenv("FAKE_NPM", "")
			var said progress
			if _, err := localserver.Install(t.Context(), localserver.Options{Dir: dir, Progress: said.add}); err != nil {
				t.Fatal(err)
			}
			if got := npmSteps(t, log); got != want {
				t.Errorf("npm was called for %s, want %s", got, want)
			}
			if kept := strings.Contains(said.String(), "going on"); kept != (step != "install") {
				t.Errorf("progress:\n%s", &said)
			}
			nothingPartial(t, dir)
		})
	}
}

// What is left of another version, or of a program that made other folders, is of no use.
func TestInstallAnew(t *testing.T) {
	fakePath(t, complete...)
	log := filepath.Join(t.TempDir(), "npm.log")
	t.Setenv("FAKE_NPM_LOG", log)
	dir := t.TempDir()
	partial := installation(dir, localserver.DefaultVersion) + ".partial"
	if err := os.MkdirAll(filepath.Join(partial, "node_modules", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"package.json": "{}", "step": "unpacked"} {
		if err := os.WriteFile(filepath.Join(partial, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := localserver.Install(t.Context(), localserver.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "x")); err == nil {
		t.Error("what was there is still there")
	}
	if got := npmSteps(t, log); got != "install ci rebuild" {
		t.Errorf("npm was called for %s", got)
	}
}

func TestInstallInterrupted(t *testing.T) {
	fakePath(t, complete...)
	t.Setenv("FAKE_NPM", "ci: hangs")
	dir := t.TempDir()
	cause := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	_, err := localserver.Install(ctx, localserver.Options{Dir: dir, Progress: func(line string) {
		if strings.HasPrefix(line, "2 of 3") {
			cancel(cause)
		}
	}})
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	t.Setenv("FAKE_NPM", "")
	if _, err := localserver.Install(t.Context(), localserver.Options{Dir: dir}); err != nil {
		t.Errorf("the next time: %v", err)
	}
	nothingPartial(t, dir)
}

// What is missing or fails is named, with the way out, and nothing else is blamed for it.
func TestInstallErrors(t *testing.T) {
	tests := []struct {
		name    string
		path    []string
		npm     string // the step that fails, and what npm says then
		version string
		want    []string // with "-": not said
	}{
		{"range", complete, "", "^12.0.0", []string{"not an exact version"}},
		{"path", complete, "", "../12.0.0", []string{"not an exact version"}},
		{"nothing but Node.js", []string{"node", "npm"}, "", "", []string{"not found: python3, make and g++\n", "install", "Chromium", "-npm"}},
		{"no compiler", []string{"node", "npm", "python3", "make"}, "", "", []string{"not found: g++\n"}},
		{"disk full", complete, "ci: npm error code ENOSPC\nnpm error write", "", []string{"the disk is full", "free some space", "npm error write"}},
		{"no network", complete, "install: npm error code EAI_AGAIN", "", []string{"could not reach the package registry", "proxy"}},
		{"no network later", complete, "ci: npm error code ECONNRESET", "", []string{"could not reach the package registry"}},
		{"no such version", complete, "install: npm error code ETARGET", "99.0.0", []string{"does not have this version"}},
		{"no prebuilt module and no compiler", complete,
			"rebuild: npm error prebuild-install warn install getaddrinfo ENOTFOUND github.com\nnpm error gyp ERR! stack Error: not found: make", "",
			[]string{"the compiler is missing", "-package registry", "gyp ERR! stack"}},
		{"no prebuilt module and a broken compiler", complete,
			"rebuild: npm error prebuild-install warn install connect ECONNREFUSED\nnpm error gyp ERR! stack Error: make failed", "",
			[]string{"could not be compiled", "-package registry", "-compiler is missing"}},
		{"no headers", complete,
			"rebuild: gyp ERR! configure error\ngyp ERR! stack FetchError: request to https://nodejs.org/download failed, reason: ENOTFOUND", "",
			[]string{"headers of Node.js could not be downloaded", "npm_config_nodedir", "-compiler is missing"}},
		{"no memory", complete, "rebuild: c++: fatal error: Killed signal terminated program cc1plus\ngyp ERR! stack Error", "", []string{"ran out of memory"}},
		{"something else", complete, "install: npm error something strange", "", []string{"npm printed last:\nnpm error something strange"}},
		{"npm does nothing", complete, "all: does nothing", "", []string{"incomplete"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fakePath(t, tt.path...)
			t.Setenv("FAKE_NPM", tt.npm)
			_, err := localserver.Install(t.Context(), localserver.Options{Dir: t.TempDir(), Version: tt.version})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				unwanted, not := strings.CutPrefix(want, "-")
				if not && strings.Contains(err.Error(), unwanted) || !not && !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in:\n%v", want, err)
				}
			}
		})
	}
}

// Who can install what is missing is asked before anything is downloaded.
func TestInstallMissing(t *testing.T) {
	fakePath(t, "node", "npm", "make")
	log := filepath.Join(t.TempDir(), "npm.log")
	t.Setenv("FAKE_NPM_LOG", log)
	opts := localserver.Options{Dir: t.TempDir(), Missing: func(_ context.Context, missing *needs.Error) error {
		if n := len(missing.Programs); n != 2 || npmSteps(t, log) != "" {
			t.Errorf("asked for %d programs after npm was called for %q", n, npmSteps(t, log))
		}
		return nil
	}}
	if _, err := localserver.Install(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	opts.Missing = func(context.Context, *needs.Error) error { t.Error("asked again"); return nil }
	if _, err := localserver.Install(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
}
