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
	"directus-ircd/ircd/wire"
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
		m := &Message{ID: "m1", From: testUser("kevin"), Target: "#dev", Time: time.Now().Add(-time.Minute), Text: "one"}
		chat.push(&Backlog{Channel: "#dev", Messages: []*Message{m}}, nil)
		other := *m
		other.Target = "#messages"
		chat.push(&Backlog{Channel: "#messages", Messages: []*Message{&other}}, nil)
		expectAll(t, synced(c), []string{":irc.test BATCH +1 chathistory #dev", "@batch=1 :kevin!u@directus PRIVMSG #dev :[1999-12-31 23:59] one", ":irc.test BATCH -1"})
		expectAll(t, synced(later), nil)
	})
}

// What is written right after a client came is not told with its time, although it may come with
// the backlog: a bot takes "!help" for a command, and no "[00:00] !help".
func TestLateBacklogHasNews(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c, bot := s.user("alice"), s.user("bob")
		late := func(window, to string, age time.Duration, text string) *Backlog {
			return &Backlog{Channel: window, Messages: []*Message{{ID: text, From: testUser("kevin"), To: testUser(to), Time: time.Now().Add(-age), Text: text}}}
		}
		chat.push(late("kevin", "bob", time.Second, "!before"), nil)
		chat.push(late("kevin", "bob", 0, "!help"), nil)
		expectAll(t, synced(bot), []string{":kevin!u@directus PRIVMSG bob :[1999-12-31 23:59] !before", ":kevin!u@directus PRIVMSG bob :!help"})
		synced(c)

		time.Sleep(10 * time.Minute)
		c.Send("JOIN #dev")
		synced(c)
		m := &Message{ID: "m1", From: testUser("kevin"), Target: "#dev", Time: time.Now().Add(-5 * time.Second), Text: "before"}
		news := &Message{ID: "m2", From: testUser("kevin"), Target: "#dev", Time: time.Now(), Text: "news"}
		chat.push(&Backlog{Channel: "#dev", Messages: []*Message{m, news}}, nil)
		expectAll(t, synced(c), []string{":kevin!u@directus PRIVMSG #dev :[00:09] before", ":kevin!u@directus PRIVMSG #dev :news"})

		time.Sleep(newsAge + time.Second)
		chat.push(&Backlog{Channel: "#dev", Messages: []*Message{news}}, nil)
		expectAll(t, synced(c), []string{":kevin!u@directus PRIVMSG #dev :[00:10] news"})
	})
}

