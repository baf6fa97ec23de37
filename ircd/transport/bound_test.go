package transport

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// layer is a connection on another one, whose deadlines count from its next write on, as those of
// a WebSocket do.
type layer struct{ net.Conn }

func (l layer) NetConn() net.Conn                { return l.Conn }
func (l layer) SetWriteDeadline(time.Time) error { return nil }

func TestBoundEndsTheWriteUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		failed := make(chan error, 1)
		go func() {
			_, err := layer{layer{near}}.Write([]byte("x"))
			failed <- err
		}()
		synctest.Wait()
		Bound(layer{layer{near}}, time.Now().Add(time.Second))
		begun := time.Now()
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}
