package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
)

// answers meters what Directus answers: each question begins with something that is
// written to a connection.
type answers struct {
	largest, questions atomic.Int64
	sorts              atomic.Int64 // questions for texts in an order
	begun              time.Time    // the date of the first message
	long               string       // what the texts have behind their number

	net.Conn
	bytes atomic.Int64 // of the answer at hand
	all   *answers     // of all connections
}

func (a *answers) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(" /items/messages")) {
		a.all.questions.Add(1)
		if bytes.Contains(b, []byte(`"sort"`)) && bytes.Contains(b, []byte(`"text"`)) {
			a.all.sorts.Add(1)
		}
	}
	a.bytes.Store(0)
	return a.Conn.Write(b)
}

func (a *answers) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	sum := a.bytes.Add(int64(n))
	for most := a.all.largest.Load(); sum > most && !a.all.largest.CompareAndSwap(most, sum); most = a.all.largest.Load() {
	}
	return n, err
}

// longChat is a session of ada in a channel of n messages, a second apart; each has so
// many bytes more than its number. Directus' answers are metered.
func longChat(t *testing.T, n, length, backlog int) (*directustest.Fake, *session, *answers) {
	t.Helper()
	return openChat(t, n, length, collection.Config{Backlog: backlog}, directustest.FakeCollection{Fields: []string{"text"}})
}

