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
	return filepath.Join(dir, "directus-"+version+"-linux-x64-node115")
}

func npmRuns(t *testing.T, log string) int {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func nothingPartial(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "*.partial"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestInstall(t *testing.T) {
	fakePath(t, "node", "npm")
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
	if n := npmRuns(t, log); n != 1 {
		t.Errorf("npm ran %d times", n)
	}
	args, _ := os.ReadFile(log)
	if !strings.HasPrefix(string(args), "install --legacy-peer-deps --no-audit --no-fund") {
		t.Errorf("npm was called with %s", args)
	}
	if text := said.String(); !strings.Contains(text, "Directus 11.17.4") || strings.Contains(text, "incomplete") {
		t.Errorf("progress:\n%s", text)
	}
	nothingPartial(t, dir)
}

func TestInstallAgainWhenIncomplete(t *testing.T) {
	fakePath(t, "node", "npm")
	for name, leave := range map[string]func(folder string) error{
		"killed in the middle": func(folder string) error { return os.MkdirAll(folder+".partial/node_modules/x", 0o700) },
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
	fakePath(t, "node", "npm")
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
	if n := npmRuns(t, log); n != 1 {
		t.Errorf("npm ran %d times", n)
	}
}

func TestInstallInterrupted(t *testing.T) {
	fakePath(t, "node", "npm")
	t.Setenv("FAKE_NPM", "hangs")
	dir := t.TempDir()
	cause := errors.New("had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var said progress
	_, err := localserver.Install(ctx, localserver.Options{Dir: dir, Progress: func(line string) {
		said.add(line)
		if strings.HasPrefix(line, "installing") {
			cancel(cause)
		}
	}})
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	nothingPartial(t, dir)

	t.Setenv("FAKE_NPM", "")
	if _, err := localserver.Install(t.Context(), localserver.Options{Dir: dir}); err != nil {
		t.Errorf("the next time: %v", err)
	}
}

// What is missing or fails is named, with the way out.
func TestInstallErrors(t *testing.T) {
	tests := []struct {
		name    string
		path    []string
		env     map[string]string
		version string
		want    []string
	}{
		{"no node", nil, nil, "", []string{"no Node.js was found, which Directus needs", "install Node.js 20", "PATH"}},
		{"no npm", []string{"node"}, nil, "", []string{"npm, which installs Directus, was not found", "install npm"}},
		{"old node", []string{"node", "npm"}, map[string]string{"FAKE_NODE": "18.19.1"}, "", []string{"Node.js 18.19.1", "20 or newer"}},
		{"no node at all", []string{"node", "npm"}, map[string]string{"FAKE_NODE": "hello there"}, "", []string{"is it Node.js?"}},
		{"range", []string{"node", "npm"}, nil, "^12.0.0", []string{"not an exact version"}},
		{"path", []string{"node", "npm"}, nil, "../12.0.0", []string{"not an exact version"}},
		{"disk full", []string{"node", "npm"}, map[string]string{"FAKE_NPM": "npm error code ENOSPC\nnpm error write"}, "", []string{"the disk is full", "free some space", "npm error write"}},
		{"no network", []string{"node", "npm"}, map[string]string{"FAKE_NPM": "npm error code EAI_AGAIN"}, "", []string{"could not reach the package registry", "proxy"}},
		{"no such version", []string{"node", "npm"}, map[string]string{"FAKE_NPM": "npm error code ETARGET"}, "99.0.0", []string{"does not have this version"}},
		{"no compiler", []string{"node", "npm"}, map[string]string{"FAKE_NPM": "gyp ERR! stack Error: not found: make"}, "", []string{"could not be compiled", "needed to compile", "python3, make, g++", "apt-get install", "gyp ERR! stack"}},
		{"compiler there", []string{"node", "npm", "python3", "make", "g++"}, map[string]string{"FAKE_NPM": "gyp ERR! stack"}, "", []string{"could not be compiled", "-needed to compile"}},
		{"something else", []string{"node", "npm"}, map[string]string{"FAKE_NPM": "npm error something strange"}, "", []string{"npm printed last:\nnpm error something strange"}},
		{"npm does nothing", []string{"node", "npm"}, map[string]string{"FAKE_NPM": "does nothing"}, "", []string{"incomplete"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fakePath(t, tt.path...)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			dir := t.TempDir()
			_, err := localserver.Install(t.Context(), localserver.Options{Dir: dir, Version: tt.version})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				unwanted, not := strings.CutPrefix(want, "-")
				if not && strings.Contains(err.Error(), unwanted) || !not && !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in:\n%v", want, err)
				}
			}
			nothingPartial(t, dir)
		})
	}
}

func TestInstallWithoutCompilersWarns(t *testing.T) {
	fakePath(t, "node", "npm", "make")
	var said progress
	if _, err := localserver.Install(t.Context(), localserver.Options{Dir: t.TempDir(), Progress: said.add}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "not found: python3, g++;") {
		t.Errorf("progress:\n%s", &said)
	}
}
