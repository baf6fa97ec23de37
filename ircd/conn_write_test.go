package ircd

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/ircd/transport"
)

// sipConn takes of what is written at once a part that changes from one write to the next.
type sipConn struct {
	net.Conn
	during func() // called in the middle of each write at once

	mu    sync.Mutex
	takes []int  // guarded by mu: how many bytes, in turn
	got   []byte // guarded by mu
}

func (c *sipConn) TryWrite(p []byte) (int, error) {
	c.during()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(p), c.takes[0])
	c.takes = append(c.takes[1:], c.takes[0])
	c.got = append(c.got, p[:n]...)
	return n, nil
}

func (c *sipConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, p...)
	return len(p), nil
}

func (c *sipConn) SetWriteDeadline(time.Time) error { return nil }

// TestPromptKeepsOrder: whatever a client takes at once, lines reach it whole and in their
// order, those that come during a write included, and nothing is counted as waiting then.
func TestPromptKeepsOrder(t *testing.T) {
	const lines = 500
	nc := &sipConn{takes: []int{1 << 10, 0, 3, 1 << 10, 1 << 10, 1}}
	spare := &buffers{}
	w := &writer{out: transport.NewPrompt(nc, time.Second), failed: make(chan error, 1), ended: make(chan struct{}), hurt: func() {}}
	w.q = newSendQueue(0, spare, func() { w.runs.Go(func() { w.run(func(f func() error) error { return f() }) }) })
	said := 0
	say := func() []byte { said++; return fmt.Appendf(nil, "line %d\n", said) }
	writes := 0
	nc.during = func() {
		if writes++; writes%4 == 3 { // the first of these is taken in part
			w.q.force(say()) // as an early PONG is, on another goroutine
		}
	}
	for said < lines {
		if line := say(); !w.prompt(line) && !w.q.tryPut(line) {
			t.Fatal("no room")
		}
		if said%5 == 0 {
			w.runs.Wait() // so that the next lines may go at once
		}
	}
	w.q.close([]byte("end\n"), time.Now().Add(time.Second))
	w.runs.Wait()
	want := ""
	for n := range said {
		want += fmt.Sprintf("line %d\n", n+1)
	}
	if want += "end\n"; string(nc.got) != want {
		got, wanted := strings.Split(string(nc.got), "\n"), strings.Split(want, "\n")
		i := slices.IndexFunc(wanted, func(string) bool { wanted = wanted[1:]; got = got[1:]; return len(got) == 0 || got[0] != wanted[0] })
		t.Errorf("from line %d on: %q", i+1, got[:min(3, len(got))])
	}
	if n := spare.waiting.Load(); n != 0 {
		t.Errorf("%d bytes wait", n)
	}
}

// TestLentOutput: what is sent after a rendering that many share does not change it, and it
// never becomes a buffer that others write to.
func TestLentOutput(t *testing.T) {
	srv := NewServer(newFakeChat(), Options{Name: "irc.test"})
	c := &conn{srv: srv, writer: &writer{out: transport.NewPrompt(nil, 0)}, out: newSendQueue(0, &srv.spare, func() {})}
	r := newRendering(render(benchMessage(1), form{zone: time.UTC}, nil))
	before := bytes.Clone(r.text)
	for range 3 {
		c.sendAll(batch{}, r)
		c.send(errorLine("that is all"))
		if err := c.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.sendAll(batch{}, r)
		if err := c.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		taken, _ := c.out.take(nil)
		want := string(before) + "ERROR :that is all\r\n" + string(before)
		if string(taken) != want {
			t.Fatalf("got %q, want %q", taken, want)
		}
		c.out.take(taken) // it is free for others now
		c.out.writing = false
		copy(srv.spare.get()[:8], "overwrit")
	}
	if !bytes.Equal(r.text, before) {
		t.Errorf("the rendering has become %q", r.text)
	}
}
