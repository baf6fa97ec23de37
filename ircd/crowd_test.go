package ircd

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// A long message to many who do not read at the moment waits for each of them where it is
// once, not in their queues, and all get the whole of it.
func TestLongMessageForMany(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		server := newTestServer(t, chat, nil)
		const many = 60
		var conns [many]net.Conn
		var ins [many]*bufio.Reader
		for i := range many {
			conns[i], ins[i] = server.slow(t, "server-time")
			go conns[i].Write([]byte("JOIN #messages\r\n"))
			readUntil(t, ins[i], " 366 ")
		}
		synctest.Wait()
		long := longMessage(1)
		long.Text = strings.Repeat("some words of a long text ", maxTextBytes/26)
		chat.push(long, nil)
		last := longMessage(2)
		last.Text = "the end"
		chat.push(last, nil)
		synctest.Wait()
		waiting := server.spare.waiting.Load()
		if waiting < crowd/2 || waiting > crowd+many*4*writeChunk {
			t.Errorf("%d bytes wait for %d clients", waiting, many)
		}
		time.Sleep(stallTimeout / 2)
		for i := range many {
			got := readUntil(t, bufio.NewReaderSize(ins[i], 16<<10), "the end")
			if n := strings.Count(got, "words"); n != maxTextBytes/26 {
				t.Fatalf("%d of %d words came", n, maxTextBytes/26)
			}
		}
		synctest.Wait()
		if n := server.spare.waiting.Load(); n != 0 {
			t.Errorf("%d bytes wait for nobody", n)
		}
		for _, nc := range conns {
			nc.Close()
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
	q.drop()
	wants("nobody reads", 0)
	q.force([]byte("and more"))
	q.take(lines)
	wants("nobody reads any more", 0)
}
