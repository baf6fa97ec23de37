package bridge

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"
)

func stateIn(t *testing.T, directory string, log zerolog.Logger) *State {
	t.Helper()
	s, err := OpenState(directory, log)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// note is a trail that somebody has left behind.
func (t *trails) note(key string, noted trail) {
	t.open(key)
	t.merge(key, noted, upTo(noted.Date))
	t.release(key)
}

// What the file does not have stays in memory, in nobody's use either.
func TestTrailsThatAreNotWritten(t *testing.T) {
	trails := newState(zerolog.Nop()).trails
	trails.note("a", trail{Date: time.Now()})
	for _, written := range []bool{false, true} {
		changes := map[string]any{"a": nil}
		trails.Settle(changes, written)
		if got := trails.kept["a"]; (got.trail == nil) != written {
			t.Errorf("written: %v, in memory is %+v", written, got.trail)
		}
	}
}

// A file of a daemon that kept only what devices have received is read on.
func TestStateOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		db, err := bbolt.Open(filepath.Join(dir, "resume.db"), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte("trails 1"))
			if err != nil {
				return err
			}
			return b.Put([]byte("a"), fmt.Appendf(nil, `{"seen":%d,"trail":{"date":"2000-01-01T00:00:00Z","floor":{"id":"","at":0},"steps":[{"id":"7","at":946684800000}]}}`, time.Now().Unix()))
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		state := stateIn(t, dir, zerolog.Nop())
		defer state.Close()
		state.trails.begin(time.Hour, ourClock)
		state.trails.open("a")
		if got := state.trails.get("a"); len(got.Steps) != 1 || got.Steps[0].ID != "7" {
			t.Errorf("got %+v", got)
		}
	})
}
