package ircd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/transport"
	"directus-ircd/ircd/wire"
)

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
					served <- s.Serve(ctx, transport.Shared(pipes, nil), ListenOptions{})
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
