package state

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

// opened returns a store with one table, in a directory.
type opened struct {
	*Store
	entries *Table[item]
}

type item struct{ N int }

func openIn(t *testing.T, directory string, log zerolog.Logger) opened {
	t.Helper()
	var k opened
	var err error
	k.Store, err = Open(directory, func(s *Store) []Bucket {
		k.entries = NewTable[item](s, "entries 1", "entries")
		return []Bucket{k.entries}
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Sync does not wait for the pause between two writes. A file that cannot be written is waited
// for once.
func TestStateThatIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := openIn(t, t.TempDir(), zerolog.Nop())
		defer state.Close()
		begun := time.Now()
		for i := range 3 {
			id := fmt.Sprint(i)
			state.entries.Put(id, item{i})
			kept := state.Sync(t.Context())
			value, err := state.Read("entries 1", id)
			if !kept || err != nil || string(value) != fmt.Sprintf(`{"N":%d}`, i) {
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
			if state.entries.Put("x", item{}); state.Sync(t.Context()) {
				t.Error("that is in no file")
			}
		}
		if took := time.Since(begun); took != 0 || state.Failures() != 1 {
			t.Errorf("waited for %v, tried %d times", took, state.Failures())
		}
	})
}

// While the file cannot be written, changes are kept in memory; they are written once it can be.
func TestStateThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		dir := t.TempDir()
		state := openIn(t, dir, zerolog.New(zerolog.SyncWriter(&log)))
		if err := state.file.db.Close(); err != nil {
			t.Fatal(err)
		}
		state.entries.Put("a", item{1})
		time.Sleep(writeRetry / 2)
		if got, _ := state.entries.Get("a"); got.N != 1 || state.Failures() != 1 {
			t.Errorf("got %+v after %d failures", got, state.Failures())
		}
		time.Sleep(writeRetry) // in vain as well
		synctest.Wait()
		again, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		state.entries.mu.Lock() // the writer takes it before it uses the file
		state.file.db = again
		state.entries.mu.Unlock()
		// It tries again by itself, also if nothing more comes.
		time.Sleep(2 * writeRetry)
		synctest.Wait()
		if value, err := state.Read("entries 1", "a"); len(value) == 0 || state.Failures() != 2 {
			t.Errorf("nothing is written after %d failures: %v", state.Failures(), err)
		}
		state.Close()
		for _, message := range []string{"cannot be written", "can be written again"} {
			if n := strings.Count(log.String(), message); n != 1 {
				t.Errorf("%s: logged %d times: %s", message, n, &log)
			}
		}
		back := openIn(t, dir, zerolog.Nop())
		defer back.Close()
		if got, _ := back.entries.Get("a"); got.N != 1 {
			t.Errorf("got %+v", got)
		}
		if _, err := os.Stat(filepath.Join(dir, fileName+".damaged")); err == nil {
			t.Error("the file was put aside")
		}
	})
}

// Values of a table outlive the daemon, dropped ones do not.
func TestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openIn(t, dir, zerolog.Nop())
		s.entries.Put("a", item{1})
		s.entries.Put("b", item{2})
		time.Sleep(2 * writePause)
		s.entries.Put("a", item{3})
		s.entries.Put("c", item{4})
		s.entries.Drop("b")
		s.Close()
		s = openIn(t, dir, zerolog.Nop())
		defer s.Close()
		if got := s.entries.All(); !maps.Equal(got, map[string]item{"a": {3}, "c": {4}}) {
			t.Errorf("got %v", got)
		}
		if _, ok := s.entries.Get("b"); ok {
			t.Error("what was dropped is back")
		}
	})
}

// After a panic the database is not used any more, as one of its locks may be held.
func TestStateThatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		state := openIn(t, t.TempDir(), zerolog.New(zerolog.SyncWriter(&log)))
		if err := state.file.use(func() error { panic("page 7: invalid") }); !errors.Is(err, errDamaged) {
			t.Errorf("got %v", err)
		}
		for i := range 3 {
			state.entries.Put("a", item{i})
			time.Sleep(2 * writeRetry)
		}
		if got, _ := state.entries.Get("a"); got.N != 2 {
			t.Error("what could not be written is forgotten")
		}
		state.Close()
		if n := strings.Count(log.String(), "is damaged"); n != 1 {
			t.Errorf("logged %d times: %s", n, &log)
		}
	})
}
