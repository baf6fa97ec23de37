package ircdtest

import (
	"net"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, line string
		want          bool
	}{
		{"PING :x", "PING :x", true},
		{"PING :x", "PING :xy", false},
		{"* 001 alice :*", ":irc.test 001 alice :Welcome", true},
		{"* 001 alice :*", "@time=2026-01-01T00:00:00.000Z :irc.test 001 alice :Welcome", true},
		{"@time=* :irc.test 001 *", "@time=2026 :irc.test 001 alice", true},
		{"@time=*", ":irc.test 001 alice", false},
		{"a*b*c", "a--b--c", true},
		{"a*b*c", "a--c--b", false},
		{"*", "", true},
	} {
		if got := Match(tc.pattern, tc.line); got != tc.want {
			t.Errorf("Match(%q, %q) = %v, want %v", tc.pattern, tc.line, got, tc.want)
		}
	}
}

func TestClient(t *testing.T) {
	Bubble(t, func(t *testing.T) {
		here, there := net.Pipe()
		c := New(t, here)
		server := New(t, there)
		server.Name = "server"
		server.Send("PING :hello", ":s 001 alice :Welcome", ":s 221 alice +")
		if got := c.Welcome(); got != "alice" {
			t.Errorf("got nick %q", got)
		}
		server.Expect("PONG :hello")
		c.Send("ONE", "TWO")
		server.ExpectNext("ONE")
		server.Send(":s NOTICE alice :one", ":s 421 alice SYNCB :Unknown command")
		if got := strings.Join(c.Sync(), "|"); got != ":s NOTICE alice :one" {
			t.Errorf("Sync took %q", got)
		}
		c.Send("QUIT")
		c.Close()
		if got := strings.Join(server.Closed(), "|"); got != "TWO|SYNCB|QUIT" {
			t.Errorf("the server took %q", got)
		}
	})
}
