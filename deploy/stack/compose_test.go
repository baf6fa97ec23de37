package stack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus/localserver"
)

const (
	composeFile = "../compose.yaml"
	caddyFile   = "../Caddyfile"
	// host is what the tests call the stack.
	host = "localhost"
)

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// load reads a text of compose.yaml as Docker Compose does: by its schema, with what services name each other and their
// secrets, volumes and configurations by.
func load(t testing.TB, text, host string) *types.Project {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(composeFile),
		ConfigFiles: []types.ConfigFile{{Filename: composeFile, Content: []byte(text)}},
		Environment: types.Mapping{"IRCD_VERSION": "1.2.3", "CHAT_HOST": host, "ADMIN_EMAIL": "admin@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// daemonConfig is the configuration that a project has for the daemon.
func daemonConfig(t testing.TB, project *types.Project) *config.Config {
	t.Helper()
	cfg, err := config.Parse("", []byte(project.Configs["ircd"].Content))
	if err != nil {
		t.Fatalf("the configuration of the daemon: %v", err)
	}
	return cfg
}

func port(t testing.TB, address string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// offOption is a line that is put in by removing its "#".
var offOption = regexp.MustCompile(`(?m)^( +)#(\S)`)

// TestCompose holds the file against what its services need of each other, as it is and with IRC over TLS turned on.
func TestCompose(t *testing.T) {
	text := read(t, composeFile)
	if n := len(offOption.FindAllString(text, -1)); n != 3 {
		t.Fatalf("%d lines can be turned on, not 3", n)
	}
	for name, text := range map[string]string{"as it is": text, "with TLS": offOption.ReplaceAllString(text, "$1$2")} {
		t.Run(name, func(t *testing.T) {
			project := load(t, text, "chat.example.com")
			cfg := daemonConfig(t, project)
			ircd, directus, caddy := project.Services["ircd"], project.Services["directus"], project.Services["caddy"]

			listening := []string{}
			for _, l := range cfg.Listen {
				listening = append(listening, port(t, l.Address))
			}
			for _, p := range ircd.Ports {
				if !slices.Contains(listening, strconv.Itoa(int(p.Target))) {
					t.Errorf("port %d is published, and the daemon does not listen there", p.Target)
				}
			}
			if !slices.ContainsFunc(ircd.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == cfg.Resume.Directory }) {
				t.Errorf("no volume is at %s", cfg.Resume.Directory)
			}
			if want := "directus/directus:" + localserver.DefaultVersion; directus.Image != want {
				t.Errorf("the image of Directus is %s, tested is %s", directus.Image, want)
			}
			if setup := project.Services["setup"]; !slices.Contains(setup.Command, cfg.Directus.URL) || setup.Image != ircd.Image {
				t.Errorf("setup runs %q of %s", setup.Command, setup.Image)
			}
			if cfg.Directus.PublicURL != *directus.Environment["PUBLIC_URL"] {
				t.Errorf("Directus is at %s, and links of the daemon lead to %s", *directus.Environment["PUBLIC_URL"], cfg.Directus.PublicURL)
			}
			if u, err := url.Parse(*directus.Environment["REDIS"]); err != nil || !names(project, u.Hostname()) {
				t.Errorf("REDIS leads nowhere: %v", err)
			}
			for _, v := range caddy.Volumes {
				if v.Type == types.VolumeTypeBind {
					if _, err := os.Stat(filepath.Join("..", filepath.Base(v.Source))); err != nil {
						t.Error(err)
					}
				}
			}
			// The certificates of the daemon are checked by HTTP.
			if strings.Contains(text, "\n        - {address: \":6697\"") {
				listening = append(listening, port(t, cfg.ACME.HTTP))
			} else {
				listening = append(listening, "8080")
			}
			for _, upstream := range regexp.MustCompile(`reverse_proxy (\S+)`).FindAllStringSubmatch(read(t, caddyFile), -1) {
				name, p, _ := net.SplitHostPort(upstream[1])
				known := name == "ircd" && slices.Contains(listening, p) || "http://"+upstream[1] == cfg.Directus.URL
				if !names(project, name) || !known {
					t.Errorf("Caddy passes on to %s, where nothing listens", upstream[1])
				}
			}
		})
	}
}

func names(project *types.Project, service string) bool {
	return slices.Contains(project.ServiceNames(), service)
}

// TestServices holds each service to what an operator expects of all.
func TestServices(t *testing.T) {
	project := load(t, read(t, composeFile), host)
	for name, s := range project.Services {
		once := name == "setup" || name == "chat"
		if (s.Restart == "on-failure") != once || (s.Restart == "unless-stopped") == once {
			t.Errorf("%s: restart is %q", name, s.Restart)
		}
		if (s.HealthCheck == nil) != once {
			t.Errorf("%s: its health check is %v", name, s.HealthCheck)
		}
		if _, tag, _ := strings.Cut(s.Image, ":"); tag == "" || tag == "latest" {
			t.Errorf("%s: no version of %s is named", name, s.Image)
		}
		for variable, value := range s.Environment {
			secret, isFile := strings.CutPrefix(*value, "/run/secrets/")
			if isFile && !slices.ContainsFunc(s.Secrets, func(c types.ServiceSecretConfig) bool { return c.Source == secret }) {
				t.Errorf("%s: %s is a secret that the service does not get", name, variable)
			}
			if !isFile && regexp.MustCompile(`PASSWORD|TOKEN|SECRET`).MatchString(variable) {
				t.Errorf("%s: %s stands in the file", name, variable)
			}
		}
	}
	for _, name := range []string{"ircd", "setup"} {
		if s := project.Services[name]; !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || s.User != "" {
			t.Errorf("%s: read_only %v, cap_drop %q, user %q", name, s.ReadOnly, s.CapDrop, s.User)
		}
	}
}

// headCommand is a command in the head of compose.yaml.
var headCommand = regexp.MustCompile(`(?m)^#   (.+)$`)

// TestSecretsCommand runs the command that makes the secrets: Directus takes a file as it is, with a line break at its end,
// and the users of the containers have to be able to read it.
func TestSecretsCommand(t *testing.T) {
	commands := headCommand.FindAllStringSubmatch(read(t, composeFile), -1)
	if len(commands) != 3 {
		t.Fatalf("the head has %d commands, not 3", len(commands))
	}
	dir := t.TempDir()
	makeSecrets := exec.Command("sh", "-c", "umask 077; "+commands[1][1])
	makeSecrets.Dir = dir
	if out, err := makeSecrets.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	folder := filepath.Join(dir, "secrets")
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
	made, err := filepath.Glob(folder + "/*")
	if err != nil {
		t.Fatal(err)
	}
	project, seen := load(t, read(t, composeFile), host), map[string]bool{}
	for _, s := range project.Secrets {
		secret := read(t, filepath.Join(folder, filepath.Base(s.File)))
		if !regexp.MustCompile(`^[a-z0-9]{40}$`).MatchString(secret) || seen[secret] {
			t.Errorf("%s: %q", s.File, secret)
		}
		seen[secret] = true
	}
	for _, file := range made {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	if len(made) != len(project.Secrets) {
		t.Errorf("made are %q, wanted %v", made, slices.Sorted(maps.Keys(project.Secrets)))
	}
}

// fetch runs the command of the service that fetches the web client, with a wget that copies a file.
func fetch(t testing.TB, archive, sum, target string) (string, error) {
	t.Helper()
	service := load(t, read(t, composeFile), host).Services["chat"]
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "wget"), []byte("#!/bin/sh\nexec cp \"$4\" \"$3\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(service.Command[0], service.Command[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR="+t.TempDir(), "ARCHIVE="+archive, "SHA512="+sum, "TARGET="+target)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// pack writes an archive as those of the web client are, and returns its name and its checksum.
func pack(t testing.TB, files map[string][]byte) (file, sum string) {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: "gamja/" + name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "archive.tar.gz")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file, fmt.Sprintf("%x", sha512.Sum512(b.Bytes()))
}

// TestFetchOther has another archive come than the one that was pinned.
func TestFetchOther(t *testing.T) {
	target := t.TempDir()
	pinned := load(t, read(t, composeFile), host).Services["chat"].Environment["SHA512"]
	other, _ := pack(t, map[string][]byte{"index.html": []byte("<p>other"), "package.json": []byte("{}"), "package-lock.json": []byte(emptyLock)})
	if out, err := fetch(t, other, *pinned, target); err == nil {
		t.Errorf("another archive was taken:\n%s", out)
	}
	if left, err := os.ReadDir(target); err != nil || len(left) > 0 {
		t.Errorf("there is %v, %v", left, err)
	}
}

// emptyLock is what npm takes for a package that needs no other.
const emptyLock = `{"lockfileVersion": 3, "packages": {"": {}}}`
