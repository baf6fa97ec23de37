package ircd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"

	"github.com/rs/zerolog"
)

// partsOf is a history in parts of one long message each, which notes how many were
// asked for.
func partsOf(n int, asked *int, event func(*Message) Event) More {
	left := n
	return func(context.Context) ([]Event, error) {
		if *asked++; left == 0 {
			return nil, nil
		}
		left--
		return []Event{event(longMessage(n - left))}, nil
	}
}

func longMessage(n int) *Message {
	return &Message{
		ID: fmt.Sprint("m", n), Time: time.Now(), From: testUser("bob"), Target: "#messages",
		Text: fmt.Sprintf("part %d %s", n, strings.Repeat("long ", 10<<10)),
	}
}

// readUntil reads lines up to one that has a text in it.
func readUntil(t *testing.T, in *bufio.Reader, text string) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := in.ReadString('\n')
		if all.WriteString(line); err != nil {
			t.Fatalf("%v behind %.200q", err, all.String())
		}
		if strings.Contains(line, text) {
			return all.String()
		}
	}
}

// slow is a client of alice's that reads only when it is told to.
func (s *testServer) slow(t *testing.T, caps string) (net.Conn, *bufio.Reader) {
	t.Helper()
	nc := s.connect(nil)
	t.Cleanup(func() { nc.Close() })
	in := bufio.NewReaderSize(nc, 16)
	go io.WriteString(nc, "CAP REQ :"+caps+"\r\nPASS alice@example.com:pw-alice\r\nNICK alice\r\nUSER x\r\nCAP END\r\nPING :all\r\n")
	readUntil(t, in, "PONG")
	return nc, in
}

// A client that does not read what it is sent is asked for by no page, and a page is
// read on only as it takes what came before: nothing is held for it meanwhile.
func TestWhoDoesNotReadHoldsNoPage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		pages, parts := 0, 0
		chat.history = func(*fakeSession, HistoryQuery) (*HistoryPage, error) {
			pages++
			return &HistoryPage{Target: "#messages", Events: []Event{longMessage(0)}, More: partsOf(3, &parts, func(m *Message) Event { return m })}, nil
		}
		nc, in := newTestServer(t, chat, nil).slow(t, "batch draft/chathistory")
		io.WriteString(nc, "HELP\r\nCHATHISTORY LATEST #messages * 9\r\n")
		time.Sleep(stallTimeout / 2)
		if synctest.Wait(); pages != 0 {
			t.Error("a page is read for a client that does not read")
		}
		for i := range 4 {
			readUntil(t, in, fmt.Sprintf("part %d ", i))
			time.Sleep(stallTimeout / 2)
			if synctest.Wait(); pages != 1 || parts != i {
				t.Errorf("%d pages and %d parts are read", pages, parts)
			}
		}
		if rest := readUntil(t, in, " BATCH -"); strings.Contains(rest, "BATCH +") {
			t.Errorf("a batch in the page: %.200q", rest)
		}
		io.WriteString(nc, "CHATHISTORY LATEST #messages * 9\r\n")
		time.Sleep(3 * stallTimeout)
		if synctest.Wait(); pages != 2 || parts != 4 {
			t.Errorf("%d pages and %d parts, though the client is gone", pages, parts)
		}
	})
}

// A page of which it takes long to find out what belongs to it comes as a whole, too.
func TestPageOfLaterParts(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		parts := 0
		next := partsOf(2, &parts, func(m *Message) Event { return m })
		chat.history = func(*fakeSession, HistoryQuery) (*HistoryPage, error) {
			return &HistoryPage{Target: "#messages", More: func(ctx context.Context) ([]Event, error) {
				time.Sleep(2 * historyTimeout)
				return next(ctx)
			}}, nil
		}
		nc, in := newTestServer(t, chat, nil).slow(t, "batch draft/chathistory")
		go io.WriteString(nc, "CHATHISTORY LATEST #messages * 9\r\n")
		page := readUntil(t, in, " BATCH -")
		if !strings.Contains(page, "BATCH +") || !strings.Contains(page, "part 1 ") || !strings.Contains(page, "part 2 ") {
			t.Errorf("%.300q", page)
		}
	})
}

// The parts of a backlog follow as the client takes them.
func TestBacklogInParts(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		parts := 0
		chat.backlog["#messages"] = []*Message{longMessage(0)}
		chat.more = partsOf(3, &parts, func(m *Message) Event { return &Backlog{Channel: m.Target, Messages: []*Message{m}} })
		nc, in := newTestServer(t, chat, nil).slow(t, "batch")
		io.WriteString(nc, "JOIN #messages\r\n")
		for i := range 4 {
			readUntil(t, in, fmt.Sprintf("part %d ", i))
			time.Sleep(stallTimeout / 2)
			if synctest.Wait(); parts != i {
				t.Errorf("%d parts are read behind part %d", parts, i)
			}
		}
		readUntil(t, in, " BATCH -")
	})
}

// A part that cannot be read ends the connection: the client would take what it has got
// for all there is.
func TestPartThatCannotBeRead(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.history = func(*fakeSession, HistoryQuery) (*HistoryPage, error) {
			return &HistoryPage{Target: "#messages", Events: []Event{longMessage(0)}, More: func(context.Context) ([]Event, error) {
				return nil, errors.New("directus is away")
			}}, nil
		}
		c := newTestServer(t, chat, func(o *Options) { o.Logger = zerolog.Nop() }).user("alice", historyCaps...)
		c.Send("CHATHISTORY LATEST #messages * 9")
		c.Expect("ERROR :*The rest of the history could not be read*")
		for _, line := range c.Closed() {
			if strings.Contains(line, "BATCH -") {
				t.Error("the batch is closed as if it were whole")
			}
		}
	})
}

// Pages that a client has asked for before it went are not read any more; what it has said
// is sent all the same.
func TestNoPagesForWhoIsGone(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		pages, answer := 0, make(chan struct{})
		chat.history = func(*fakeSession, HistoryQuery) (*HistoryPage, error) {
			pages++
			<-answer
			return &HistoryPage{Target: "#messages"}, nil
		}
		nc, _ := newTestServer(t, chat, nil).slow(t, "server-time")
		io.WriteString(nc, "JOIN #messages\r\n"+strings.Repeat("CHATHISTORY LATEST #messages * 500\r\n", 20)+"PRIVMSG #messages :good bye\r\n")
		nc.Close()
		synctest.Wait()
		close(answer)
		synctest.Wait()
		time.Sleep(time.Minute)
		if said := chat.texts(); pages > 1 || said != "good bye" {
			t.Errorf("%d pages were read, and %q was said", pages, said)
		}
	})
}
