// Release makes everything that a release of directus-ircd consists of, in one folder: archives, Debian and RPM
// packages for two architectures, a container image for both, the list of what is inside (CycloneDX), and checksums.
//
//	go run ./deploy/release --out dist
//
// It runs in the top folder of the tree, on Linux, with Go and nothing else, and needs no network beyond the modules.
// The same commit makes the same bytes with the same Go release.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command line.
type options struct {
	Out        string   `required:"" placeholder:"DIR" type:"path" help:"The folder to make; it must not exist, or be empty."`
	Version    *string  `placeholder:"VERSION" help:"Such as 1.2.3 or 1.2.3-rc.1; deploy/CHANGELOG.md must have a section of that name. Default: its first section."`
	Arch       []string `default:"amd64,arm64" placeholder:"ARCH" help:"Architectures of Linux, by their names in Go (${default})."`
	Maintainer string   `default:"directus-ircd developers <developers@directus-ircd.invalid>" placeholder:"WHO" help:"Who answers for the packages, as name and e-mail address (${default})."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("release"), kong.Description("Make a release of directus-ircd."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run makes the release beside where it belongs, and moves it there when it is whole. If ctx ends before, nothing stays.
func (o *options) run(ctx context.Context) error {
	began := time.Now()
	if err := o.validate(); err != nil {
		return err
	}
	version := ""
	if o.Version != nil {
		version = *o.Version
	}
	t, err := readTree(version, o.Maintainer)
	if err != nil {
		return err
	}
	parent := filepath.Dir(o.Out)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("no folder for the release: %w", err)
	}
	dir, err := os.MkdirTemp(parent, ".release-")
	if err != nil {
		return fmt.Errorf("the release cannot be written: %w: choose another --out", err)
	}
	defer os.RemoveAll(dir)
	if err := t.release(ctx, dir, o.Arch); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if err := os.Remove(o.Out); err != nil && !errors.Is(err, os.ErrNotExist) { // empty, as validate saw
		return err
	}
	if err := os.Rename(dir, o.Out); err != nil {
		return err
	}
	fmt.Printf("directus-ircd %s is in %s, made in %.0f s\n", t.version, o.Out, time.Since(began).Seconds())
	return nil
}

var aVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$`)

func (o *options) validate() error {
	if o.Version != nil && !aVersion.MatchString(*o.Version) {
		return fmt.Errorf("%q is no version: write it as 1.2.3 or 1.2.3-rc.1", *o.Version)
	}
	if who, err := mail.ParseAddress(o.Maintainer); err != nil || who.Name == "" || strings.ContainsAny(o.Maintainer, "\r\n") {
		return fmt.Errorf("%q is no maintainer: write it as NAME <ADDRESS>", o.Maintainer)
	}
	if len(o.Arch) == 0 {
		return errors.New("--arch names none: amd64, arm64")
	}
	for i, arch := range o.Arch {
		if slices.Contains(o.Arch[:i], arch) {
			return fmt.Errorf("--arch names %s twice", arch)
		}
		if !slices.Contains([]string{"amd64", "arm64"}, arch) {
			return fmt.Errorf("%q is no architecture that releases are made for: amd64, arm64", arch)
		}
	}
	entries, err := os.ReadDir(o.Out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("--out: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: remove it, or choose another --out", o.Out)
	}
	return nil
}

// release writes all files of it into a folder.
func (t *tree) release(ctx context.Context, dir string, architectures []string) error {
	var images []image
	for _, arch := range architectures {
		p, err := t.build(ctx, arch)
		if err != nil {
			return err
		}
		installed, err := t.installed(ctx, p)
		if err != nil {
			return err
		}
		if err := t.archive(dir, p, installed); err != nil {
			return err
		}
		if err := t.packages(dir, p, installed); err != nil {
			return err
		}
		if err := t.bill(dir, p); err != nil {
			return err
		}
		images = append(images, t.image(p))
	}
	if err := t.writeImages(dir, images); err != nil {
		return err
	}
	return writeSums(dir)
}
