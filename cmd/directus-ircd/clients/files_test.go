package clients

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"directus-ircd/directus/localserver/process"
)

// folder is the screen of a program that writes what it shows into files, and reads what is typed from a named pipe.
type folder struct {
	process *process.Process
	dir     string                                // of the files
	shown   string                                // the pattern of their names
	input   func(line string) (pipe, rest string) // where a line is typed, and what of it
	server  *process.Process                      // that it needs, if any
}

// openFolder starts a program of which the screen is a folder. Its output goes into a file of its home.
func openFolder(cmd *exec.Cmd, f folder) (screen, error) {
	output, err := os.OpenFile(filepath.Join(cmd.Dir, "output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if f.process, err = process.Start(cmd); err != nil {
		return nil, err
	}
	return &f, nil
}

func (f *folder) text() string {
	var b strings.Builder
	err := filepath.WalkDir(f.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		if match, _ := filepath.Match(f.shown, entry.Name()); !match {
			return nil
		}
		data, err := os.ReadFile(path)
		b.Write(data)
		return err
	})
	if err != nil {
		fmt.Fprintf(&b, "cannot be read: %v", err)
	}
	return b.String()
}

// enter does not wait: a pipe that nobody reads is an error.
func (f *folder) enter(line string) error {
	name, rest := f.input(line)
	pipe, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	_, err = pipe.WriteString(rest + "\n")
	return errors.Join(err, pipe.Close())
}

func (f *folder) ended() <-chan struct{} { return f.process.Done() }

func (f *folder) close() {
	f.process.Stop(quitTimeout)
	if f.server != nil {
		f.server.Stop(quitTimeout)
	}
}
