package bridge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/ircd"
)

const (
	// statePause is the least time between two writings of the file, stateShare how
	// many times longer than a writing it is, and stateRetry that after one that has
	// failed.
	statePause = time.Second
	stateShare = 10
	stateRetry = time.Minute
	// stateTidy is how often stores are asked to drop what is too old.
	stateTidy = time.Hour
	// stateClosing is how long a disk that does not answer holds up the end.
	stateClosing = 2 * time.Second
)

// State is what the daemon keeps beyond its end, in one file with a bucket for each
// store, or in memory. It writes behind: what has changed since the last writing is
// lost in a crash, but for what somebody waits for: see sync. Only its own goroutine
// touches the disk, and while the file cannot be written everything goes on in memory.
type State struct {
	log       zerolog.Logger
	file      *stateFile    // nil: memory only
	makeshift bool          // memory has to do for a file: what was before is not known
	bell      chan struct{} // rung when there is something to write; cap 1
	urgent    chan struct{} // rung when somebody waits for it; cap 1
	done      chan struct{} // closed by Close
	wg        sync.WaitGroup
	failed    atomic.Int64 // writings
	stuck     atomic.Bool  // the last writing has failed, or the one under way was waited for in vain

	mu      sync.Mutex
	waiting []chan<- bool // guarded by mu; each has room for one answer

	trails   *trails
	nicks    *table[storedNicks]
	logins   *table[storedLogin] // see ledger
	loginKey *table[[]byte]
	stores   []store // all of them
}

// store is one kind of what a State keeps. It holds what has changed until that is
// written, so it is itself the queue, and as bounded as the store is.
type store interface {
	// bucket is its name in the file, which changes with the form of the entries;
	// what names it in the log.
	bucket() string
	what() string
	// load takes an entry of the file, before anything else is called.
	load(key string, value []byte) error
	// changes takes what the file does not have as it is, to be stored as JSON; nil
	// deletes. What it returns never changes. settle says what became of it.
	// They are called from the State's goroutine.
	changes() map[string]any
	settle(changes map[string]any, written bool)
	// tidy drops what is too old. It is called from the State's goroutine.
	tidy()
}

// OpenState opens the state in a directory, which is made if need be; where the name is
// empty memory has to do. A file that cannot be read is put aside, and said so. The error
// is that of the directory, or an ErrStateInUse.
func OpenState(directory string, log zerolog.Logger) (*State, error) {
	s := newState(log)
	if directory == "" {
		s.makeshift = true
		return s, nil
	}
	var err error
	if s.file, err = openStateFile(directory, s.makeStores, log); err != nil {
		return nil, err
	}
	s.wg.Go(s.keep)
	return s, nil
}

// newState is a State in memory.
func newState(log zerolog.Logger) *State {
	s := &State{log: log, bell: make(chan struct{}, 1), urgent: make(chan struct{}, 1), done: make(chan struct{})}
	s.makeStores()
	return s
}

// makeStores begins with empty stores.
func (s *State) makeStores() []store {
	s.trails = newTrails(s)
	s.nicks = newTable[storedNicks](s, "nicks 1", "nicks")
	s.logins = newTable[storedLogin](s, "logins 1", "failed logins")
	s.loginKey = newTable[[]byte](s, "login key 1", "the key of failed logins")
	s.stores = []store{s.trails, s.nicks, s.logins, s.loginKey}
	return s.stores
}

// Close writes what has changed and closes the file. What goes wrong is logged. It
// waits no longer than 2 s for a disk that does not answer.
func (s *State) Close() {
	close(s.done)
	if s.file == nil {
		return
	}
	closed := make(chan error, 1)
	go func() {
		s.wg.Wait()
		closed <- s.file.close()
	}()
	select {
	case err := <-closed:
		if err != nil {
			s.log.Error().Err(err).Msg("close the state file")
		}
	case <-time.After(stateClosing):
		s.log.Error().Msg("the disk does not answer: what has changed in the state file lately is lost")
	}
}

// ring has the stores asked for what has changed. It may be called from any
// goroutine.
func (s *State) ring() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// sync waits until what has been changed by now is in the file, at once and without the
// pause between two writings, and reports whether it is. It is not while the file cannot
// be written; nobody waits then, nor longer than 2 s for a disk that does not answer. It
// may be called from any goroutine, without locks.
func (s *State) sync(ctx context.Context) bool {
	if s.file == nil {
		return true
	}
	if s.stuck.Load() {
		return false
	}
	answer := make(chan bool, 1)
	s.mu.Lock()
	s.waiting = append(s.waiting, answer)
	s.mu.Unlock()
	select {
	case s.urgent <- struct{}{}:
	default:
	}
	patience := time.NewTimer(stateClosing)
	defer patience.Stop()
	select {
	case written := <-answer:
		return written
	case <-patience.C:
		s.stuck.Store(true)
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

func (s *State) takeWaiting() []chan<- bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.waiting
	s.waiting = nil
	return waiting
}

// failures is how many times the file could not be written.
func (s *State) failures() int64 { return s.failed.Load() }

// keep writes what changes until Close, and then once more.
func (s *State) keep() {
	tidy := time.NewTicker(stateTidy)
	defer tidy.Stop()
	failing := false
	for open := true; open; {
		select {
		case <-s.bell:
		case <-s.urgent:
		case <-tidy.C:
			for _, st := range s.stores {
				_ = ircd.Recover(&s.log, func() error { st.tidy(); return nil })
			}
		case <-s.done:
			open = false
		}
		begun := time.Now()
		waiting := s.takeWaiting()
		err := ircd.Recover(&s.log, s.write)
		failing = s.judge(err, failing)
		s.stuck.Store(failing)
		for _, answer := range waiting {
			answer <- err == nil
		}
		pause := max(statePause, stateShare*time.Since(begun))
		if failing {
			pause = stateRetry
		}
		if open {
			select {
			case <-time.After(pause):
			case <-s.urgent:
				s.ring()
			case <-s.done:
			}
		}
	}
}

// judge counts a writing that has failed. It is logged when writing begins to fail
// and when it works again.
func (s *State) judge(err error, failing bool) bool {
	switch {
	case err == nil && failing:
		s.log.Info().Msg("the state file can be written again")
	case err == nil:
	case failing:
		s.failed.Add(1)
	case errors.Is(err, errDamaged):
		s.failed.Add(1)
		s.log.Error().Err(err).Msg("the state file is damaged: what changes is kept in memory only, until the daemon stops")
	default:
		s.failed.Add(1)
		s.log.Error().Err(err).Stringer("retry", stateRetry).Msg("the state file cannot be written, what changes is kept in memory")
	}
	return err != nil
}

// write brings the file up to date.
func (s *State) write() error {
	changes := map[string]map[string]any{}
	for _, st := range s.stores {
		if c := st.changes(); len(c) > 0 {
			changes[st.bucket()] = c
		}
	}
	if len(changes) == 0 {
		return nil
	}
	err := s.file.put(changes)
	for _, st := range s.stores {
		if c := changes[st.bucket()]; c != nil {
			st.settle(c, err == nil)
			if err == nil {
				s.log.Debug().Int("entries", len(c)).Msg("written " + st.what())
			}
		}
	}
	if err != nil {
		s.ring()
	}
	return err
}
