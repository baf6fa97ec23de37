package directustest

import (
	"context"
	"os"
	"sync"
	"testing"
)

// shared is the server of this test process. It is a package variable because TestMain and the tests of a package have
// nothing else in common.
var shared struct {
	once   sync.Once
	dir    string
	server Server // without t
	err    error
}

// Shared returns a view, for this test, of the Directus that all tests of a package share. The first call starts it, and
// Main, which the package's TestMain must call, stops it. Each test must expect messages and users of other tests.
func Shared(t testing.TB) *Server {
	t.Helper()
	SkipShort(t)
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "directustest-"); shared.err != nil {
			return
		}
		shared.server.machine, shared.err = launch(context.Background(), shared.dir, &shared.server, nil)
	})
	if shared.err != nil {
		t.Fatalf("start a real Directus: %v", shared.err)
	}
	view := shared.server
	view.t = t
	t.Cleanup(view.logOnFailure)
	return &view
}

// Main runs the tests of a package, stops what Shared started, and exits:
//
//	func TestMain(m *testing.M) { directustest.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if shared.server.machine != nil {
		_ = shared.server.shutdown()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}
