package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// ErrInUse means that another daemon has the state file of the directory open.
var ErrInUse = errors.New("another daemon is using it")

// errDamaged means that the database has panicked. It may have left one of its own locks
// held, so it is not used any more.
var errDamaged = errors.New("damaged file")

const (
	// fileName dates from when the file held only what devices have received.
	fileName = "resume.db"
	// lockPatience is how long to wait for the lock of a daemon that is about to end.
	lockPatience = time.Second
)

// file is the database on disk; a nil file holds nothing. Its methods may be called from any
// goroutine, and wait for the disk.
type file struct {
	db     *bbolt.DB
	broken atomic.Bool // set for good by errDamaged
}

// openFile opens the file in a directory, or creates it, and loads the buckets from it. fresh
// makes the buckets; it is called again if the file turns out to be damaged. A damaged file
// is renamed, and a new one begun.
func openFile(directory string, fresh func() []Bucket, log zerolog.Logger) (*file, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(directory, fileName)
	f, err := readFile(path, fresh())
	if !isDamage(err) {
		return f, err
	}
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil {
		return nil, err
	}
	log.Error().Err(err).Str("file", aside).Msg("the state file cannot be read and is put aside: devices are shown the backlog")
	return readFile(path, fresh())
}

// isDamage reports whether an error means that the content of a file is damaged, and not that
// the operating system does not let us use it.
func isDamage(err error) bool {
	var system syscall.Errno
	return err != nil && !errors.Is(err, ErrInUse) && !errors.As(err, &system)
}

// readFile opens the file and reads all of it, so that damage shows at once.
func readFile(path string, buckets []Bucket) (*file, error) {
	f := &file{}
	err := f.use(func() (err error) {
		f.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockPatience, FreelistType: bbolt.FreelistMapType})
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	err = f.use(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			for _, s := range buckets {
				b, err := tx.CreateBucketIfNotExists([]byte(s.Bucket()))
				if err != nil {
					return err
				}
				if err := b.ForEach(func(key, value []byte) error { return s.Load(string(key), value) }); err != nil {
					return fmt.Errorf("read %s: %w", s.What(), err)
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// use runs an operation on the database. A panic, by which damage shows, becomes errDamaged;
// so does the fault of reading a memory map beyond the end of a truncated file.
func (f *file) use(do func() error) (err error) {
	if f.broken.Load() {
		return errDamaged
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			f.broken.Store(true)
			err = fmt.Errorf("%w: %v", errDamaged, v)
		}
	}()
	return do()
}

// get returns a copy of the value of a key, nil if there is none.
func (f *file) get(bucket, key string) (value []byte, err error) {
	if f == nil {
		return nil, nil
	}
	err = f.use(func() error {
		return f.db.View(func(tx *bbolt.Tx) error {
			value = append(value, tx.Bucket([]byte(bucket)).Get([]byte(key))...)
			return nil
		})
	})
	return value, err
}

// put stores changes of several buckets in one transaction.
func (f *file) put(changes map[string]map[string]any) error {
	return f.use(func() error {
		return f.db.Update(func(tx *bbolt.Tx) error {
			for bucket, values := range changes {
				if err := putAll(tx.Bucket([]byte(bucket)), values); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// putAll stores values by key; nil deletes.
func putAll(b *bbolt.Bucket, values map[string]any) error {
	for key, v := range values {
		if v == nil {
			if err := b.Delete([]byte(key)); err != nil {
				return err
			}
			continue
		}
		value, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := b.Put([]byte(key), value); err != nil {
			return err
		}
	}
	return nil
}

// close closes the file. A broken one stays open: closing it might wait for a lock for ever.
func (f *file) close() error {
	if f == nil || f.broken.Load() {
		return nil
	}
	return f.use(f.db.Close)
}
