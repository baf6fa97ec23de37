package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// ErrTrailsInUse says that another daemon works with the directory.
var ErrTrailsInUse = errors.New("another daemon is using it")

const (
	trailFileName = "resume.db"
	// lockPatience is how long a daemon that is about to end is waited for.
	lockPatience = time.Second
)

// trailBucket is named after the form of what is in it.
var trailBucket = []byte("trails 1")

// trailFile is the file of the trails. A nil one holds nothing and takes
// everything.
type trailFile struct{ db *bbolt.DB }

// openTrailFile opens or makes the file in a directory, and reads when each device
// was seen.
func openTrailFile(directory string, log zerolog.Logger) (*trailFile, map[string]time.Time, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(directory, trailFileName)
	f, seen, err := readTrailFile(path)
	if !isDamage(err) {
		return f, seen, err
	}
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil {
		return nil, nil, err
	}
	log.Error().Err(err).Str("file", aside).Msg("what devices have received cannot be read: the file is put aside, and devices are shown the backlog")
	return readTrailFile(path)
}

// isDamage tells a file that is beyond use from one that the system does not let us
// use.
func isDamage(err error) bool {
	var system syscall.Errno
	return err != nil && !errors.Is(err, ErrTrailsInUse) && !errors.As(err, &system)
}

// readTrailFile opens the file and reads all of it once, so that damage shows now.
func readTrailFile(path string) (f *trailFile, seen map[string]time.Time, err error) {
	var db *bbolt.DB
	err = unbroken(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockPatience, FreelistType: bbolt.FreelistMapType})
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, nil, ErrTrailsInUse
	}
	if err != nil {
		return nil, nil, err
	}
	seen = map[string]time.Time{}
	err = unbroken(func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(trailBucket)
			if err != nil {
				return err
			}
			return b.ForEach(func(key, value []byte) error {
				var stored storedTrail
				if err := json.Unmarshal(value, &stored); err != nil {
					return fmt.Errorf("read a trail: %w", err)
				}
				seen[string(key)] = time.Unix(stored.Seen, 0)
				return nil
			})
		})
	})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return &trailFile{db}, seen, nil
}

// unbroken makes errors of the panics by which damage of the file shows, reading
// behind its end included.
func unbroken(use func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("damaged file: %v", v)
		}
	}()
	return use()
}

// get returns nil if there is nothing.
func (f *trailFile) get(key string) (value []byte, err error) {
	if f == nil {
		return nil, nil
	}
	err = unbroken(func() error {
		return f.db.View(func(tx *bbolt.Tx) error {
			value = append(value, tx.Bucket(trailBucket).Get([]byte(key))...)
			return nil
		})
	})
	return value, err
}

// put stores some trails at once; nil deletes.
func (f *trailFile) put(values map[string]*storedTrail) error {
	return unbroken(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(trailBucket)
			for key, stored := range values {
				if stored == nil {
					if err := b.Delete([]byte(key)); err != nil {
						return err
					}
					continue
				}
				value, err := json.Marshal(stored)
				if err != nil {
					return err
				}
				if err := b.Put([]byte(key), value); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (f *trailFile) close() error {
	if f == nil {
		return nil
	}
	return unbroken(f.db.Close)
}
