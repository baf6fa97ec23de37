package localserver_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"directus-ircd/directus/localserver"
)

// nodeRegistry is a package registry with Node.js and npm. Its Node.js is the fake.
func nodeRegistry(t *testing.T) *httptest.Server {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pack := func(name, text string) []byte {
		var packed bytes.Buffer
		zipped := gzip.NewWriter(&packed)
		w := tar.NewWriter(zipped)
		err := w.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err := errors.Join(err, w.Close(), zipped.Close()); err != nil {
			t.Fatal(err)
		}
		return packed.Bytes()
	}
	node := pack("bin/node", "#!/bin/sh\nFAKE_PROGRAM=node exec "+binary+" \"$@\"\n")
	npm := pack("bin/npm-cli.js", "")
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		packed := node
		if strings.HasPrefix(r.URL.Path, "/npm/") {
			packed = npm
		}
		if strings.HasSuffix(r.URL.Path, ".tgz") {
			_, _ = w.Write(packed)
			return
		}
		sum := sha512.Sum512(packed)
		fmt.Fprintf(w, `{"dist": {"tarball": "%s%s.tgz", "integrity": "sha512-%s"}}`, s.URL, r.URL.Path, base64.StdEncoding.EncodeToString(sum[:]))
	}))
	t.Cleanup(s.Close)
	return s
}

// Where nothing says from where Node.js could come, npm is among what is missing, as it knows.
func TestBringNodeFromNowhere(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("npm_config_registry", "")
	t.Setenv("NPM_CONFIG_REGISTRY", "")
	for missing, path := range map[string][]string{
		"not found: python3, make, g++ and npm\n": nil,
		"not found: g++ and npm\n":                {"node", "python3", "make"},
		"not found: npm\n":                        {"python3", "make", "g++"},
	} {
		fakePath(t, path...)
		var said progress
		_, err := localserver.Install(t.Context(), localserver.Options{Dir: t.TempDir(), Progress: said.add})
		if err == nil || !strings.Contains(err.Error(), missing) || strings.Contains(said.String(), "fetching") {
			t.Errorf("got %v, want %q\n%s", err, missing, said.String())
		}
	}
}

// A machine without Node.js, or with another one than Directus wants, gets one from npm's registry.
func TestBringNode(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // npm has packages for other systems that nobody has tried here
	}
	registry := nodeRegistry(t)
	compilers := []string{"python3", "make", "g++"}
	for _, tt := range []struct {
		name string
		path []string
		node string
		why  string
	}{
		{"none", compilers, "", "no Node.js was found"},
		{"old", append([]string{"node", "npm"}, compilers...), "20.20.2", "is Node.js 20.20.2, and Directus is made for 22"},
		{"new", append([]string{"node", "npm"}, compilers...), "26.1.0", "is Node.js 26.1.0"},
		{"not Node.js", append([]string{"node", "npm"}, compilers...), "hello there you", "is it Node.js?"},
		{"no npm", append([]string{"node"}, compilers...), "22.20.0", "no npm was found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fakePath(t, tt.path...)
			t.Setenv("FAKE_NODE", tt.node)
			t.Setenv("npm_config_registry", registry.URL)
			log := filepath.Join(t.TempDir(), "npm.log")
			t.Setenv("FAKE_NPM_LOG", log)
			var said progress
			opts := localserver.Options{Dir: t.TempDir(), Progress: said.add}
			var folder string
			for range 2 {
				var err error
				if folder, err = localserver.Install(t.Context(), opts); err != nil {
					t.Fatal(err)
				}
			}
			if want := installation(opts.Dir, localserver.DefaultVersion); folder != want {
				t.Errorf("installed in %s, want %s", folder, want)
			}
			if text := said.String(); !strings.Contains(text, tt.why) || strings.Count(text, "fetching Node.js") != 1 {
				t.Errorf("progress:\n%s", text)
			}
			if got := npmSteps(t, log); got != "install ci rebuild" {
				t.Errorf("npm was called for %s", got)
			}
			nothingPartial(t, opts.Dir)
			config := localserver.Config{Install: folder, DataDir: t.TempDir(), Env: map[string]string{"GORACE": noExitSleep}}
			start(t, config).Stop()
		})
	}
}

// Where npm looks for packages is where Node.js comes from.
func TestBringNodeFrom(t *testing.T) {
	registry := nodeRegistry(t)
	dead := httptest.NewServer(nil)
	dead.Close()
	for name, configure := range map[string]func(t *testing.T, url string){
		"environment": func(t *testing.T, url string) { t.Setenv("NPM_CONFIG_REGISTRY", url) },
		"npm": func(t *testing.T, url string) {
			fakePath(t, append([]string{"npm"}, complete[2:]...)...)
			t.Setenv("FAKE_REGISTRY", url)
		},
		"home": func(t *testing.T, url string) {
			t.Setenv("HOME", t.TempDir())
			if err := os.WriteFile(filepath.Join(os.Getenv("HOME"), ".npmrc"), []byte("audit=false\nregistry = "+url+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, url := range []string{dead.URL, registry.URL + "/"} {
				fakePath(t, complete[2:]...)
				configure(t, url)
				opts := localserver.Options{Dir: t.TempDir()}
				_, err := localserver.Install(t.Context(), opts)
				if url != dead.URL && err != nil || url == dead.URL && (err == nil || !strings.Contains(err.Error(), "check the network") || !strings.Contains(err.Error(), url)) {
					t.Errorf("from %s: %v", url, err)
				}
				nothingPartial(t, opts.Dir)
			}
		})
	}
}

// Headers that lie beside node are those to compile with, unless they are of another version.
func TestHeadersBesideNode(t *testing.T) {
	for abi, want := range map[string]bool{"127": true, "115": false} {
		fakePath(t, complete...)
		log := filepath.Join(t.TempDir(), "npm.log")
		t.Setenv("FAKE_NPM_LOG", log)
		t.Setenv("npm_config_nodedir", "")
		prefix := t.TempDir()
		for _, dir := range []string{"bin", "include/node"} {
			if err := os.MkdirAll(filepath.Join(prefix, dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		binary, err := os.Readlink(filepath.Join(os.Getenv("PATH"), "node"))
		if err != nil {
			t.Fatal(err)
		}
		// The link in PATH leads to the real program, as in Debian; its headers lie beside that one.
		real := filepath.Join(prefix, "bin", "node")
		err = errors.Join(
			os.Link(binary, real),
			os.Remove(filepath.Join(os.Getenv("PATH"), "node")),
			os.Symlink(real, filepath.Join(os.Getenv("PATH"), "node")),
			os.WriteFile(filepath.Join(prefix, "include/node/node_version.h"), []byte("/* */\n#define NODE_MODULE_VERSION "+abi+"\n"), 0o600),
		)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := localserver.Install(t.Context(), localserver.Options{Dir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(log)
		if got := strings.Count(string(text), "nodedir="+prefix+"\n") == 3; got != want {
			t.Errorf("headers of %s: used: %v, want %v\n%s", abi, got, want, text)
		}
	}
}
