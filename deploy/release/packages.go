package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers the format
)

//go:embed scripts
var scripts embed.FS

// packages writes the Debian and the RPM package of a program.
func (t *tree) packages(dir string, p *program, installed []file) error {
	scratch, err := os.MkdirTemp("", "release-") // the library reads the files of a package from disk
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	for _, format := range []string{"deb", "rpm"} {
		if err := t.pack(dir, scratch, format, p, installed); err != nil {
			return fmt.Errorf("%s package for %s: %w", format, p.arch, err)
		}
	}
	return nil
}

func (t *tree) pack(dir, scratch, format string, p *program, installed []file) error {
	info := &nfpm.Info{
		Name: "directus-ircd", Arch: p.arch, Platform: "linux", Version: t.version, Release: "1",
		Section: "net", Priority: "optional", Maintainer: t.maintainer, MTime: t.date,
		Description:     "IRC server for a chat in Directus\nPeople join a chat that is kept in a Directus collection with any IRC client,\nunder their own Directus permissions.",
		DisableGlobbing: true,
	}
	if t.licence != "" {
		info.License = "see /usr/share/doc/directus-ircd/copyright"
	}
	if format == "deb" {
		installed = append(installed[:len(installed):len(installed)], t.debianFiles()...)
		info.Depends = []string{"init-system-helpers (>= 1.52)"}
		info.Recommends = []string{"ca-certificates"}
	} else {
		installed = rpmFiles(installed)
		info.RPM.BuildHost, info.RPM.Summary = "localhost", "IRC server for a chat in Directus"
	}
	for i, f := range installed {
		if f.mode.IsDir() {
			info.Contents = append(info.Contents, &files.Content{Destination: f.path, Type: files.TypeDir, FileInfo: &files.ContentFileInfo{Mode: f.mode.Perm(), MTime: t.date}})
			continue
		}
		source := filepath.Join(scratch, fmt.Sprint(format, i))
		if err := os.WriteFile(source, f.data, 0o644); err != nil {
			return err
		}
		content := &files.Content{Source: source, Destination: f.path, FileInfo: &files.ContentFileInfo{Mode: f.mode, MTime: t.date}}
		if f.config {
			content.Type = files.TypeConfigNoReplace
		}
		info.Contents = append(info.Contents, content)
	}
	for name, into := range map[string]*string{
		"postinstall": &info.Scripts.PostInstall, "preremove": &info.Scripts.PreRemove, "postremove": &info.Scripts.PostRemove,
	} {
		text, err := scripts.ReadFile("scripts/" + name + "." + format)
		if err != nil {
			return err
		}
		*into = filepath.Join(scratch, name+"."+format)
		if err := os.WriteFile(*into, text, 0o755); err != nil {
			return err
		}
	}
	info = nfpm.WithDefaults(info)
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(dir, packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	defer out.Close()
	if err := packager.Package(info, out); err != nil {
		return err
	}
	return out.Close()
}

// rpmFiles are the files where the systems with RPM look for them, and the folders, which RPM removes only if they belong to
// the package.
func rpmFiles(installed []file) (list []file) {
	for _, f := range installed {
		f.path = strings.Replace(f.path, "/zsh/vendor-completions/", "/zsh/site-functions/", 1)
		list = append(list, f)
	}
	for _, folder := range []string{"/etc/directus-ircd", strings.TrimSuffix(documents, "/"), documents + "examples"} {
		list = append(list, file{path: folder, mode: fs.ModeDir | 0o755})
	}
	return list
}

// debianFiles are those that only Debian's policy asks for.
func (t *tree) debianFiles() []file {
	changelog := fmt.Sprintf("directus-ircd (%s-1) unstable; urgency=medium\n\n  * What is new is in changelog.gz beside this file.\n\n -- %s  %s\n",
		strings.Replace(t.version, "-", "~", 1), t.maintainer, t.date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	return []file{
		{path: documents + "changelog.Debian.gz", mode: 0o644, data: compressed([]byte(changelog))},
		{path: "/usr/share/lintian/overrides/directus-ircd", mode: 0o644, data: []byte(lintianOverrides)},
	}
}

// lintianOverrides are the complaints of Debian's checker that stay, and why.
const lintianOverrides = `# A Go program without cgo needs no shared library, and runs on every Linux.
directus-ircd: statically-linked-binary [usr/bin/directus-ircd]
# The package is made by the project itself, and closes no bug of Debian.
directus-ircd: initial-upload-closes-no-bugs [usr/share/doc/directus-ircd/changelog.Debian.gz:1]
`
