package simulation

import (
	"errors"
	"math"
	"syscall"
	"time"

	"directus-ircd/bridge"
)

// fillDisk makes files of this process refuse to be written, or lets them again. The limit is that of the process, which
// runs one world at a time.
func (w *world) fillDisk(full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full == full {
		return
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		w.t.Errorf("disk: %v", err)
		return
	}
	limit.Cur = 0
	if !full {
		limit.Cur = min(limit.Max, math.MaxUint64)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		w.t.Errorf("disk: %v", err)
		return
	}
	w.full = full
}

// forgets notes that what the daemon keeps beyond its end is lost, where there is no file, or none that it could open when it
// started, or the disk is full.
func (w *world) forgets() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full || w.fileless || w.scenario.settings.forgetful {
		w.wrecked = append(w.wrecked, w.lives)
	}
}

// openState opens what outlasts the daemon, in memory alone where the disk does not let it.
func (w *world) openState(opts *bridge.Options) {
	directory := w.directory
	if w.scenario.settings.forgetful {
		directory = ""
	}
	state, err := bridge.OpenState(directory, opts.Logger)
	var refused syscall.Errno
	w.fileless = errors.As(err, &refused)
	if w.fileless {
		w.forgets()
		state, err = bridge.OpenState("", opts.Logger)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	opts.State, opts.DigestRounds = state, 1
	if w.scenario.settings.resume {
		opts.Resume = &bridge.Resume{MaxAge: 24 * time.Hour, MaxMessages: 1000}
	}
}
