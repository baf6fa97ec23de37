package directus

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// An errand does what comes while it is at work as well, one thing at a time, and
// has no goroutine when there is nothing.
func TestErrand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var atWork atomic.Int64
		done := 0
		block := make(chan struct{})
		e := &errand{}
		e.do = func() {
			if atWork.Add(1) != 1 {
				t.Error("two at once")
			}
			<-block
			done++
			atWork.Add(-1)
		}
		e.ring()
		synctest.Wait()
		e.ring()
		e.ring()
		block <- struct{}{}
		synctest.Wait()
		block <- struct{}{}
		synctest.Wait()
		if done != 2 || e.running {
			t.Errorf("done %d times, still running: %v", done, e.running)
		}
		e.ring()
		synctest.Wait()
		e.ring()
		stopped := make(chan struct{})
		go func() { e.stop(); close(stopped) }()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("stop did not wait")
		default:
		}
		block <- struct{}{}
		<-stopped
		if e.ring(); done != 3 || e.running {
			t.Errorf("done %d times, still running: %v", done, e.running)
		}
	})
}
