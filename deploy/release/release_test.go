package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// read is the tree of this checkout, as of a day that does not change.
func read(t *testing.T) *tree {
	t.Helper()
	t.Chdir("../..")
	t.Setenv("SOURCE_DATE_EPOCH", "1796000000")
	tree, err := readTree("", "Somebody <somebody@example.com>")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// stand is a program that nobody has to compile, which is what all but the build is tried with.
func stand(t *testing.T) *program {
	t.Helper()
	return &program{arch: "arm64", binary: []byte("\x7fELF of the daemon"), info: &buildinfo.BuildInfo{
		GoVersion: "go1.26.8", Deps: []*debug.Module{{Path: "gopkg.in/irc.v4", Version: "v4.0.0"}},
	}}
}

// filesFor are those of a package without completions, which take a build.
func filesFor(t *testing.T, tree *tree) []file {
	t.Helper()
	pages, err := tree.manPages()
	if err != nil {
		t.Fatal(err)
	}
	return append(append(pages, tree.examples()...), file{path: installedProgram, mode: 0o755, data: []byte("program")}, file{path: "/etc/directus-ircd/config.yaml", mode: 0o644, data: []byte("directus: {}\n"), config: true})
}

// The same commit makes the same bytes, whenever and in whatever folder.
func TestReproducible(t *testing.T) {
	tree, p := read(t), stand(t)
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := errors.Join(
			tree.archive(dir, p, filesFor(t, tree)),
			tree.packages(dir, p, filesFor(t, tree)),
			tree.bill(dir, p),
			tree.writeImages(dir, []image{tree.image(p)}),
			writeSums(dir),
		); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(first)
	if err != nil || len(entries) != 6 {
		t.Fatalf("%d files: %v", len(entries), err)
	}
	for _, e := range entries {
		a, errA := os.ReadFile(filepath.Join(first, e.Name()))
		b, errB := os.ReadFile(filepath.Join(second, e.Name()))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not the same twice (%v, %v)", e.Name(), errA, errB)
		}
	}
	check := exec.Command("sha256sum", "--check", "--quiet", "SHA256SUMS")
	check.Dir = first
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
}

// What dpkg itself reads in the package.
func TestDebianPackage(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Log("no dpkg-deb on this machine: the package is read where there is one")
		return
	}
	tree, dir := read(t), t.TempDir()
	if err := tree.packages(dir, stand(t), filesFor(t, tree)); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	for flag, parts := range map[string][]string{
		"--info": {"Package: directus-ircd", "Version: " + tree.version + "-1", "Architecture: arm64", "Maintainer: Somebody", "postinst", "prerm", "postrm", "conffiles"},
		"--contents": {"-rwxr-xr-x root/root", "./usr/bin/directus-ircd", "./etc/directus-ircd/config.yaml", "./usr/share/man/man1/directus-ircd.1.gz",
			"./usr/share/doc/directus-ircd/examples/compose.yaml", "./usr/share/doc/directus-ircd/examples/Caddyfile"},
	} {
		out, err := exec.Command(dpkg, flag, found[0]).CombinedOutput()
		if err != nil {
			t.Fatalf("dpkg-deb %s: %v\n%s", flag, err, out)
		}
		for _, part := range parts {
			if !strings.Contains(string(out), part) {
				t.Errorf("dpkg-deb %s lacks %q:\n%s", flag, part, out)
			}
		}
	}
}

// What rpm itself reads in the package: its folders are its own, and zsh finds its completion.
func TestRPM(t *testing.T) {
	rpm, err := exec.LookPath("rpm")
	if err != nil {
		t.Log("no rpm on this machine: the package is read where there is one")
		return
	}
	tree, dir := read(t), t.TempDir()
	completion := file{path: "/usr/share/zsh/vendor-completions/_directus-ircd", mode: 0o644, data: []byte("#compdef directus-ircd\n")}
	if err := tree.packages(dir, stand(t), append(filesFor(t, tree), completion)); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.rpm"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	out, err := exec.Command(rpm, "-qp", "--list", found[0]).CombinedOutput()
	if err != nil {
		t.Fatalf("rpm: %v\n%s", err, out)
	}
	for _, file := range []string{"/etc/directus-ircd", "/usr/share/doc/directus-ircd", "/usr/share/doc/directus-ircd/examples", "/usr/share/zsh/site-functions/_directus-ircd", "/usr/bin/directus-ircd"} {
		if !slices.Contains(strings.Fields(string(out)), file) {
			t.Errorf("%s is not in the package:\n%s", file, out)
		}
	}
}

