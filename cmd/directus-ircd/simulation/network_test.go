package simulation

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// wire is one end of a connection in memory that can be cut at any byte and stopped for a while.
type wire struct {
	net.Conn
	cutAfter atomic.Int64 // bytes that still pass, in both directions together; negative: all
	stopped  atomic.Int64 // until when nothing is read, in nanoseconds of the bubble's clock
	closed   chan struct{}
	once     sync.Once
}

func newWire(conn net.Conn) *wire {
	w := &wire{Conn: conn, closed: make(chan struct{})}
	w.cutAfter.Store(-1)
	return w
}

// spend takes n bytes from what may still pass, and returns how many of them do.
func (w *wire) spend(n int) (int, bool) {
	for {
		left := w.cutAfter.Load()
		if left < 0 {
			return n, true
		}
		if w.cutAfter.CompareAndSwap(left, max(0, left-int64(n))) {
			return min(n, int(left)), left >= int64(n)
		}
	}
}

func (w *wire) Read(p []byte) (int, error) {
	if wait := time.Until(time.Unix(0, w.stopped.Load())); wait > 0 {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.closed:
			timer.Stop()
		}
	}
	n, err := w.Conn.Read(p)
	if err != nil {
		return n, err
	}
	n, whole := w.spend(n)
	if !whole {
		w.Close()
		return n, net.ErrClosed
	}
	return n, nil
}

func (w *wire) Write(p []byte) (int, error) {
	n, whole := w.spend(len(p))
	written, err := w.Conn.Write(p[:n])
	if err == nil && !whole {
		w.Close()
		return written, net.ErrClosed
	}
	return written, err
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

// stopReading lets nothing in until a moment.
func (w *wire) stopReading(until time.Time) { w.stopped.Store(until.UnixNano()) }

// wires are the daemon's connections to Directus.
type wires struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	mu   sync.Mutex
	open []*wire // guarded by mu
}

func (ws *wires) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := ws.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w := newWire(conn)
	ws.mu.Lock()
	defer ws.mu.Unlock()
	kept := ws.open[:0]
	for _, other := range ws.open {
		select {
		case <-other.closed:
		default:
			kept = append(kept, other)
		}
	}
	ws.open = append(kept, w)
	return w, nil
}

// stopReading lets nothing from Directus in until a moment, on the connections that there are.
func (ws *wires) stopReading(until time.Time) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.open {
		w.stopReading(until)
	}
}

// pick is one of those that are open; nil if there is none.
func (ws *wires) pick(n int) *wire {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(ws.open) == 0 {
		return nil
	}
	return ws.open[n%len(ws.open)]
}
