package bench

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The floors: what is measured against them does at least what they do.
const (
	floorLoop       = "loop"       // writes to one reader after the other
	floorGoroutines = "goroutines" // has a goroutine and a channel for each reader
)

// secured is what the name of a floor ends in that listens for TLS.
const secured = "-tls"

// floorVariable names in the environment the floor that this program is to be instead of running tests.
const floorVariable = "DIRECTUS_IRCD_BENCH_FLOOR"

// runFloor is a floor as a process: it tells on standard output where it listens, and writes each line of standard input to
// all who have connected.
func runFloor(kind string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	kind, secure := strings.CutSuffix(kind, secured)
	if secure {
		server := httptest.NewTLSServer(nil)
		server.Close()
		ln = tls.NewListener(ln, &tls.Config{Certificates: server.TLS.Certificates})
	}
	conns := make(chan net.Conn)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				io.WriteString(conn, "welcome\n") // after the handshake, which takes its time
				conns <- conn
			}()
		}
	}()
	lines := make(chan []byte)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- append(slices.Clone(in.Bytes()), "\r\n"...)
		}
	}()
	var readers []func(line []byte)
	for {
		select {
		case conn := <-conns:
			readers = append(readers, floorReader(kind, conn))
		case line, ok := <-lines:
			if !ok {
				return nil
			}
			for _, write := range readers {
				write(line)
			}
		}
	}
}

// floorReader returns how lines get to a connection. Errors do not matter: the benchmark misses the line.
func floorReader(kind string, conn net.Conn) func(line []byte) {
	if kind == floorLoop {
		return func(line []byte) { _, _ = conn.Write(line) }
	}
	queue := make(chan []byte, 16)
	go func() {
		for line := range queue {
			_, _ = conn.Write(line)
		}
	}()
	return func(line []byte) { queue <- line }
}

// floorHead is as long as what stands before the text of a message on IRC.
const floorHead = "@time=2006-01-02T15:04:05.000Z;msgid=messages-1 :Wanda!user@irc.example.com PRIVMSG " + channel + " :"

// floorSource starts a floor for n readers.
func floorSource(tb testing.TB, kind string, n int) *source {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), floorVariable+"="+kind)
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	kind, secure := strings.CutSuffix(kind, secured)
	s := &source{name: kind, process: process{tb, cmd.Process.Pid}}
	s.say = func(text string) {
		if _, err := io.WriteString(in, floorHead+text+"\n"); err != nil {
			tb.Fatal(err)
		}
	}
	s.readers = startReaders(tb, make([]string, n), func(string) (net.Conn, func(func([]byte)) error, error) {
		conn, err := dial(strings.TrimSpace(address), secure)
		if err != nil {
			return nil, nil, err
		}
		in := bufio.NewReaderSize(conn, 8<<10)
		if _, err := in.ReadString('\n'); err != nil {
			return conn, nil, err
		}
		return below(conn), func(seen func([]byte)) error { return readIRC(conn, in, seen) }, nil
	})
	return s
}
