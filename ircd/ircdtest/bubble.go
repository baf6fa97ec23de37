package ircdtest

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// Bubble is synctest.Test on one processor. With more, the race detector itself
// may crash ("ThreadSanitizer: CHECK failed", or a segmentation fault) when
// timers of one bubble fire at the same moment (https://go.dev/issue/78156).
// It finds races on one processor too, since it tracks happens-before relations.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	procs := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(procs)
	synctest.Test(t, f)
}