// openChat is longChat in a channel and a collection with further properties.
func openChat(t *testing.T, n, length int, channel collection.Config, of directustest.FakeCollection) (*directustest.Fake, *session, *answers) {
	t.Helper()
	fake := directustest.NewFake(t, directustest.FakeOptions{})
	fake.AddCollection("messages", of)
	ada := fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Password: "ada", FirstName: "Ada"})
	seen := &answers{}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := fake.Dial(ctx, network, address)
		return &answers{Conn: nc, all: seen}, err
	}
	client := directus.New(fake.URL(), directus.Options{NetDial: dial})
	t.Cleanup(client.Close)
	channel.Name, channel.Collection = "#messages", "messages"
	channel.Fields.Text, channel.Fields.Author, channel.Fields.Date = "text", "user_created", "date_created"
	b, err := New(Options{Client: client, Channels: []collection.Config{channel}, NickFields: []string{"first_name"}, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	seen.begun, seen.long = time.Now(), " "+strings.Repeat("long ", length/5)
	for i := range n {
		fake.Insert("messages", ada, map[string]any{"text": fmt.Sprint("line ", i, seen.long)})
		time.Sleep(time.Second)
	}
	s, err := b.Login(t.Context(), ircd.Credentials{Account: "ada@example.com", Secret: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return fake, s.(*session), seen
}

// texts are the messages of events without what makes them long, and how many bytes all
// have.
func texts(events []ircd.Event) (list []string, size int64) {
	for _, e := range events {
		of := []*ircd.Message{}
		switch e := e.(type) {
		case *ircd.Message:
			of = append(of, e)
		case *ircd.Backlog:
			of = e.Messages
		}
		for _, m := range of {
			line, _, _ := strings.Cut(m.Text, " long")
			list, size = append(list, line), size+int64(len(m.Text))
		}
	}
	return list, size
}

// maxPart is what a part may take where there is as much memory as usual, in bytes.
const maxPart = 768 << 10

// whole reads all parts, of which none may be larger than is said.
func whole(t *testing.T, events []ircd.Event, more ircd.More) (list []string) {
	t.Helper()
	for parts := 1; len(events) > 0; parts++ {
		part, size := texts(events)
		if list = append(list, part...); size > maxPart {
			t.Errorf("part %d has %d bytes", parts, size)
		}
		if more == nil {
			return list
		}
		var err error
		if events, err = more(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func wantLines(t *testing.T, what string, got []string, from, to int) {
	t.Helper()
	for i, line := range got {
		if line != fmt.Sprint("line ", from+i) {
			t.Fatalf("%s: %q at place %d", what, line, i)
		}
	}
	if len(got) != to-from {
		t.Errorf("%s: %d messages, want %d", what, len(got), to-from)
	}
}

const longText = 40_000

// A page of long texts is read and given in parts, each of them bounded, and is as whole
// as any other; so is a backlog.
func TestLongPagesComeInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, s, seen := longChat(t, 80, longText, 30)
		joined, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
		if err != nil {
			t.Fatal(err)
		}
		wantLines(t, "backlog", whole(t, []ircd.Event{&ircd.Backlog{Messages: joined.Backlog}}, joined.More), 50, 80)
		page := func(q ircd.HistoryQuery) (*ircd.HistoryPage, error) {
			q.Target = "#messages"
			return s.History(t.Context(), q)
		}
		latest, err := page(ircd.HistoryQuery{Mode: ircd.HistoryLatest, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		at := latest.Events[0].(*ircd.Message)
		if latest.End {
			t.Error("the end of 80 messages is among the latest 50")
		}
		wantLines(t, "latest", whole(t, latest.Events, latest.More), 30, 80)
		for what, test := range map[string]struct {
			query    ircd.HistoryQuery
			from, to int
		}{
			"before": {ircd.HistoryQuery{Mode: ircd.HistoryBefore, From: ircd.Position{Time: at.Time}, Limit: 500}, 0, 30},
			"after":  {ircd.HistoryQuery{Mode: ircd.HistoryAfter, From: ircd.Position{MsgID: at.ID}, Limit: 30}, 31, 61},
			"around": {ircd.HistoryQuery{Mode: ircd.HistoryAround, From: ircd.Position{Time: at.Time}, Limit: 30}, 15, 45},
		} {
			p, err := page(test.query)
			if err != nil {
				t.Fatal(err)
			}
			wantLines(t, what, whole(t, p.Events, p.More), test.from, test.to)
		}
		if n := seen.largest.Load(); n > 3*collection.MaxRowsAnswer {
			t.Errorf("%d bytes of an answer were read", n)
		}
		// What is deleted while a page is given is not in what follows.
		p, err := page(ircd.HistoryQuery{Mode: ircd.HistoryAfter, From: ircd.Position{MsgID: at.ID}, Limit: 30})
		if err != nil {
			t.Fatal(err)
		}
		fake.Remove("messages", "61")
		if got := whole(t, p.Events, p.More); slices.Contains(got, "line 60") || len(got) != 29 {
			t.Errorf("%d messages: %q", len(got), got)
		}
	})
}

// A page of ordinary chat is read by one question.
func TestOrdinaryPagesTakeOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, seen := longChat(t, 600, 150, 0)
		ask := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 1}
		if _, err := s.History(t.Context(), ask); err != nil { // tells how dates are written
			t.Fatal(err)
		}
		for _, limit := range []int{50, 100, 500, 500, 100, 50} {
			before := seen.questions.Load()
			ask.Limit = limit
			p, err := s.History(t.Context(), ask)
			if err != nil || len(p.Events) != limit || p.More != nil {
				t.Fatalf("a page of %d: %v", limit, err)
			}
			if n := seen.questions.Load() - before; n != 1 {
				t.Errorf("%d messages took %d questions", limit, n)
			}
		}
	})
}

// While a page is collected no more of its messages is held than belongs to one part, in
// whichever direction, those that came late included.
func TestPageIsCountedWhileItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, s, seen := longChat(t, 90, longText, 0)
		if _, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		away, err := s.backend.Login(t.Context(), ircd.Credentials{Account: "ada@example.com", Secret: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		defer away.Close(context.Background())
		var h *historian
		questions, most := 0, int64(0)
		fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict {
			held := int64(0)
			for _, w := range h.scans {
				for _, f := range w.found {
					if f.message != nil {
						held += sizeOf(f.row, f.message)
					}
				}
			}
			questions, most = questions+1, max(most, held)
			return directustest.RESTVerdict{}
		})
		ask := func(what string, q ircd.HistoryQuery, want int) {
			t.Helper()
			var err error
			if h, err = away.(*session).historian(t.Context(), "#messages"); err != nil {
				t.Fatal(err)
			}
			h.most, questions, most = maxPart, 0, 0
			var list []found
			for err = errUnfinished; errors.Is(err, errUnfinished); {
				list, _, err = h.page(t.Context(), q)
			}
			if err != nil || len(list) != want || list[0].message != nil {
				t.Errorf("%s: %d messages, want %d: %v", what, len(list), want, err)
			}
			if questions < 5 || most > maxPart {
				t.Errorf("%s: %d questions, %d bytes were held", what, questions, most)
			}
		}
		middle := ircd.Position{Time: seen.begun.Add(45 * time.Second)}
		ask("latest", ircd.HistoryQuery{Mode: ircd.HistoryLatest, Limit: 45}, 45)
		ask("before", ircd.HistoryQuery{Mode: ircd.HistoryBefore, From: middle, Limit: 90}, 45)
		ask("after", ircd.HistoryQuery{Mode: ircd.HistoryAfter, From: middle, Limit: 40}, 40)
		ask("around", ircd.HistoryQuery{Mode: ircd.HistoryAround, From: middle, Limit: 45}, 45)
		last := ircd.Position{Time: time.Now()}
		fake.Insert("messages", s.person.ID, map[string]any{"text": "live"})
		synctest.Wait()
		for i := range 45 { // by a transaction that took a while
			date := seen.begun.Add(time.Duration(i)*time.Second + 500*time.Millisecond).UTC().Format(collection.TimestampLayout)
			fake.Insert("messages", s.person.ID, map[string]any{"text": fmt.Sprint("late ", i, seen.long), "date_created": date})
		}
		synctest.Wait()
		ask("with latecomers", ircd.HistoryQuery{Mode: ircd.HistoryAfter, From: last, Limit: 10}, 45)
	})
}

