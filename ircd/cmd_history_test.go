package ircd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

var historyCaps = []string{"batch", "draft/chathistory", "labeled-response", "message-tags", "server-time"}

// TestHistoryQuery: the backend is asked for what the client means.
func TestHistoryQuery(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.features.Private = true
		var asked []HistoryQuery
		chat.history = func(_ *fakeSession, q HistoryQuery) (*HistoryPage, error) {
			asked = append(asked, q)
			return &HistoryPage{Target: q.Target}, nil
		}
		s := newTestServer(t, chat, nil)
		c := s.client()
		c.Send("CAP LS", "PASS kevin@example.com:pw-kevin", "NICK kev", "USER kev 0 * :x", "CAP REQ :batch draft/event-playback", "CAP END")
		c.Expect("* 221 kevin *")
		c.Send("CHATHISTORY LATEST Kevin * 1000", "CHATHISTORY AFTER Alice msgid=x.1 9")
		c.Sync()
		// Reactions need all three, for they are tags and may not pass for new ones.
		c.Send("CAP REQ message-tags", "CHATHISTORY LATEST #Dev * 7", "CAP REQ -batch", "CHATHISTORY LATEST #Dev * 6")
		c.Sync()
		want := []HistoryQuery{
			{Target: "Kevin", Limit: 500},
			{Target: "Alice", Mode: HistoryAfter, From: Position{MsgID: "x.1"}, Limit: 9},
			{Target: "#Dev", Limit: 7, Reactions: true},
			{Target: "#Dev", Limit: 6},
		}
		if fmt.Sprint(asked) != fmt.Sprint(want) {
			t.Errorf("asked for\n%+v, want\n%+v", asked, want)
		}
	})
}

// TestHistoryFails: whatever goes wrong is told as a FAIL, with the label and the
// target, and within the time that clients wait.
func TestHistoryFails(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		var err error
		chat.history = func(*fakeSession, HistoryQuery) (*HistoryPage, error) { return nil, err }
		chat.targets = func(*fakeSession, time.Time, time.Time, int) ([]HistoryTarget, error) { return nil, err }
		c := newTestServer(t, chat, nil).user("kevin", historyCaps...)
		for _, f := range []struct {
			err  error
			want string
		}{
			{errors.New("the backend is down"), "MESSAGE_ERROR LATEST #dev :Messages could not be retrieved: *"},
			{&Error{Numeric: "263", Text: "busy"}, "MESSAGE_ERROR LATEST #dev :busy"},
			{&Error{Numeric: "403", Params: []string{"x"}, Text: "none"}, "INVALID_TARGET LATEST #dev :none"},
			{&Error{Code: "INVALID_MSGREFTYPE", Text: "no such id"}, "INVALID_MSGREFTYPE LATEST #dev :no such id"},
			{&Error{Code: "INVALID_TARGET", Text: "not for you", Params: []string{"TARGETS"}}, "INVALID_TARGET LATEST #dev :not for you"},
			{&Error{Code: "INTERNAL_ERROR", Text: "broken"}, "MESSAGE_ERROR LATEST #dev :broken"},
		} {
			err = f.err
			c.Send("@label=x CHATHISTORY LATEST #dev * 5")
			c.ExpectNext("@label=x;time=* :irc.test FAIL CHATHISTORY " + f.want)
		}
		c.Send("CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2001-01-01T00:00:00.000Z 5")
		c.ExpectNext(":irc.test FAIL CHATHISTORY MESSAGE_ERROR TARGETS :broken")
	})
}

// slowSession takes its time for history.
type slowSession struct{ *fakeSession }

func (s slowSession) History(ctx context.Context, _ HistoryQuery) (*HistoryPage, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (s slowSession) ReadMarker(ctx context.Context, _ string) (*ReadMarker, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// TestHistoryTimeout: a backend that does not answer is told of after 10 s, and a
// JOIN goes ahead without its marker.
func TestHistoryTimeout(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.login = func(context.Context, Credentials) (Session, error) {
			return slowSession{chat.open(testUser("kevin"))}, nil
		}
		s := newTestServer(t, chat, nil)
		c := s.user("kevin", "batch", "draft/chathistory", "draft/read-marker")
		begun := time.Now()
		took := func(want time.Duration) {
			t.Helper()
			if got := time.Since(begun); got != want {
				t.Errorf("took %v, want %v", got, want)
			}
			begun = time.Now()
		}
		c.Send("CHATHISTORY LATEST #dev * 5")
		c.ExpectNext(":irc.test FAIL CHATHISTORY MESSAGE_ERROR LATEST #dev :*")
		took(historyTimeout)
		c.Send("JOIN #dev")
		c.Expect(":irc.test MARKREAD #dev *")
		c.ExpectNext(":irc.test 353 *")
		took(markerPatience)
		c.Expect(":irc.test 366 *")
		c.Send("MARKREAD #dev")
		c.ExpectNext(":irc.test FAIL MARKREAD INTERNAL_ERROR #dev :*")
		took(markerTimeout)
		// The end of the connection does not wait for any of it.
		c.Send("CHATHISTORY LATEST #dev * 5")
		synctest.Wait()
		c.Close()
		s.stop(errors.New("the test is over"))
		took(0)
	})
}

