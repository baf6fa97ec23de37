package directustest_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
)

// echo serves lines back, "got" in front, and notes them.
func echo(t *testing.T, greeting string) (address string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got = make(chan string, 16)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, greeting)
				for s := bufio.NewScanner(conn); s.Scan(); {
					got <- s.Text()
					_, _ = io.WriteString(conn, "got "+s.Text()+"\n")
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), got
}

// caller is a client of a Proxy.
type caller struct {
	t *testing.T
	net.Conn
	*bufio.Reader
}

func call(t *testing.T, p *directustest.Proxy) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &caller{t, conn, bufio.NewReader(conn)}
}

func (c *caller) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// hears takes a line, or "" when the connection is broken.
func (c *caller) hears(want string) {
	c.t.Helper()
	got, err := c.ReadString('\n')
	if strings.TrimSuffix(got, "\n") != want || (err == nil) != (want != "") {
		c.t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestProxy(t *testing.T) {
	target, got := echo(t, "")
	p := directustest.NewProxy(t, target)
	c := call(t, p)
	c.say("one")
	c.hears("got one")

	p.Stall(directustest.Down)
	c.say("two")
	if l := <-got; l != "one" {
		t.Errorf("got %q", l)
	}
	if l := <-got; l != "two" {
		t.Errorf("got %q", l)
	}
	p.Mend()
	c.hears("got two")

	p.Stall(directustest.Up)
	c.say("three")
	begin := time.Now()
	time.AfterFunc(50*time.Millisecond, p.Mend)
	c.hears("got three")
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("a stalled line took %v", took)
	}
	<-got

	p.Delay(50*time.Millisecond, directustest.Up, directustest.Down)
	begin = time.Now()
	c.say("four")
	c.hears("got four")
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("a delayed line and its answer took %v", took)
	}
	<-got
	p.Mend()

	// What is lost on its way down was heard, what is lost on its way up was not.
	p.Stall(directustest.Down)
	c.say("five")
	<-got
	p.Cut(directustest.Down)
	c.hears("")
	p.Mend()
	c = call(t, p)
	p.Stall(directustest.Up)
	c.say("six")
	p.Cut(directustest.Up)
	c.hears("")
	p.Mend()

	// Only what was meant is lost.
	c = call(t, p)
	go p.CutDown(time.Minute, func(data []byte) bool { return strings.Contains(string(data), "bait") })
	c.say("bread")
	c.hears("got bread")
	c.say("bait")
	c.hears("")
	for _, want := range []string{"bread", "bait"} {
		if l := <-got; l != want {
			t.Errorf("got %q", l)
		}
	}

	// What is on its way up when the client's end breaks arrives late, and what is new is not delayed.
	p.Delay(100*time.Millisecond, directustest.Up)
	c = call(t, p)
	c.say("late")
	p.Sever()
	c.hears("")
	c = call(t, p)
	c.say("new")
	c.hears("got new")
	for _, want := range []string{"new", "late"} {
		if l := <-got; l != want {
			t.Errorf("got %q, want %q", l, want)
		}
	}

	p.Refuse()
	if conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://")); err == nil {
		(&caller{t, conn, bufio.NewReader(conn)}).hears("")
		conn.Close()
	}
	p.Mend()
	c = call(t, p)
	c.say("seven")
	c.hears("got seven")
	if l := <-got; l != "seven" {
		t.Errorf("got %q", l)
	}
}

// Events that come down a WebSocket are swapped, whole.
func TestProxySwapsEvents(t *testing.T) {
	frame := func(text string) string { return "\x81" + string(rune(len(text))) + text }
	const event = `{"event":"create"}`
	long := event + strings.Repeat(" ", 300)
	head := "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	target, _ := echo(t, head+frame(`{"a":1}`)+frame(event+"\n")+"\x81\x7e\x01\x3f"+long+"\n"+frame(event+"!\n"))
	p := directustest.NewProxy(t, target)
	p.Rotate()
	c := call(t, p)
	want := head + frame(`{"a":1}`) + "\x81\x7e\x01\x3f" + long + "\n" + frame(event+"\n") + frame(event+"!\n")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c.Reader, got); err != nil || string(got) != want {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
}
