// Package ircdtest is a small IRC client for tests. It shows what a server really
// sends, line by line, and interprets nothing except PING, which it answers as every
// client does.
//
// A test writes lines with Send, waits for an answer with Expect, and uses Sync
// as a barrier where it would otherwise sleep. Every line is logged through the
// test with its direction. It works over net.Pipe inside a testing/synctest
// bubble, and over TCP and TLS outside of one.
package ircdtest

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/ircd/bell"
)

// Timeout is how long Expect, Sync and Closed wait before the test fails, and
// how long one write may take. Only failing tests wait that long, unless the machine
// is very slow.
const Timeout = 60 * time.Second

// maxLine is more than any server may send: 8191 bytes of tags and 512 of body.
const maxLine = 16 << 10

// A Client is one connection. Its methods are called from the goroutine of the
// test, since they end the test when the server does not do what is expected.
type Client struct {
	// Name precedes the client's lines in the log of the test. Set it before the first
	// Send.
	Name string

	t    testing.TB
	conn net.Conn
	out  chan string
	wg   sync.WaitGroup
	once sync.Once
	sync int // the number of barriers so far

	mu    sync.Mutex
	lines []string      // guarded by mu: received and not yet taken
	err   error         // guarded by mu: why the reader stopped
	mute  bool          // guarded by mu: PINGs are not answered
	news  bell.Bell     // lines or err have changed
	done  chan struct{} // closed when the writer may no longer be used
}

// New starts a client on an established connection. It is closed at the end of
// the test.
func New(t testing.TB, conn net.Conn) *Client {
	t.Helper()
	c := &Client{
		Name: "client",
		t:    t,
		conn: conn,
		out:  make(chan string, 4096),
		news: bell.New(),
		done: make(chan struct{}),
	}
	c.wg.Go(c.read)
	c.wg.Go(c.write)
	t.Cleanup(c.Close)
	return c
}

// Dial connects to a TCP address and starts a client.
func Dial(t testing.TB, address string) *Client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, Timeout)
	if err != nil {
		t.Fatalf("dial %s: %v", address, err)
	}
	return New(t, conn)
}

// DialTLS connects to a TLS listener and starts a client.
func DialTLS(t testing.TB, address string, cfg *tls.Config) *Client {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: Timeout}, "tcp", address, cfg)
	if err != nil {
		t.Fatalf("dial %s with TLS: %v", address, err)
	}
	return New(t, conn)
}

// Send writes lines, each followed by CR LF. It does not wait for the server to read
// them.
func (c *Client) Send(lines ...string) {
	c.t.Helper()
	for _, l := range lines {
		c.SendRaw(l + "\r\n")
	}
}

// SendRaw writes bytes as they are.
func (c *Client) SendRaw(data string) {
	c.t.Helper()
	select {
	case c.out <- data:
	case <-c.done:
	default:
		c.t.Fatalf("%s: the server does not read: %d writes are waiting", c.Name, len(c.out))
	}
}

// SetPong says whether PINGs of the server are answered; they are at first.
func (c *Client) SetPong(answer bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mute = !answer
}

// Expect takes lines until one matches a pattern and returns it whole. In a
// pattern "*" stands for any text, even none; tags are matched only if the
// pattern begins with "@". The test fails after Timeout, or if the connection
// ends first.
func (c *Client) Expect(patterns ...string) string {
	c.t.Helper()
	for {
		l, err := c.take()
		if err != nil {
			c.t.Fatalf("%s: expected %q: %v", c.Name, patterns, err)
		}
		for _, p := range patterns {
			if Match(p, l) {
				return l
			}
		}
	}
}

// ExpectNext takes one line, which must match the pattern.
func (c *Client) ExpectNext(pattern string) string {
	c.t.Helper()
	l, err := c.take()
	if err != nil {
		c.t.Fatalf("%s: expected %q next: %v", c.Name, pattern, err)
	}
	if !Match(pattern, l) {
		c.t.Fatalf("%s: expected %q next, got %q", c.Name, pattern, l)
	}
	return l
}

// Sync sends an unknown command, waits for its reply, and returns the lines that came before
// it: everything that the server has answered so far. A PING would not do, because it may be
// answered out of turn.
func (c *Client) Sync() []string {
	c.t.Helper()
	c.sync++
	token := Barrier(c.sync)
	c.Send(token)
	var lines []string
	for {
		l, err := c.take()
		if err != nil {
			c.t.Fatalf("%s: expected the reply to %q: %v", c.Name, token, err)
		}
		if Match("* 421 * "+token+" :*", l) {
			return lines
		}
		lines = append(lines, l)
	}
}

// Barrier makes the name of an unknown command, of letters only. A server answers it with 421
// after the replies to everything sent before.
func Barrier(n int) string {
	return "SYNC" + strings.Map(func(r rune) rune { return r - '0' + 'A' }, strconv.Itoa(n))
}

// Refute is a Sync that fails the test if a line matches a pattern. It returns
// the lines that it took.
func (c *Client) Refute(patterns ...string) []string {
	c.t.Helper()
	lines := c.Sync()
	for _, l := range lines {
		for _, p := range patterns {
			if Match(p, l) {
				c.t.Fatalf("%s: got %q, which matches the unexpected %q", c.Name, l, p)
			}
		}
	}
	return lines
}

