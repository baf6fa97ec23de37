package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
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

// Who waits for the file waits for no pause between two writings. One that cannot be
// written is waited for once.
func TestStateThatIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := stateIn(t, t.TempDir(), zerolog.Nop())
		defer state.Close()
		begun := time.Now()
		for i := range 3 {
			id := fmt.Sprint(i)
			state.nicks.put(id, storedNicks{Nicks: []storedNick{{"ada", "Ada" + id}}})
			kept := state.sync(t.Context())
			value, err := state.file.get(state.nicks.bucket(), id)
			if !kept || err != nil || !strings.Contains(string(value), "Ada"+id) {
				t.Errorf("%v, %v, in the file is %q", kept, err, value)
			}
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited for %v", took)
		}
		if err := state.file.db.Close(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if state.nicks.put("x", storedNicks{}); state.sync(t.Context()) {
				t.Error("that is in no file")
			}
		}
		if took := time.Since(begun); took != 0 || state.failures() != 1 {
			t.Errorf("waited for %v, tried %d times", took, state.failures())
		}
	})
}

// While the file cannot be written everything goes on in memory, and is written
// when it can be again.
func TestStateThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		dir := t.TempDir()
		state := stateIn(t, dir, zerolog.New(zerolog.SyncWriter(&log)))
		if err := state.file.db.Close(); err != nil {
			t.Fatal(err)
		}
		date := time.Now().Truncate(time.Millisecond).UTC()
		noted := trail{Date: date, Steps: []step{{"1", date.UnixMilli()}}}
		state.trails.note("a", noted)
		time.Sleep(stateRetry / 2)
		state.trails.open("a")
		if got := state.trails.get("a"); !got.Date.Equal(date) || len(got.Steps) != 1 || state.failures() != 1 {
			t.Errorf("got %+v after %d failures", got, state.failures())
		}
		state.trails.release("a")
		time.Sleep(stateRetry) // in vain as well
		synctest.Wait()
		again, err := bbolt.Open(filepath.Join(dir, stateFileName), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		state.trails.mu.Lock() // the writer takes it before it uses the file
		state.file.db = again
		state.trails.mu.Unlock()
		// It tries again by itself, also if nothing more comes.
		time.Sleep(2 * stateRetry)
		synctest.Wait()
		if value, err := state.file.get("trails 1", "a"); len(value) == 0 || state.failures() != 2 {
			t.Errorf("nothing is written after %d failures: %v", state.failures(), err)
		}
		state.Close()
		for _, message := range []string{"cannot be written", "can be written again"} {
			if n := strings.Count(log.String(), message); n != 1 {
				t.Errorf("%s: logged %d times: %s", message, n, &log)
			}
		}
		back := stateIn(t, dir, zerolog.Nop())
		defer back.Close()
		back.trails.open("a")
		if got := back.trails.get("a"); !got.Date.Equal(date) || len(got.Steps) != 1 {
			t.Errorf("got %+v", got)
		}
		if _, err := os.Stat(filepath.Join(dir, stateFileName+".damaged")); err == nil {
			t.Error("the file was put aside")
		}
	})
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

// What a table holds outlasts the daemon, what was dropped does not.
func TestTable(t *testing.T) {
	type entry struct{ N int }
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), stateFileName)
		open := func() (*State, *table[entry]) {
			s := newState(zerolog.Nop())
			entries := newTable[entry](s, "entries 1", "entries")
			s.stores = []store{entries}
			var err error
			if s.file, err = readStateFile(path, s.stores); err != nil {
				t.Fatal(err)
			}
			s.wg.Go(s.keep)
			return s, entries
		}
		s, entries := open()
		entries.put("a", entry{1})
		entries.put("b", entry{2})
		time.Sleep(2 * statePause)
		entries.put("a", entry{3})
		entries.put("c", entry{4})
		entries.drop("b")
		s.Close()
		s, entries = open()
		defer s.Close()
		if got := entries.all(); !maps.Equal(got, map[string]entry{"a": {3}, "c": {4}}) {
			t.Errorf("got %v", got)
		}
		if _, ok := entries.get("b"); ok {
			t.Error("what was dropped is back")
		}
	})
}

// After a panic of the database it is left alone: a lock of it may be held.
func TestStateThatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		state := stateIn(t, t.TempDir(), zerolog.New(zerolog.SyncWriter(&log)))
		if err := state.file.use(func() error { panic("page 7: invalid") }); !errors.Is(err, errDamaged) {
			t.Errorf("got %v", err)
		}
		for range 3 {
			state.trails.note("a", trail{Date: time.Now()})
			time.Sleep(2 * stateRetry)
		}
		if got := state.trails.kept["a"]; got.trail == nil {
			t.Error("what could not be written is forgotten")
		}
		state.Close()
		if n := strings.Count(log.String(), "is damaged"); n != 1 {
			t.Errorf("logged %d times: %s", n, &log)
		}
	})
}
