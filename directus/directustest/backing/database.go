package backing

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// Engine is a kind of database server.
type Engine struct {
	// Name is the kind and its version, such as postgres-15.18.
	Name string

	create  func(ctx context.Context, dir string) error // makes an empty database in dir/data
	command func(dir string, port int) *exec.Cmd
	ready   func(ctx context.Context, s *Service) error
	ending  os.Signal // as in Service
	giving  os.Signal
	owner   *account // whom the files must belong to; nil: to this process
	environ func(port int) map[string]string
}

// Database is a database server with files of its own.
type Database struct {
	*Service
	// Environ leads Directus there.
	Environ map[string]string
}

// New starts a server with an empty database. It ends with this process, or by Remove.
func (e *Engine) New(ctx context.Context) (*Database, error) {
	return e.open(ctx, func(dir string) error { return e.create(ctx, dir) })
}

// Copy starts a server with a copy of what Save has saved.
func (e *Engine) Copy(ctx context.Context, saved string) (*Database, error) {
	return e.open(ctx, func(dir string) error {
		if err := os.CopyFS(dir, os.DirFS(saved)); err != nil {
			return err
		}
		return e.owner.own(dir)
	})
}

func (e *Engine) open(ctx context.Context, fill func(dir string) error) (*Database, error) {
	// Not in the folder of a test: a user as whom the server runs may not look into that.
	dir, err := os.MkdirTemp("", "directustest-"+e.Name+"-")
	if err != nil {
		return nil, err
	}
	s := &Service{name: e.Name, dir: dir, ending: e.ending, giving: e.giving}
	s.command = func() *exec.Cmd { return e.command(dir, s.port) }
	s.ready = func(ctx context.Context) error { return e.ready(ctx, s) }
	if err = e.owner.own(dir); err == nil {
		err = fill(dir)
	}
	if err != nil {
		s.Remove()
		return nil, fmt.Errorf("make a database of %s: %w", e.Name, err)
	}
	if err := begin(ctx, s); err != nil {
		return nil, err
	}
	return &Database{Service: s, Environ: e.environ(s.port)}, nil
}

// Save stops the server and copies its files into a folder that does not exist.
func (d *Database) Save(folder string) error {
	if err := d.Stop(); err != nil {
		return err
	}
	return os.CopyFS(filepath.Join(folder, dataFolder), os.DirFS(filepath.Join(d.dir, dataFolder)))
}

// dataFolder is the part of the folder of a database that is copied.
const dataFolder = "data"

var versionNumber = regexp.MustCompile(`[0-9]+\.[0-9]+(\.[0-9]+)?`)

// versionOf asks a program for its version.
func versionOf(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	if version := versionNumber.FindString(string(out)); version != "" {
		return version, nil
	}
	return "", fmt.Errorf("%s says no version: %q", program, out)
}