func TestParseHistory(t *testing.T) {
	at := func(s string) Position {
		p, err := time.Parse(wire.TimeFormat, s)
		if err != nil {
			t.Fatal(err)
		}
		return Position{Time: p}
	}
	id := func(s string) Position { return Position{MsgID: s} }
	noon := "2019-01-04T12:00:00.123Z"
	long := strings.Repeat("9", 30)
	for _, c := range []struct {
		line string
		want HistoryQuery
		fail string // the code and the parameters instead
	}{
		{line: "LATEST #c * 50", want: HistoryQuery{Target: "#c", Limit: 50}},
		{line: "latest #C * 500", want: HistoryQuery{Target: "#C", Limit: 500}},
		{line: "LATEST bob msgid=Ab=c 501", want: HistoryQuery{Target: "bob", From: id("Ab=c"), Limit: 500}},
		{line: "LATEST #c * " + long, want: HistoryQuery{Target: "#c", Limit: 500}},
		{line: "BEFORE #c timestamp=" + noon + " 1", want: HistoryQuery{Target: "#c", Mode: HistoryBefore, From: at(noon), Limit: 1}},
		{line: "BEFORE #c * 7", want: HistoryQuery{Target: "#c", Limit: 7}},
		{line: "after #c MsgId=X 007", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: id("X"), Limit: 7}},
		{line: "AROUND #c TIMESTAMP=" + noon + " 2", want: HistoryQuery{Target: "#c", Mode: HistoryAround, From: at(noon), Limit: 2}},
		{line: "BETWEEN #c timestamp=" + noon + " msgid=1 9", want: HistoryQuery{Target: "#c", Mode: HistoryBetween, From: at(noon), To: id("1"), Limit: 9}},
		{line: "BETWEEN #c msgid=2 msgid=1 9", want: HistoryQuery{Target: "#c", Mode: HistoryBetween, From: id("2"), To: id("1"), Limit: 9}},
		{line: "TARGETS timestamp=" + noon + " timestamp=" + noon + " 1000", want: HistoryQuery{From: at(noon), To: at(noon), Limit: 500}},
		// Times as people and other programs write them.
		{line: "AFTER #c timestamp=2019-01-04T12:00:00Z 1", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: at("2019-01-04T12:00:00.000Z"), Limit: 1}},
		{line: "AFTER #c timestamp=2019-01-04T12:00:00.123999Z 1", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: at(noon), Limit: 1}},
		{line: "AFTER #c timestamp=2019-01-04T13:00:00.123+01:00 1", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: at(noon), Limit: 1}},
		{line: "AFTER #c timestamp=0001-01-01T00:00:00.000Z 1", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: at("1970-01-01T00:00:00.000Z"), Limit: 1}},

		{line: "", fail: "INVALID_PARAMS *"},
		{line: "OLDEST #c * 1", fail: "INVALID_PARAMS OLDEST"},
		{line: "latest", fail: "INVALID_PARAMS LATEST"},
		{line: "LATEST #c", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c *", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * 1 1", fail: "INVALID_PARAMS LATEST #c"},
		{line: "BETWEEN #c msgid=1 9", fail: "INVALID_PARAMS BETWEEN #c"},
		{line: "TARGETS timestamp=" + noon + " 9", fail: "INVALID_PARAMS TARGETS"},
		{line: "LATEST #c * 0", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * 00", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * -1", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * +1", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * ten", fail: "INVALID_PARAMS LATEST #c"},
		{line: "AFTER #c * 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "BETWEEN #c msgid=1 * 1", fail: "INVALID_PARAMS BETWEEN #c"},
		{line: "TARGETS * * 1", fail: "INVALID_PARAMS TARGETS"},
		{line: "AFTER #c 12 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c msgid= 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c =1 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c timestamp=1546603200 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c timestamp=2019-13-04T12:00:00.123Z 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c id=1 1", fail: "INVALID_MSGREFTYPE AFTER #c"},
		{line: "TARGETS msgid=1 timestamp=" + noon + " 1", fail: "INVALID_MSGREFTYPE TARGETS"},
	} {
		r, err := parseHistory(strings.Fields(c.line))
		var e *Error
		switch {
		case errors.As(err, &e):
			if got := e.Code + " " + strings.Join(e.Params, " "); got != c.fail {
				t.Errorf("%q: refused with %q, want %q", c.line, got, c.fail)
			}
			if e.Numeric != "" || e.Text == "" {
				t.Errorf("%q: told %+v", c.line, e)
			}
		case err != nil || c.fail != "":
			t.Errorf("%q: %v, want %q", c.line, err, c.fail)
		case r.query != c.want:
			t.Errorf("%q:\n got %+v\nwant %+v", c.line, r.query, c.want)
		}
	}
}

// FuzzParseHistory: whatever a client asks for, the backend is asked for
// something that it can answer, or the client is told what is wrong.
func FuzzParseHistory(f *testing.F) {
	for _, line := range []string{
		"LATEST #c * 50", "BEFORE #c * 50", "AFTER bob timestamp=2019-01-04T12:00:00.123Z 50", "AROUND #c msgid=a.b 1",
		"BETWEEN #c msgid=1 timestamp=0001-01-01T00:00:00.000Z 99999999999999999999", "TARGETS timestamp=2019-01-04T12:00:00.123Z timestamp=2019-01-04T12:00:00Z 1000",
		"", "LATEST", "latest  * 1", "AFTER #c timestamp=2019-01-04T12:00:00.123+23:59 1", "AFTER #c timestamp=0000-01-01T00:00:00Z 1", "AFTER #c =* 0",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		params := strings.Split(line, " ")
		r, err := parseHistory(params)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Text == "" || len(e.Params) == 0 || len(e.Params) > 2 {
				t.Fatalf("refused with %#v", err)
			}
			switch e.Code {
			case failParams, failRefType:
			default:
				t.Fatalf("refused with the code %q", e.Code)
			}
			return
		}
		q := r.query
		if q.Limit < 1 || q.Limit > maxHistory || r.sub != strings.ToUpper(params[0]) {
			t.Fatalf("understood as %+v", r)
		}
		for _, p := range []Position{q.From, q.To} {
			if p.MsgID != "" && !p.Time.IsZero() || !p.Time.Equal(p.Time.Truncate(time.Millisecond)) || !p.Time.IsZero() && p.Time.Unix() < 0 {
				t.Fatalf("position %+v", p)
			}
		}
		from, to := q.From != (Position{}), q.To != (Position{})
		want := map[string][2]bool{"BEFORE": {true, false}, "AFTER": {true, false}, "AROUND": {true, false}, "BETWEEN": {true, true}, "TARGETS": {true, true}}
		if w, ok := want[r.sub]; ok && q.Mode != HistoryLatest && (from != w[0] || to != w[1]) {
			t.Fatalf("bounds of %+v", r)
		}
		if r.sub == "TARGETS" && (q.From.MsgID != "" || q.To.MsgID != "" || !from || !to) {
			t.Fatalf("targets by %+v", r)
		}
	})
}
