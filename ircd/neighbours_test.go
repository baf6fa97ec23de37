package ircd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"

	"github.com/rs/zerolog"
)

// A neighbourhood is a server in real time, with people who talk in a channel and
// strangers who would rather they did not.
type neighbourhood struct {
	t       *testing.T
	server  *Server
	chat    *fakeChat
	address string
	readers []*neighbour
	said    int
}

// neighbour reads without keeping what it has read.
type neighbour struct {
	nc net.Conn
	r  *bufio.Reader
}

// expect reads up to a line that ends so.
func (n *neighbour) expect(t *testing.T, end string) {
	t.Helper()
	if err := n.nc.SetReadDeadline(time.Now().Add(ircdtest.Timeout)); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := n.r.ReadSlice('\n')
		if err != nil {
			t.Fatalf("no %q: %v", end, err)
		}
		if strings.Contains(string(line), end) {
			return
		}
	}
}

const (
	neighbours = 10
	halfOpen   = 1500
)

func newNeighbourhood(t *testing.T) *neighbourhood {
	chat := newFakeChat()
	for i := range neighbours + 40 {
		name := fmt.Sprintf("user%d", i)
		chat.accounts[name+"@example.com:pw"] = testUser(name)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &neighbourhood{t: t, chat: chat, address: ln.Addr().String()}
	// The limits of the example configuration, but for those by address: there is
	// one here.
	n.server = NewServer(chat, Options{Name: "irc.test", Logger: zerolog.Nop(), Limits: Limits{
		Connections: neighbours + halfOpen, RegistrationTimeout: time.Minute, PingTimeout: 4 * time.Minute,
		LinesPerSecond: 10, Burst: 50, ChannelsPerClient: 100, SendQueue: 1 << 20,
	}})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- n.server.Serve(ctx, ln, ListenOptions{}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	for i := range neighbours {
		nc, err := n.stranger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(nc, credentials(i, "pw")+"JOIN #messages\r\n"); err != nil {
			t.Fatal(err)
		}
		c := &neighbour{nc, bufio.NewReader(nc)}
		c.expect(t, " 366 ")
		n.readers = append(n.readers, c)
	}
	return n
}

// median says things for a while and returns the median of the times until they
// are at each of the neighbours.
func (n *neighbourhood) median(rounds int) time.Duration {
	n.t.Helper()
	var times []time.Duration
	for range rounds {
		n.said++
		text := fmt.Sprintf("round %d", n.said)
		start := time.Now()
		n.chat.say(testUser("kevin"), "#messages", text)
		for _, c := range n.readers {
			c.expect(n.t, " PRIVMSG #messages :"+text+"\r\n")
			times = append(times, time.Since(start))
		}
		runtime.Gosched()
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// stranger is a connection of somebody hostile. It ends with ctx.
func (n *neighbourhood) stranger(ctx context.Context) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", n.address)
	if err == nil {
		context.AfterFunc(ctx, func() { nc.Close() })
	}
	return nc, err
}

func credentials(i int, password string) string {
	return fmt.Sprintf("CAP REQ :batch message-tags draft/chathistory\r\nPASS user%d@example.com:%s\r\nNICK x\r\nUSER x 0 * :x\r\nCAP END\r\n", i, password)
}

// flood sends all that costs something, as fast as the network takes it.
func (n *neighbourhood) flood(ctx context.Context, i int) {
	nc, err := n.stranger(ctx)
	if err != nil {
		return
	}
	go io.Copy(io.Discard, nc)
	flood := credentials(neighbours+i, "pw") + "JOIN #messages\r\n" + strings.Repeat("WHO #messages\r\nCHATHISTORY LATEST #messages * 500\r\nJOIN #dev\r\nPART #dev\r\nPING :x\r\n"+
		"PRIVMSG #dev :x\r\nNAMES #messages,#messages\r\nWHOIS user1\r\nAWAY :x\r\nMONITOR + user1,user2\r\nLIST\r\n@+typing=active TAGMSG #messages\r\n", 100)
	for err == nil {
		_, err = io.WriteString(nc, flood)
	}
}

// deaf asks for much, is told more, and reads nothing.
func (n *neighbourhood) deaf(ctx context.Context, i int) {
	nc, err := n.stranger(ctx)
	if err != nil {
		return
	}
	_, err = io.WriteString(nc, credentials(neighbours+i, "pw")+"JOIN #messages,#dev\r\n"+strings.Repeat("HELP\r\nVERSION\r\nWHO *\r\n", 100))
	if i == 0 {
		go func() {
			for text := strings.Repeat("much ", 10_000); ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
				n.chat.say(testUser("kevin"), "#dev", text)
			}
		}()
	}
	for err == nil {
		_, err = io.WriteString(nc, strings.Repeat("MOTD\r\nLUSERS\r\n", 1000))
	}
}

// comeBack connects in a loop, with the right password and with wrong ones.
func (n *neighbourhood) comeBack(ctx context.Context, i int) {
	for round := 0; ctx.Err() == nil; round++ {
		nc, err := n.stranger(ctx)
		if err != nil {
			continue
		}
		password := "pw"
		if round%2 == 1 {
			password = "wrong"
		}
		if _, err := io.WriteString(nc, credentials(neighbours+i, password)); err == nil {
			r := bufio.NewReader(nc)
			for line := ""; err == nil && !strings.Contains(line, " 001 "); {
				line, err = r.ReadString('\n')
			}
		}
		nc.Close()
	}
}

// endless sends lines and tags that do not end, and messages that do not.
func (n *neighbourhood) endless(ctx context.Context, i int) {
	nc, err := n.stranger(ctx)
	if err != nil {
		return
	}
	go io.Copy(io.Discard, nc)
	_, err = io.WriteString(nc, "CAP REQ :draft/multiline batch\r\n"+credentials(neighbours+i, "pw")+"BATCH +1 draft/multiline #messages\r\n"+
		strings.Repeat("@batch=1 PRIVMSG #messages :"+strings.Repeat("x", 8000)+"\r\n", 8))
	part := []string{strings.Repeat("x", 64<<10), "@" + strings.Repeat("a=b;", 16<<10)}[i%2]
	for err == nil {
		_, err = io.WriteString(nc, part)
	}
}

// silent takes every place there is and says nothing.
func (n *neighbourhood) silent(ctx context.Context, i int) {
	for range halfOpen / strangers {
		nc, err := n.stranger(ctx)
		if err != nil {
			return
		}
		if i%2 == 0 {
			_, _ = io.WriteString(nc, "CAP LS 302\r\nNICK x")
		}
	}
	<-ctx.Done()
}

// strangers is how many goroutines attack.
const strangers = 10

// TestNeighbours: nothing that strangers do doubles the time in which the others
// have a message, and all of it takes no more memory than the limits say.
func TestNeighbours(t *testing.T) {
	for name, attack := range map[string]struct {
		by   func(*neighbourhood, context.Context, int)
		heap int // bytes for all of it, at most
	}{
		"flood":    {(*neighbourhood).flood, strangers * (1 << 20)},
		"deaf":     {(*neighbourhood).deaf, strangers * (3 << 20)}, // the queue, and as much being written
		"comeback": {(*neighbourhood).comeBack, strangers * (1 << 20)},
		"endless":  {(*neighbourhood).endless, strangers * (1 << 20)},
		"silent":   {(*neighbourhood).silent, halfOpen * (48 << 10)},
	} {
		t.Run(name, func(t *testing.T) {
			// Whatever else the machine does can disturb a measurement, but not help
			// it.
			var undisturbed, disturbed time.Duration
			var grown int
			for range 3 {
				if undisturbed, disturbed, grown = attacked(t, attack.by); disturbed <= 2*undisturbed+noise {
					break
				}
			}
			t.Logf("median %v, under attack %v (%.1f times), %d kB more", undisturbed, disturbed, float64(disturbed)/float64(undisturbed), grown>>10)
			if disturbed > 2*undisturbed+noise {
				t.Errorf("median %v, under attack %v", undisturbed, disturbed)
			}
			if grown > attack.heap {
				t.Errorf("%d kB more, want %d at most", grown>>10, attack.heap>>10)
			}
		})
	}
}

// noise is what two medians may differ by, on a machine that is busy.
const noise = 2 * time.Millisecond

// attacked measures the median before and under an attack, and how much memory
// that takes.
func attacked(t *testing.T, by func(*neighbourhood, context.Context, int)) (undisturbed, disturbed time.Duration, grown int) {
	n := newNeighbourhood(t)
	n.median(50)
	before := heap()
	undisturbed = n.median(300)
	ctx, cancel := context.WithCancel(t.Context())
	var attackers sync.WaitGroup
	defer attackers.Wait()
	defer cancel()
	for i := range strangers {
		attackers.Go(func() { by(n, ctx, i) })
	}
	n.median(300) // the first burst of each is what it may
	disturbed = n.median(300)
	if stats := n.server.Stats(); stats.Accepted < neighbours+strangers {
		t.Errorf("no attack: %+v", stats)
	}
	return undisturbed, disturbed, heap() - before
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
