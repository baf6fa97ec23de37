package ircd

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/transport"
)

// longText is how many bytes of a text are shown at most.
const longText = 256 << 10

// idleCrowd are clients in #messages that do not read at the moment.
type idleCrowd struct {
	server *testServer
	conns  []net.Conn
	ins    []*bufio.Reader
}

func newIdleCrowd(t *testing.T, chat *fakeChat, many int) *idleCrowd {
	t.Helper()
	c := &idleCrowd{server: newTestServer(t, chat, nil)}
	for range many {
		nc, in := c.server.slow(t, "server-time")
		go nc.Write([]byte("JOIN #messages\r\n"))
		readUntil(t, in, " 366 ")
		c.conns, c.ins = append(c.conns, nc), append(c.ins, in)
	}
	synctest.Wait()
	return c
}

// read reads to a text that ends all, as every client gets it.
func (c *idleCrowd) read(t *testing.T, i int, end string) string {
	t.Helper()
	return readUntil(t, bufio.NewReaderSize(c.ins[i], 16<<10), end)
}

func (c *idleCrowd) end(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if n := c.server.spare.waiting.Load(); n != 0 {
		t.Errorf("%d bytes wait for nobody", n)
	}
	for _, nc := range c.conns {
		nc.Close()
	}
}

func pushText(chat *fakeChat, number int, text string) {
	m := longMessage(number)
	m.Text = text
	chat.push(m, nil)
}

// A long message to many who do not read at the moment is there once, not in the queue of
// each of them, and all get the whole of it, between what comes before and after.
func TestLongMessageForMany(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		const many = 60
		clients := newIdleCrowd(t, chat, many)
		pushText(chat, 1, "the beginning")
		pushText(chat, 2, strings.Repeat("some words of a long text ", longText/26))
		pushText(chat, 3, "the end")
		synctest.Wait()
		if waiting := clients.server.spare.waiting.Load(); waiting > many<<10 {
			t.Errorf("%d bytes wait for %d clients", waiting, many)
		}
		time.Sleep(stallTimeout / 2)
		for i := range many {
			got := clients.read(t, i, "the end")
			if n := strings.Count(got, "words"); n != longText/26 || !strings.Contains(got[:1<<10], "the beginning") {
				t.Fatalf("%d of %d words came", n, longText/26)
			}
		}
		clients.end(t)
	})
}

// Who reads slowly, and is sent more long messages than may wait for a client, waits for
// them as long as anything is read.
func TestLongMessagesForSlow(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		clients := newIdleCrowd(t, chat, 1)
		const texts = 8
		for i := range texts {
			pushText(chat, i+1, strings.Repeat("some words of a long text ", longText/26))
		}
		pushText(chat, texts+1, "the end")
		words := 0
		for {
			line, err := clients.ins[0].ReadString('\n')
			if err != nil {
				t.Fatalf("after %d words: %v", words, err)
			}
			if words += strings.Count(line, "words"); strings.Contains(line, "the end") {
				break
			}
			time.Sleep(stallTimeout / 500) // a piece takes a while, all of it longer than a stall
		}
		if words != texts*(longText/26) {
			t.Errorf("%d words came", words)
		}
		clients.end(t)
	})
}

// Where much waits for all, who is sent more has taken a piece before the next is made.
func TestCrowdGetsOnePieceEach(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		server := &Server{}
		c := &conn{srv: server, writer: &writer{out: transport.NewPrompt(nil, 0)}, out: newSendQueue(0, &server.spare, func() {})}
		say := func() <-chan struct{} {
			c.out1 = bytes.Repeat([]byte("words of a line\n"), writeChunk/16+1)
			said := begin(func() {
				if err := c.flushLong(t.Context()); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			return said
		}
		isOver := func(said <-chan struct{}) bool {
			select {
			case <-said:
				return true
			default:
				return false
			}
		}
		if !isOver(say()) {
			t.Fatal("it waits though there is room")
		}
		lines, _ := c.out.take(nil)
		server.spare.waiting.Add(crowd)
		said := say()
		if isOver(said) || c.out1 != nil {
			t.Error("the next piece may be made")
		}
		for len(lines) > 0 {
			lines, _ = c.out.take(lines)
		}
		if synctest.Wait(); !isOver(said) {
			t.Error("it waits for nobody")
		}
	})
}

// What waits for a client that is gone is counted no more.
func TestQueueIsCounted(t *testing.T) {
	spare := &buffers{}
	q := newSendQueue(0, spare, func() {})
	wants := func(what string, want int64) {
		t.Helper()
		if got := spare.waiting.Load(); got != want {
			t.Errorf("%s: %d bytes, want %d", what, got, want)
		}
	}
	q.add([]byte("one"))
	wants("one in the queue", 3)
	lines, _ := q.take(nil)
	q.add([]byte("four"))
	wants("one on its way, the other in the queue", 7)
	lines, _ = q.take(lines)
	wants("the other on its way", 4)
	q.add([]byte("two more"))
	r := &rendering{text: []byte("what is there once")}
	q.tryShare(r)
	wants("what is shared behind it", 12)
	q.drop()
	wants("nobody reads", 0)
	q.force([]byte("and more"))
	q.take(lines)
	wants("nobody reads any more", 0)
}
