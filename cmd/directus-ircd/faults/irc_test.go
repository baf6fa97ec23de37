package faults

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	irc "gopkg.in/irc.v4"
)

const (
	// lineTimeout ends a connection on which the daemon says nothing, not even PING.
	lineTimeout = 5 * time.Minute
	// replyTimeout is how long an answer may take. The daemon promises 15 s.
	replyTimeout = 60 * time.Second
)

// connection is one of a client of the daemon, logged in.
type connection struct {
	conn  net.Conn
	nick  string
	lines chan *irc.Message // closed at the end
	over  error             // why; to be read when lines is closed
	wg    sync.WaitGroup

	gate atomic.Pointer[chan struct{}] // nothing is read until it is closed; nil: it is read

	// deaf is when the cable was pulled, and broken ends the connection a moment later; nil before.
	deaf   atomic.Pointer[time.Time]
	broken *time.Timer // written before the connection is closed
}

// loginError is what the daemon said instead of a welcome.
type loginError struct{ line string }

func (e loginError) Error() string { return "login refused: " + e.line }

// connect logs somebody in with capabilities, and without any CAP where there are none.
func connect(ctx context.Context, p *person, device string, caps []string) (*connection, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.daemon.address)
	if err != nil {
		return nil, err
	}
	c := &connection{conn: conn, lines: make(chan *irc.Message, 256)}
	c.wg.Go(c.read)
	var hello []string
	if len(caps) > 0 {
		hello = append(hello, "CAP LS 302", "CAP REQ :"+strings.Join(caps, " "))
	}
	hello = append(hello, "PASS :"+p.secret(device), "NICK guest", "USER guest 0 * :guest")
	if len(caps) > 0 {
		hello = append(hello, "CAP END")
	}
	if err := c.send(hello...); err != nil {
		c.close()
		return nil, err
	}
	for {
		m, err := c.next(ctx, replyTimeout)
		switch {
		case err != nil:
			c.close()
			return nil, err
		case m.Command == irc.ERR_PASSWDMISMATCH || m.Command == "ERROR":
			c.close()
			return nil, loginError{m.String()}
		case m.Command == irc.RPL_UMODEIS: // the end of the welcome, which tells the final nick
			c.nick = m.Params[0]
			return c, nil
		}
	}
}

// read hands on what comes, and answers PING.
func (c *connection) read() {
	defer close(c.lines)
	r := bufio.NewReaderSize(c.conn, 64<<10)
	for {
		if gate := c.gate.Load(); gate != nil {
			<-*gate
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(lineTimeout))
		line, err := r.ReadString('\n')
		if err != nil {
			c.over = errors.Join(c.over, err)
			return
		}
		if c.deaf.Load() != nil {
			continue
		}
		m, err := irc.ParseMessage(line)
		if err != nil {
			c.over = fmt.Errorf("the daemon wrote %q: %w", line, err)
			return
		}
		switch m.Command {
		case "PING":
			_ = c.send("PONG :" + m.Trailing())
			continue
		case "ERROR":
			c.over = errors.New(m.Trailing())
		}
		c.lines <- m
	}
}

func (c *connection) send(lines ...string) error {
	if c.deaf.Load() != nil {
		return nil
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(replyTimeout))
	_, err := c.conn.Write([]byte(strings.Join(lines, "\r\n") + "\r\n"))
	return err
}

// next waits for a line. The end of ctx ends the wait and not the connection.
func (c *connection) next(ctx context.Context, limit time.Duration) (*irc.Message, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case m, open := <-c.lines:
		if !open {
			return nil, fmt.Errorf("the connection ended: %w", c.over)
		}
		return m, nil
	case <-timer.C:
		return nil, fmt.Errorf("no line within %v", limit)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// deafness is how long a pulled cable goes unnoticed. What the daemon writes in that time is lost.
const deafness = time.Second

// pull does what pulling the cable does; false if that was done before.
func (c *connection) pull() bool {
	now := time.Now()
	if !c.deaf.CompareAndSwap(nil, &now) {
		return false
	}
	c.broken = time.AfterFunc(deafness, c.reset)
	return true
}

func (c *connection) reset() {
	_ = c.conn.(*net.TCPConn).SetLinger(0)
	c.conn.Close()
}

// end is up to when something could be received.
func (c *connection) end() time.Time {
	if deaf := c.deaf.Load(); deaf != nil {
		return *deaf
	}
	return time.Now()
}

// close ends the connection, and joins its reader.
func (c *connection) close() {
	if c.broken != nil {
		c.broken.Stop()
	}
	c.reset()
	for range c.lines {
	}
	c.wg.Wait()
}

// client keeps somebody connected.
type client struct {
	world  *world
	name   string
	person *person
	device string
	caps   []string

	mu   sync.Mutex
	conn *connection // guarded by mu; nil while there is none
}

// retryPause is how long a client waits before it comes again: half of it to one and a half.
const retryPause = time.Second

// keep serves one connection after the other until ctx ends. serve returns when its connection is over.
func (c *client) keep(ctx context.Context, serve func(*connection) error) {
	for ctx.Err() == nil {
		if !c.person.admitted(ctx) {
			return
		}
		conn, err := connect(ctx, c.person, c.device, c.caps)
		if err == nil {
			c.set(conn)
			c.world.book.named(c.person.daemon, conn.nick, c.person.user.ID, c.world)
			err = serve(conn)
			c.set(nil)
			conn.close()
		}
		if ctx.Err() == nil {
			c.world.note("%s: %v", c.name, err)
			c.person.heard(err)
		}
		pause(ctx, retryPause/2+rand.N(retryPause))
	}
}

func (c *client) set(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
}

// connected is the present connection; nil if there is none.
func (c *client) connected() *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn
}

// cut pulls the cable of the present connection, if there is one.
func (c *client) cut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil && c.conn.pull()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
