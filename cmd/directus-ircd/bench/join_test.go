package bench

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// BenchmarkJoin is the time in which 5000 people log in and join one channel, with a Directus that answers at once, and
// how long it takes until somebody there sees the next JOIN.
func BenchmarkJoin(b *testing.B) {
	for range b.N {
		report(b, joins(b, 5000))
	}
}

func joins(tb testing.TB, n int) metrics {
	m := metrics{}
	for _, of := range builds() {
		c, name := newFastChat(tb), of.name
		people := c.people(n + 2)
		d := of.start(tb, c.address())
		used, start := d.cpu(), time.Now()
		crowd := startReaders(tb, people[:n], ircReader(d.addr))
		m[name+"-s"] = time.Since(start).Seconds()
		m[name+"-cpu-s"] = (d.cpu() - used).Seconds()
		m[name+"-seen-ms"] = milliseconds(untilSeen(tb, d.addr, people[n], people[n+1]))
		crowd.close()
	}
	return m
}

// untilSeen has two people join, and returns how long the first waits for the JOIN of the second, from when that one has
// asked for it.
func untilSeen(tb testing.TB, address, first, second string) time.Duration {
	login := func(token string) (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "PASS %s\r\nNICK reader\r\nUSER reader 0 * :Reader\r\n", token)
		return conn, bufio.NewReader(conn)
	}
	until := func(in *bufio.Reader, part string) string {
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				tb.Fatal(err)
			}
			if strings.Contains(line, part) {
				return line
			}
		}
	}
	_, one := login(first)
	until(one, " 366 ")
	conn, other := login(second)
	nick := strings.Fields(until(other, " 366 "))[2]
	until(one, ":"+nick+"!") // the JOIN at the login
	fmt.Fprintf(conn, "PART %s\r\n", channel)
	until(one, ":"+nick+"!")
	asked := time.Now()
	fmt.Fprintf(conn, "JOIN %s\r\n", channel)
	until(one, ":"+nick+"!")
	return time.Since(asked)
}
