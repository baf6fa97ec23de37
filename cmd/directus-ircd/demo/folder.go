package demo

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"

	"directus-ircd/cmd/directus-ircd/config"
)

const (
	stateFile = "demo.json" // its presence marks a folder as ours
	lockFile  = "demo.lock"
)

// dataFolder is the folder that keeps the demo's data over restarts. It is locked while it
// is open.
type dataFolder struct {
	saved
	path string
	lock *flock.Flock
	log  *os.File
}

// saved is the content of demo.json, which only its owner can read.
type saved struct {
	// AdminPassword is made once: the account may do everything.
	AdminPassword string `json:"admin_password"`
	// Seeded says that the accounts and the messages are made.
	Seeded bool `json:"seeded"`
	// Rooms says that the rooms are made, and that all messages are in one. A folder of a
	// demo without rooms lacks it.
	Rooms bool `json:"rooms"`
}

// openFolder makes or finds the folder. A folder with other things in it is
// refused, so that neither a start nor a reset touches what is not the demo's.
func openFolder(path string, reset bool) (*dataFolder, error) {
	f := &dataFolder{path: path}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w: name another with --data", err)
	}
	known, err := f.known()
	if err != nil {
		return nil, err
	}
	f.lock = flock.New(filepath.Join(path, lockFile))
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the demo's folder: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("another demo is running with the data in %s: stop it, or give this one other data and ports with --data, --listen, --web and --directus-port", path)
	}
	if err := f.open(known, reset); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// known tells a folder of an earlier demo from an empty one.
func (f *dataFolder) known() (bool, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return false, fmt.Errorf("read the demo's folder: %w", err)
	}
	named := func(name string) func(fs.DirEntry) bool { return func(e fs.DirEntry) bool { return e.Name() == name } }
	if slices.ContainsFunc(entries, named(stateFile)) {
		return true, nil
	}
	if len(slices.DeleteFunc(entries, named(lockFile))) > 0 { // the lock may be of a start that was cut short
		return false, fmt.Errorf("%s holds files that are not of the demo: name an empty folder, or one that does not exist, with --data", f.path)
	}
	return false, nil
}

// open is called with the lock held.
func (f *dataFolder) open(known, reset bool) error {
	var err error
	switch {
	case reset:
		err = f.reset()
	case known:
		err = f.read()
	}
	if err == nil && f.AdminPassword == "" {
		f.AdminPassword = rand.Text()
		err = f.write()
	}
	if err != nil {
		return err
	}
	return f.openLog()
}

// reset removes the data before the state that says what they are.
func (f *dataFolder) reset() error {
	for _, path := range []string{f.directus(), f.state(), filepath.Join(f.path, stateFile)} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("reset the demo: %w", err)
		}
	}
	return nil
}

func (f *dataFolder) read() error {
	text, err := config.ReadFile(filepath.Join(f.path, stateFile))
	if err == nil {
		err = json.Unmarshal(text, &f.saved)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the demo's state: %w: start again with --reset, which deletes its data", err)
	}
	return nil
}

// write replaces the state in one step: a crash leaves the old one or the new.
func (f *dataFolder) write() error {
	path := filepath.Join(f.path, stateFile)
	text, err := json.Marshal(f.saved)
	if err == nil {
		err = os.WriteFile(path+".new", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("keep the demo's state: %w", err)
	}
	return nil
}

func (f *dataFolder) keepSeeded() error {
	f.Seeded, f.Rooms = true, true
	return f.write()
}

// openLog begins the log of Directus anew.
func (f *dataFolder) openLog() (err error) {
	f.log, err = os.OpenFile(f.logFile(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of directus: %w", err)
	}
	return nil
}

// close is called when Directus has ended.
func (f *dataFolder) close() {
	if f.log != nil {
		_ = f.log.Close() // what it could not write it has reported before
	}
	_ = f.lock.Unlock() // the end of the process unlocks, too
}

func (f *dataFolder) directus() string { return filepath.Join(f.path, "directus") }
func (f *dataFolder) state() string    { return filepath.Join(f.path, "state") }
func (f *dataFolder) logFile() string  { return filepath.Join(f.path, "directus.log") }