// A page of long texts is whole however long it takes Directus to find it.
func TestSlowLongPageIsWhole(t *testing.T) {
	for mode, position := range map[ircd.HistoryMode]ircd.Position{
		ircd.HistoryLatest: {}, ircd.HistoryAfter: {Time: time.Unix(1, 0)}, ircd.HistoryAround: {},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake, s, seen := longChat(t, 80, longText, 0)
			fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict {
				return directustest.RESTVerdict{Delay: 900 * time.Millisecond}
			})
			if mode == ircd.HistoryAround {
				position.Time = seen.begun.Add(40 * time.Second)
			}
			begun := time.Now()
			p, err := s.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: mode, From: position, Limit: 74})
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took > historyTimeout || len(p.Events) > 0 || p.End {
				t.Errorf("after %v: %d events", took, len(p.Events))
			}
			from := map[ircd.HistoryMode]int{ircd.HistoryLatest: 6, ircd.HistoryAround: 3}[mode]
			events, err := p.More(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			wantLines(t, fmt.Sprint("mode ", mode), whole(t, events, p.More), from, from+74)
		})
	}
}

// Of a page that takes long, who waits for its client holds places alone, and no turn.
func TestUnreadLongPageHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, s, _ := longChat(t, 100, longText, 0)
		fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict {
			return directustest.RESTVerdict{Delay: 900 * time.Millisecond}
		})
		p, err := s.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 100})
		if err != nil || p.More == nil {
			t.Fatal(err)
		}
		if !allTurns(t, s) {
			t.Error("a page that nobody reads has a turn")
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		if _, err := p.More(ctx); err == nil {
			t.Error("a page went on when its connection had ended")
		}
		if !allTurns(t, s) {
			t.Error("the turn did not come back")
		}
	})
}

// allTurns reports that nobody reads anything: the user of a session may soon read a long
// page, which takes all turns of one user.
func allTurns(t *testing.T, s *session) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return s.backend.pages.Read(ctx, s.member.reads, true, func() (int64, error) { return 0, nil }) == nil
}

// Where there is little memory a client is given smaller parts, of a page and of a backlog.
func TestPartsInLittleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, _ := longChat(t, 40, longText, 30)
		const part = 200 << 10
		s.backend.pages.Resize(32 * part)
		joined, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 30})
		if err != nil {
			t.Fatal(err)
		}
		for what, events := range map[string][]ircd.Event{"backlog": {&ircd.Backlog{Messages: joined.Backlog}}, "page": page.Events} {
			if list, size := texts(events); len(list) == 0 || size > part {
				t.Errorf("the first part of a %s: %d messages of %d bytes", what, len(list), size)
			}
		}
		wantLines(t, "backlog", whole(t, []ircd.Event{&ircd.Backlog{Messages: joined.Backlog}}, joined.More), 10, 40)
		wantLines(t, "page", whole(t, page.Events, page.More), 10, 40)
	})
}
