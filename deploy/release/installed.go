package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"

	"directus-ircd/deploy/man"
)

// file is a file as a package installs it.
type file struct {
	path string
	mode fs.FileMode
	data []byte
	// config: the operator's changes outlive an upgrade.
	config bool
}

// Where a package installs the program, and its documents.
const (
	installedProgram = "/usr/bin/directus-ircd"
	documents        = "/usr/share/doc/directus-ircd/"
)

// installed are the files that both kinds of packages install.
func (t *tree) installed(ctx context.Context, p *program) ([]file, error) {
	units, err := t.units()
	if err != nil {
		return nil, err
	}
	conf, err := emptyConfig(t.texts[configFile])
	if err != nil {
		return nil, err
	}
	notices, err := notices(p.info)
	if err != nil {
		return nil, err
	}
	files := []file{
		{path: installedProgram, mode: 0o755, data: p.binary},
		{path: "/etc/directus-ircd/config.yaml", mode: 0o644, data: []byte(conf), config: true},
		{path: documents + "README.md", mode: 0o644, data: []byte(t.texts[readmeFile])},
		{path: documents + "config.example.yaml", mode: 0o644, data: []byte(t.texts[configFile])},
		{path: documents + "changelog.gz", mode: 0o644, data: compressed([]byte(t.texts[changelogFile]))},
		{path: documents + "copyright", mode: 0o644, data: []byte(t.copyright())},
		{path: documents + "THIRD-PARTY-NOTICES.gz", mode: 0o644, data: compressed(notices)},
	}
	files = append(files, t.examples()...)
	files = append(files, units...)
	pages, err := t.manPages()
	if err != nil {
		return nil, err
	}
	files = append(files, pages...)
	for shell, path := range map[string]string{
		"bash": "/usr/share/bash-completion/completions/directus-ircd",
		"zsh":  "/usr/share/zsh/vendor-completions/_directus-ircd",
		"fish": "/usr/share/fish/vendor_completions.d/directus-ircd.fish",
	} {
		script, err := run(ctx, "completion", shell)
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: path, mode: 0o644, data: script})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files, nil
}

// examples are the files for what runs beside the daemon.
func (t *tree) examples() (files []file) {
	for _, name := range exampleFiles {
		files = append(files, file{path: documents + "examples/" + path.Base(name), mode: 0o644, data: []byte(t.texts[name])})
	}
	return files
}

// units are those of the tree, with the program where the package has it.
func (t *tree) units() (files []file, err error) {
	const byHand = "/usr/local/bin/directus-ircd"
	if !strings.Contains(t.texts[serviceFile], "ExecStart="+byHand+" ") {
		return nil, fmt.Errorf("%s does not start %s: the package would not know what to put in its place", serviceFile, byHand)
	}
	for name, text := range map[string]string{
		"directus-ircd.service": strings.ReplaceAll(t.texts[serviceFile], byHand, installedProgram),
		"directus-ircd.socket":  t.texts[socketFile],
	} {
		files = append(files, file{path: "/usr/lib/systemd/system/" + name, mode: 0o644, data: []byte(text)})
	}
	return files, nil
}

// emptyConfig is the example without an address of Directus, so that a daemon that nobody has configured does not start.
func emptyConfig(example string) (string, error) {
	const address = "\n  url: https://chat.example.com\n"
	if strings.Count(example, address) != 1 {
		return "", fmt.Errorf("%s does not have %q once: the package could not leave directus.url open", configFile, strings.TrimSpace(address))
	}
	return strings.Replace(example, address, "\n  url: \"\"\n", 1), nil
}

// manPages are the manual pages in the form that man(1) reads.
func (t *tree) manPages() (files []file, err error) {
	for _, p := range man.Pages() {
		name := strings.TrimSuffix(p.File, ".md")
		sectionOf := name[len(name)-1:]
		// The title and the line below it become the header and the section NAME, from which apropos(1) lives.
		_, body, _ := strings.Cut(p.Terminal(), " - "+p.About)
		text := fmt.Sprintf("%% %s %s \"%s\" \"directus-ircd %s\" \"\"\n\n# Name\n\n%s - %s\n%s",
			strings.ToUpper(name[:len(name)-2]), sectionOf, t.date.Format("2006-01-02"), t.version, name[:len(name)-2], p.About, body)
		text = strings.ReplaceAll(text, "\n## ", "\n# ")
		text = strings.ReplaceAll(text, "\n### ", "\n## ")
		path := "/usr/share/man/man" + sectionOf + "/" + name + ".gz"
		files = append(files, file{path: path, mode: 0o644, data: compressed(md2man.Render([]byte(text)))})
	}
	return files, nil
}

// copyright says what may be done with the program, which is the owner's to say.
func (t *tree) copyright() string {
	text := fmt.Sprintf("directus-ircd\n\nCopyright (C) %d the developers of directus-ircd\n\n", t.date.Year())
	if t.licence == "" {
		text += "No licence has been chosen yet: all rights are reserved by the authors.\n"
	} else {
		text += t.licence + "\n"
	}
	return text + "\nThe program contains other people's work. Its terms are in THIRD-PARTY-NOTICES.gz beside\nthis file.\n"
}

// compressed is what gzip -9n makes of a file.
func compressed(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one of the package's own
	}
	if _, err := w.Write(data); err != nil {
		panic(err) // memory takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
