package ircd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

func TestWireMeterCountsFrames(t *testing.T) {
	for name, test := range map[string]struct {
		stream string
		want   int
	}{
		"messages":        {strings.Repeat(ircdtest.Frame(ircdtest.TextFrame, "PING x"), 10), 0},
		"empty messages":  {strings.Repeat(ircdtest.Frame(ircdtest.TextFrame, ""), 10), 0},
		"pings":           {strings.Repeat(ircdtest.Frame(ircdtest.PingFrame, ""), 10), 10},
		"pongs":           {strings.Repeat(ircdtest.Frame(ircdtest.PongFrame, "12345"), 10), 10},
		"fragments":       {ircdtest.Frame(ircdtest.TextFragment, "a") + strings.Repeat(ircdtest.Frame(ircdtest.MoreFragment, ""), 7) + ircdtest.Frame(ircdtest.LastFragment, "b"), 8},
		"long payload":    {ircdtest.Frame(ircdtest.TextFrame, strings.Repeat("\x89", 300)) + ircdtest.Frame(ircdtest.PingFrame, ""), 1},
		"longest payload": {ircdtest.Frame(ircdtest.TextFrame, strings.Repeat("\x89\x80", 40000)) + ircdtest.Frame(ircdtest.PingFrame, "") + ircdtest.Frame(ircdtest.TextFrame, "x"), 1},
	} {
		for _, size := range []int{1, 2, 7, 4096} {
			m := wireMeter{}
			for rest := []byte(test.stream); len(rest) > 0; {
				n := min(size, len(rest))
				m.unspent = 0 // another count
				m.count(rest[:n])
				rest = rest[n:]
			}
			if m.owed != test.want {
				t.Errorf("%s in pieces of %d: %d frames, want %d", name, size, m.owed, test.want)
			}
		}
	}
}

// What a client sends beside lines is taken as slowly as lines are, and the lines
// before it are handled at once.
func TestFloodsAreTakenSlowly(t *testing.T) {
	const seconds, rate, burst = 100, 10, 50
	for name, test := range map[string]struct {
		web   bool
		flood string // again and again
		start string
		// pieces is how much of flood one write takes; 0: all of many.
		piece int
		// most is how often it may be taken in that time, with what waits in buffers.
		most int
	}{
		"pings":           {true, ircdtest.Frame(ircdtest.PingFrame, ""), "", 0, burst + rate*seconds + 512},
		"pongs":           {true, ircdtest.Frame(ircdtest.PongFrame, "x"), "", 0, burst + rate*seconds + 512},
		"empty fragments": {true, ircdtest.Frame(ircdtest.MoreFragment, ""), ircdtest.Frame(ircdtest.TextFragment, "PRIVMSG"), 0, burst + rate*seconds + 512},
		"empty messages":  {true, ircdtest.Frame(ircdtest.TextFrame, ""), "", 0, (burst + rate*seconds + 1) * ((wire.MaxInputTags+wire.MaxInputBody)/64 + 1)},
		"byte by byte":    {false, "x", "", 1, (burst + rate*seconds + 1) * ((wire.MaxInputTags+wire.MaxInputBody)/64 + 1)},
		"blank lines":     {false, "\r\n", "", 0, (burst + rate*seconds + 1) * (wire.MaxInputTags + wire.MaxInputBody)},
		"spaces":          {false, "   \r\n", "", 0, (burst + rate*seconds + 1) * (wire.MaxInputTags + wire.MaxInputBody)},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				opts := testOptions(t)
				opts.Limits = Limits{LinesPerSecond: rate, Burst: burst}
				s := NewServer(newFakeChat(), opts)
				pipes := ircdtest.NewListener()
				ctx, cancel := context.WithCancel(t.Context())
				served := make(chan error)
				go func() {
					served <- s.Serve(ctx, SharedListener(pipes, nil), ListenOptions{})
				}()
				here, there := net.Pipe()
				pipes.Connect(there)
				drained := begin(func() { _, _ = io.Copy(io.Discard, here) })
				if test.web {
					fmt.Fprintf(here, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
					time.Sleep(time.Second)
				}
				if _, err := io.WriteString(here, test.start); err != nil {
					t.Fatal(err)
				}
				taken := 0
				flood := []byte(test.flood)
				if test.piece == 0 {
					flood = bytes.Repeat(flood, 512)
				}
				_ = here.SetWriteDeadline(time.Now().Add(seconds * time.Second))
				for {
					n, err := here.Write(flood)
					taken += n
					if err != nil {
						break
					}
				}
				if got := taken / len(test.flood); got > test.most || got < 10 {
					t.Errorf("%d were taken in %d s, want at most %d", got, seconds, test.most)
				}
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
				here.Close()
				<-drained
				synctest.Wait()
			})
		})
	}
}