// The shell takes the scripts that packages run as root.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("scripts/*")
	if err != nil || len(files) != 6 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if out, err := exec.Command("sh", "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// The image holds what the program needs of a system, for a user who may do nothing.
func TestImage(t *testing.T) {
	tree, dir := read(t), t.TempDir()
	arm := stand(t)
	amd := *arm
	amd.arch = "amd64"
	if err := tree.writeImages(dir, []image{tree.image(arm), tree.image(&amd)}); err != nil {
		t.Fatal(err)
	}
	archive, err := os.Open(filepath.Join(dir, "directus-ircd-"+tree.version+"-oci.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	index, err := layout.ImageIndexFromPath(unpack(t, archive))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	// What reads an archive takes each name in it for one image, and looks in that for its architecture.
	named, err := index.IndexManifest()
	if err != nil || len(named.Manifests) != 1 || named.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "directus-ircd:"+tree.version {
		t.Fatalf("%+v, %v", named, err)
	}
	platforms, err := index.ImageIndex(named.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := platforms.IndexManifest()
	if err != nil || len(manifest.Manifests) != 2 || manifest.Manifests[0].Platform.Architecture != "arm64" {
		t.Fatalf("%+v, %v", manifest, err)
	}
	built, err := platforms.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	config, err := built.ConfigFile()
	if err != nil || config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != installedProgram || config.Architecture != "arm64" {
		t.Errorf("%+v, %v", config, err)
	}
	if check := config.Config.Healthcheck; check == nil || !slices.Equal(check.Test, []string{"CMD", installedProgram, "health"}) {
		t.Errorf("the health check is %+v", check)
	}
	if got := owners(t, built); got["usr/bin/directus-ircd"] != 0 || got["var/lib/directus-ircd/"] != nobody {
		t.Errorf("the files belong to %v", got)
	}
}

// unpack makes a folder with the files of an archive.
func unpack(t *testing.T, archive io.Reader) string {
	t.Helper()
	dir := t.TempDir()
	eachEntry(t, archive, func(h *tar.Header, data []byte) {
		path := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	})
	return dir
}

func eachEntry(t *testing.T, archive io.Reader, do func(*tar.Header, []byte)) {
	t.Helper()
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		do(h, data)
	}
}

// owners are the users that the files of an image belong to.
func owners(t *testing.T, built v1.Image) map[string]int {
	t.Helper()
	layers, err := built.Layers()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, l := range layers {
		content, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		eachEntry(t, content, func(h *tar.Header, _ []byte) { found[h.Name] = h.Uid })
		content.Close()
	}
	return found
}

// The bill of materials names what the linker has put in.
func TestBill(t *testing.T) {
	tree, dir := read(t), t.TempDir()
	if err := tree.bill(dir, stand(t)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "directus-ircd-"+tree.version+"-linux-arm64.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bom cyclonedx.BOM
	if err := json.Unmarshal(text, &bom); err != nil {
		t.Fatal(err)
	}
	if c := *bom.Components; len(c) != 2 || c[1].PackageURL != "pkg:golang/gopkg.in/irc.v4@v4.0.0" || bom.Metadata.Component.Version != tree.version {
		t.Errorf("%s", text)
	}
}

// Each page names itself in the words that apropos(1) and man(1) look for.
func TestManPages(t *testing.T) {
	tree := read(t)
	pages, err := tree.manPages()
	if err != nil || len(pages) < 7 {
		t.Fatal(len(pages), err)
	}
	for _, p := range pages {
		r, err := gzip.NewReader(bytes.NewReader(p.data))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(p.path), ".gz")
		name, section := name[:len(name)-2], name[len(name)-1:]
		if !strings.Contains(string(text), ".TH "+strings.ToUpper(name)+" "+section+" ") || !strings.Contains(string(text), ".SH Name\n"+name+` \- `) {
			t.Errorf("%s begins with\n%.400s", p.path, text)
		}
	}
}
