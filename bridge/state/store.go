package state

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/ircd"
	"directus-ircd/ircd/bell"
)

const (
	// writePause is the least pause between two writes of the file. It is also at least
	// writeShare times as long as the last write took, and writeRetry after a failure.
	writePause = time.Second
	writeShare = 10
	writeRetry = time.Minute
	// tidyPause is how often buckets are asked to drop what is too old.
	tidyPause = time.Hour
	// closePatience is how long Close and Sync wait for a disk that does not answer.
	closePatience = 2 * time.Second
)

// Store keeps what must outlive the daemon in one file of buckets, or in memory only. It
// writes with a delay: a crash loses what has changed since the last write, unless somebody
// has waited for it with Sync. Apart from Read, only the store's own goroutine touches the
// disk, which Close joins. While the file cannot be written, everything goes on in memory.
type Store struct {
	log       zerolog.Logger
	file      *file         // nil: memory only
	makeshift bool          // see IsMakeshift
	bell      bell.Bell     // there is something to write
	urgent    bell.Bell     // somebody waits for that
	done      chan struct{} // closed by Close
	wg        sync.WaitGroup
	failed    atomic.Int64 // writes that have failed
	stuck     atomic.Bool  // the last write has failed, or takes longer than somebody would wait

	mu      sync.Mutex
	waiting []chan<- bool // callers of Sync, each with room for one answer; guarded by mu

	buckets []Bucket // immutable once the store is open
}

// Bucket is one kind of entries that a Store keeps. A bucket holds its changes until they are
// written, so it is also the queue of the store, and bounds itself.
type Bucket interface {
	// Bucket returns the name in the file, which changes with the form of the entries.
	Bucket() string
	// What names the entries in the log.
	What() string
	// Load takes an entry of the file. It is called from Open, before all other methods. An
	// error means that the file is damaged.
	Load(key string, value []byte) error
	// Changes returns the values of the keys that have changed since the last call, to be
	// stored as JSON; nil deletes a key. The values must not change any more. Changes is
	// called from the store's goroutine.
	Changes() map[string]any
	// Settle tells whether the result of Changes was written; if not, the bucket returns
	// the same keys again. Settle is called from the store's goroutine.
	Settle(changes map[string]any, written bool)
	// Tidy drops what is too old. It is called from the store's goroutine.
	Tidy()
}

// Open opens the file in a directory and creates both if need be; with an empty name the store
// is in memory, as a makeshift. fresh returns new, empty buckets. A damaged file is renamed
// and logged, and fresh is called again. The error is ErrInUse, or that of the file system.
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

// InMemory returns a store without a file or buckets.
func InMemory(log zerolog.Logger) *Store {
	return &Store{log: log, bell: bell.New(), urgent: bell.New(), done: make(chan struct{})}
}

// IsMakeshift reports whether the store was opened without a directory, so that what was known
// before the daemon started is lost.
func (s *Store) IsMakeshift() bool { return s.makeshift }

// HasFile reports whether the entries outlive the daemon.
func (s *Store) HasFile() bool { return s.file != nil }

// Read reads an entry of a bucket from the file; nil if there is none. It waits for the disk and
// may be called from any goroutine, without locks.
func (s *Store) Read(bucket, key string) ([]byte, error) { return s.file.get(bucket, key) }

// Close writes what has changed, closes the file and ends the store's goroutine. Errors are
// logged. Close waits no longer than 2 s for a disk that does not answer. Call it once.
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

// Sync has all changes made so far written at once, without the pause between two writes, waits
// for that, and reports whether they are in the file. It returns false without waiting if the
// last write has failed, and after 2 s if the disk does not answer. It may be called from any
// goroutine, without locks.
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
	s.urgent.Ring()
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

// Failures returns how many writes of the file have failed.
func (s *Store) Failures() int64 { return s.failed.Load() }

// keep is the store's goroutine: it writes changes until Close, and then once more.
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
				s.bell.Ring()
			case <-s.done:
			}
		}
	}
}

// judge counts a failed write. It logs the first of several failures, and the first success
// after them.
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
		s.bell.Ring()
	}
	return err
}