// Closed waits until the server has closed the connection and returns the lines
// taken before.
func (c *Client) Closed() []string {
	c.t.Helper()
	var lines []string
	for {
		l, err := c.take()
		switch {
		case err == nil:
			lines = append(lines, l)
		case err == errTimeout:
			c.t.Fatalf("%s: expected the server to close the connection: %v", c.Name, err)
		default:
			return lines
		}
	}
}

// LoginPass registers with PASS and returns the nick that the server gave.
func (c *Client) LoginPass(nick, secret string) string {
	c.t.Helper()
	c.Send("PASS :"+secret, "NICK "+nick, "USER "+nick+" 0 * :"+nick)
	return c.Welcome()
}

// LoginSASL registers with SASL PLAIN, requesting capabilities in addition to sasl, and
// returns the nick that the server gave.
func (c *Client) LoginSASL(nick, account, password string, caps ...string) string {
	c.t.Helper()
	c.Send("CAP LS 302", "NICK "+nick, "USER "+nick+" 0 * :"+nick)
	c.Send("CAP REQ :" + strings.Join(append([]string{"sasl"}, caps...), " "))
	c.Expect("* CAP * ACK :*")
	c.Send("AUTHENTICATE PLAIN")
	c.Expect("AUTHENTICATE +")
	c.Send("AUTHENTICATE " + Plain(account, password))
	c.Expect("* 903 *")
	c.Send("CAP END")
	return c.Welcome()
}

// Welcome waits for the end of the welcome (221) and returns the client's nick. Channels
// that the server joins by itself follow later.
func (c *Client) Welcome() string {
	c.t.Helper()
	f := strings.Fields(stripTags(c.Expect("* 221 *")))
	return f[2]
}

// Plain encodes credentials for SASL PLAIN (RFC 4616) without an authorisation
// identity.
func Plain(account, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + account + "\x00" + password))
}

// Close ends the connection once everything sent is written. It may be called
// more than once.
func (c *Client) Close() {
	c.once.Do(func() {
		close(c.done)
		c.wg.Wait()
	})
}

// Match reports whether a line matches a pattern, by the rules of Expect.
func Match(pattern, line string) bool {
	if !strings.HasPrefix(pattern, "@") {
		line = stripTags(line)
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == line
	}
	if !strings.HasPrefix(line, parts[0]) {
		return false
	}
	line = line[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(line, p)
		if i < 0 {
			return false
		}
		line = line[i+len(p):]
	}
	return strings.HasSuffix(line, parts[len(parts)-1])
}

func stripTags(line string) string {
	if strings.HasPrefix(line, "@") {
		_, line, _ = strings.Cut(line, " ")
	}
	return line
}

var errTimeout = fmt.Errorf("nothing came within %v", Timeout)

// take removes and returns the oldest line, waiting for one.
func (c *Client) take() (string, error) {
	timer := time.NewTimer(Timeout)
	defer timer.Stop()
	for {
		c.mu.Lock()
		if len(c.lines) > 0 {
			l := c.lines[0]
			c.lines = c.lines[1:]
			c.mu.Unlock()
			return l, nil
		}
		err := c.err
		c.mu.Unlock()
		if err != nil {
			return "", err
		}
		select {
		case <-c.news:
		case <-timer.C:
			return "", errTimeout
		}
	}
}

// read runs on its own goroutine until the connection ends.
func (c *Client) read() {
	r := bufio.NewReaderSize(c.conn, maxLine)
	for {
		b, err := r.ReadSlice('\n')
		c.mu.Lock()
		mute := c.mute
		switch l := string(b); {
		case err == nil && strings.HasSuffix(l, "\r\n"):
			l = strings.TrimSuffix(l, "\r\n")
			c.lines = append(c.lines, l)
			c.t.Logf("%s <- %q", c.Name, l)
		case err == nil:
			c.err = fmt.Errorf("a line ends without CR: %q", l)
		case err == io.EOF && l != "":
			c.err = fmt.Errorf("the connection ended within a line: %q", l)
		default:
			c.err = fmt.Errorf("the connection ended: %w", err)
		}
		stop := c.err != nil
		c.mu.Unlock()
		c.news.Ring()
		if stop {
			return
		}
		if token, ok := strings.CutPrefix(string(b), "PING "); ok && !mute {
			select {
			case c.out <- "PONG " + token:
			default:
			}
		}
	}
}

// write runs on its own goroutine until Close, and closes the connection.
func (c *Client) write() {
	defer c.conn.Close()
	for {
		select {
		case data := <-c.out:
			if c.writeOne(data) != nil {
				<-c.done
				return
			}
		case <-c.done:
			for {
				select {
				case data := <-c.out:
					if c.writeOne(data) != nil {
						return
					}
				default:
					return
				}
			}
		}
	}
}

func (c *Client) writeOne(data string) error {
	c.t.Logf("%s -> %q", c.Name, data)
	if err := c.conn.SetWriteDeadline(time.Now().Add(Timeout)); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, data)
	return err
}
