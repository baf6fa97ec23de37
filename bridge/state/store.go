package state

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
	// writePause is the least time between two writings of the file, writeShare how
	// many times longer than a writing it is, and writeRetry that after one that has
	// failed.
	writePause = time.Second
	writeShare = 10
	writeRetry = time.Minute
	// tidyPause is how often buckets are asked to drop what is too old.
	tidyPause = time.Hour
	// closePatience is how long a disk that does not answer holds up the end.
	closePatience = 2 * time.Second
)

// Store keeps what is to outlive the daemon, in one file of buckets, or in memory. It writes behind: what has changed since the last writing is
// lost in a crash, but for what somebody waits for: see Sync. Only its own goroutine
// touches the disk, and while the file cannot be written everything goes on in memory.
type Store struct {
	log       zerolog.Logger
	file      *file         // nil: memory only
	makeshift bool          // memory has to do for a file: what was before is not known
	bell      chan struct{} // rung when there is something to write; cap 1
	urgent    chan struct{} // rung when somebody waits for it; cap 1
	done      chan struct{} // closed by Close
	wg        sync.WaitGroup
	failed    atomic.Int64 // writings
	stuck     atomic.Bool  // the last writing has failed, or the one under way was waited for in vain

	mu      sync.Mutex
	waiting []chan<- bool // guarded by mu; each has room for one answer

	buckets []Bucket // immutable once it is open
}

// Bucket is one kind of what a Store keeps. It holds what has changed until that is
// written, so it is itself the queue, and as bounded as it makes itself.
type Bucket interface {
	// Bucket is its name in the file, which changes with the form of the entries;
	// What names it in the log.
	Bucket() string
	What() string
	// Load takes an entry of the file, before anything else is called.
	Load(key string, value []byte) error
	// Changes takes what the file does not have as it is, to be stored as JSON; nil
	// deletes. What it returns never changes. Settle says what became of it.
	// They are called from the Store's goroutine.
	Changes() map[string]any
	Settle(changes map[string]any, written bool)
	// Tidy drops what is too old. It is called from the Store's goroutine.
	Tidy()
}

// Open opens the file in a directory, which is made if need be; where the name is empty
// memory has to do. A file that cannot be read is put aside, and said so: fresh, which
// makes empty buckets, is called once more then. The error is that of the directory, or
// an ErrInUse.
func Open(directory string, fresh func(*Store) []Bucket, log zerolog.Logger) (*Store, error) {
	s := InMemory(log)
	makeBuckets := func() []Bucket {
		s.buckets = fresh(s)
		return s.buckets
	}
	if directory == "" {
		s.makeshift = true
		makeBuckets()
		return s, nil
	}
	var err error
	if s.file, err = openFile(directory, makeBuckets, log); err != nil {
		return nil, err
	}
	s.wg.Go(s.keep)
	return s, nil
}

// InMemory is a Store without a file.
func InMemory(log zerolog.Logger) *Store {
	return &Store{log: log, bell: make(chan struct{}, 1), urgent: make(chan struct{}, 1), done: make(chan struct{})}
}

// IsMakeshift reports that memory has to do for a file: what was before is not known.
func (s *Store) IsMakeshift() bool { return s.makeshift }

// HasFile reports that what is kept outlives the daemon.
func (s *Store) HasFile() bool { return s.file != nil }

// Read reads an entry of a bucket from the file; nil if there is none. It waits for the disk.
func (s *Store) Read(bucket, key string) ([]byte, error) { return s.file.get(bucket, key) }

// Close writes what has changed and closes the file. What goes wrong is logged. It
// waits no longer than 2 s for a disk that does not answer.
func (s *Store) Close() {
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
	case <-time.After(closePatience):
		s.log.Error().Msg("the disk does not answer: what has changed in the state file lately is lost")
	}
}

// ring has the buckets asked for what has changed. It may be called from any
// goroutine.
func (s *Store) ring() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// Sync waits until what has been changed by now is in the file, at once and without the
// pause between two writings, and reports whether it is. It is not while the file cannot
// be written; nobody waits then, nor longer than 2 s for a disk that does not answer. It
// may be called from any goroutine, without locks.
func (s *Store) Sync(ctx context.Context) bool {
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
	patience := time.NewTimer(closePatience)
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

func (s *Store) takeWaiting() []chan<- bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.waiting
	s.waiting = nil
	return waiting
}

// Failures is how many times the file could not be written.
func (s *Store) Failures() int64 { return s.failed.Load() }

// keep writes what changes until Close, and then once more.
func (s *Store) keep() {
	tidy := time.NewTicker(tidyPause)
	defer tidy.Stop()
	failing := false
	for open := true; open; {
		select {
		case <-s.bell:
		case <-s.urgent:
		case <-tidy.C:
			for _, b := range s.buckets {
				_ = ircd.Recover(&s.log, func() error { b.Tidy(); return nil })
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
		pause := max(writePause, writeShare*time.Since(begun))
		if failing {
			pause = writeRetry
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
func (s *Store) judge(err error, failing bool) bool {
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
		s.log.Error().Err(err).Stringer("retry", writeRetry).Msg("the state file cannot be written, what changes is kept in memory")
	}
	return err != nil
}

// write brings the file up to date.
func (s *Store) write() error {
	changes := map[string]map[string]any{}
	for _, b := range s.buckets {
		if c := b.Changes(); len(c) > 0 {
			changes[b.Bucket()] = c
		}
	}
	if len(changes) == 0 {
		return nil
	}
	err := s.file.put(changes)
	for _, b := range s.buckets {
		if c := changes[b.Bucket()]; c != nil {
			b.Settle(c, err == nil)
			if err == nil {
				s.log.Debug().Int("entries", len(c)).Msg("written " + b.What())
			}
		}
	}
	if err != nil {
		s.ring()
	}
	return err
}
