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
	mu      sync.Mutex // guards what follows
	started bool
	err     error
	dir     string
	server  Server // without t
	// ended are the tests that were given this server and are over, by name.
	ended map[string]bool
}

// Shared returns a view, for this test, of the Directus that all tests of a package share. The first call starts it, and
// Main, which the package's TestMain must call, stops it. Each test must expect messages and users of other tests, but
// none of its own: under "go test -count" each round has a Directus of its own.
func Shared(t testing.TB) *Server {
	t.Helper()
	SkipShort(t)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.ended[t.Name()] {
		stopShared()
	}
	if !shared.started {
		shared.started, shared.ended = true, map[string]bool{}
		if shared.dir, shared.err = os.MkdirTemp("", "directustest-"); shared.err == nil {
			shared.server.machine, shared.err = launch(context.Background(), shared.dir, &shared.server, nil)
		}
	}
	if shared.err != nil {
		t.Fatalf("start a real Directus: %v", shared.err)
	}
	view := shared.server
	view.t = t
	t.Cleanup(func() {
		view.logOnFailure()
		if _, test := t.(*testing.T); test { // a benchmark comes again in the same round
			shared.mu.Lock()
			defer shared.mu.Unlock()
			shared.ended[t.Name()] = true
		}
	})
	return &view
}

// stopShared ends the server, if there is one. The caller holds shared.mu, or is the last one.
func stopShared() {
	if shared.server.machine != nil {
		_ = shared.server.shutdown()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	shared.started, shared.err, shared.dir, shared.server = false, nil, "", Server{}
}

// Main runs the tests of a package, stops what Shared started, and exits:
//
//	func TestMain(m *testing.M) { directustest.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	stopShared()
	os.Exit(code)
}
