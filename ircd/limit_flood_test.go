package ircd

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// lingering is a connection that lingers, as TCP does.
type lingering struct{ net.Conn }

func (lingering) CloseWrite() error { return nil }

// TestFloodAtTheEnd: of clients that go on sending little is read once the server stops: what they send must not take
// the time that the others need for their end.
func TestFloodAtTheEnd(t *testing.T) {
	for name, flood := range map[string]string{
		"lines": "PRIVMSG #messages :one more\r\n", "blank lines": "\r\n", "nothing": "\x00", "a line that does not end": "x",
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				s := newTestServer(t, newFakeChat(), func(o *Options) { o.Limits.LinesPerSecond, o.Limits.Burst = 10, 50 })
				here, there := net.Pipe()
				s.ln.Connect(lingering{there})
				go io.Copy(io.Discard, here) // ends with the connection
				if _, err := io.WriteString(here, "PASS alice@example.com:pw-alice\r\nNICK alice\r\nUSER x\r\nJOIN #messages\r\n"); err != nil {
					t.Fatal(err)
				}
				chunk := strings.Repeat(flood, 1<<10/len(flood))
				taken := make(chan int, 1)
				go func() {
					total := 0
					for total < 64<<20 {
						n, err := io.WriteString(here, chunk)
						total += n
						if err != nil {
							break
						}
					}
					taken <- total
				}()
				time.Sleep(10 * time.Second) // it is slowed down, and the server stops in the middle
				start := time.Now()
				s.stop(errors.New("the server is restarting"))
				if took := time.Since(start); took > 4*time.Second {
					t.Errorf("the end took %v", took)
				}
				here.Close()
				if total := <-taken; total > 4<<20 {
					t.Errorf("%d bytes were read", total)
				}
			})
		})
	}
}