// TestHistoryAfterNews: what has come meanwhile is shown in front of the page that
// may hold it too, and is no part of the answer.
func TestHistoryAfterNews(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		c := newTestServer(t, chat, nil).inChannel("kevin", "#dev", "batch", "draft/chathistory", "labeled-response")
		chat.history = func(s *fakeSession, q HistoryQuery) (*HistoryPage, error) {
			m := &Message{From: testUser("bob"), Target: "#dev", Text: "just now"}
			chat.deliver(nil, m)
			return &HistoryPage{Target: "#dev", Events: []Event{m}}, nil
		}
		c.Send("@label=x CHATHISTORY LATEST #dev * 5")
		for _, want := range []string{
			":bob!u@directus PRIVMSG #dev :just now",
			"@label=x :irc.test BATCH +1 chathistory #dev",
			"@batch=1 :bob!u@directus PRIVMSG #dev :[00:00] just now",
			":irc.test BATCH -1",
		} {
			c.ExpectNext(want)
		}
		if rest := c.Sync(); len(rest) > 0 {
			t.Errorf("got %q too", rest)
		}
	})
}

// TestHistoryIsLong: a full page of long messages passes through a queue that is
// smaller than it, and stays one batch.
func TestHistoryIsLong(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		page := &HistoryPage{Target: "#dev", End: true}
		for i := range maxHistory {
			text := fmt.Sprintf("%d %s\n%d again", i, strings.Repeat("word ", 200), i)
			page.Events = append(page.Events, &Message{ID: fmt.Sprint("m", i), From: testUser("bob"), Target: "#dev", Time: time.Now(), Text: text})
		}
		chat.history = func(*fakeSession, HistoryQuery) (*HistoryPage, error) { return page, nil }
		s := newTestServer(t, chat, func(o *Options) { o.Limits.SendQueue = 64 << 10 })
		c := s.user("kevin", append(historyCaps, "draft/multiline")...)
		c.Send("@label=x CHATHISTORY LATEST #dev * 500")
		lines := c.Sync()
		if !ircdtest.Match("@label=x;draft/chathistory-end;time=* :irc.test BATCH +1 chathistory #dev", lines[0]) {
			t.Errorf("begins with %q", lines[0])
		}
		if last := lines[len(lines)-1]; !ircdtest.Match(":irc.test BATCH -1", last) {
			t.Errorf("ends with %q", last)
		}
		// Each message is a batch of its own within it.
		opened := 0
		for _, l := range lines[1 : len(lines)-1] {
			inPage := strings.HasPrefix(l, "@batch=1")
			isBatch := ircdtest.Match(":* BATCH *", l)
			if inPage != isBatch {
				t.Fatalf("got %q", l)
			}
			if ircdtest.Match(":bob!u@directus BATCH +* draft/multiline #dev", l) {
				opened++
			}
		}
		if opened != maxHistory {
			t.Errorf("got %d messages", opened)
		}
	})
}

// TestLateBacklog: a backlog that could not be had at the JOIN is shown once it
// comes, but not to a client that has learned to fetch it.
func TestLateBacklog(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c, later := s.inChannel("bob", "#dev", "batch"), s.inChannel("alice", "#dev", "batch")
		later.Send("CAP REQ draft/chathistory")
		later.Expect("* ACK *")
		synced(c)
		m := &Message{ID: "m1", From: testUser("kevin"), Target: "#dev", Time: time.Now(), Text: "one"}
		chat.push(&Backlog{Channel: "#dev", Messages: []*Message{m}}, nil)
		other := *m
		other.Target = "#messages"
		chat.push(&Backlog{Channel: "#messages", Messages: []*Message{&other}}, nil)
		expectAll(t, synced(c), []string{":irc.test BATCH +1 chathistory #dev", "@batch=1 :kevin!u@directus PRIVMSG #dev :[00:00] one", ":irc.test BATCH -1"})
		expectAll(t, synced(later), nil)
	})
}
