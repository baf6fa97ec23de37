package bridge_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// asked counts what Directus is asked while do runs, and until all is quiet.
func (c *chat) asked(do func()) map[string]int {
	synctest.Wait()
	before := c.fake.Counts()
	do()
	synctest.Wait()
	asked := c.fake.Counts()
	maps.DeleteFunc(asked, func(what string, n int) bool { return n == before[what] })
	for what := range asked {
		asked[what] -= before[what]
	}
	return asked
}

// What a login asks of Directus where a colleague is there who reads the same: who one is, what
// one may read, and, as a token may change hands in between, who one is again. No socket is opened for who
// has written nothing, and names are those that the colleague has read.
func TestLoginCosts(t *testing.T) {
	for name, test := range map[string]struct {
		back  bool // somebody who is there comes back
		token bool
		after time.Duration // what passes in between
		want  map[string]int
	}{
		"by password": {want: map[string]int{"POST /auth/login": 1, "GET /permissions/me": 1, "GET /users/me": 1}},
		"by token":    {token: true, want: map[string]int{"GET /permissions/me": 1, "GET /users/me": 2}},
		"by password, again": {back: true, after: time.Minute, want: map[string]int{
			"POST /auth/refresh": 1, "GET /permissions/me": 1,
		}},
		"by token, again":      {back: true, token: true, after: time.Minute, want: map[string]int{"GET /permissions/me": 1, "GET /users/me": 1}},
		"by token, long after": {back: true, token: true, after: 7 * time.Minute, want: map[string]int{"GET /permissions/me": 1, "GET /users/me": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				bob := c.person("bob")
				c.fake.SetToken(bob, "token of bob")
				for range 60 {
					c.write("hello")
					time.Sleep(time.Second)
				}
				c.visit("ada", "#messages")
				login := func() fullSession {
					cred := ircd.Credentials{Account: "bob@example.com", Secret: "bob"}
					if test.token {
						cred = ircd.Credentials{Account: "token", Secret: "token of bob"}
					}
					s, err := full(c.backend.Login(t.Context(), cred))
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { closeSession(t, s) })
					return s
				}
				if test.back {
					login()
				}
				time.Sleep(test.after)
				var s fullSession
				if got := c.asked(func() { s = login() }); !maps.Equal(got, test.want) {
					t.Errorf("the login asks %v, want %v", got, test.want)
				}
				got := c.asked(func() {
					answer, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
					if err != nil || len(answer.Backlog) != 50 || answer.Backlog[0].From.Nick != "walt" {
						t.Errorf("the backlog is %d messages, %v", len(answer.Backlog), err)
					}
				})
				want := map[string]int{"SEARCH /items/messages": 1}
				if test.after > 5*time.Minute { // as long as names count as unchanged
					want["SEARCH /users"] = 1
				}
				if !maps.Equal(got, want) {
					t.Errorf("JOIN asks %v, want %v", got, want)
				}
				write := func() {
					if err := send(&visitor{t: t, session: s}, "hello"); err != nil {
						t.Error(err)
					}
				}
				if n := c.asked(write)["GET /websocket"]; n != 1 {
					t.Errorf("%d sockets are opened to write", n)
				}
			})
		})
	}
}

// Readers without a socket of their own are told of an outage, once, and of its end, though
// meanwhile the one goes whose socket is to bring the events.
func TestOutageWithoutLinks(t *testing.T) {
	for name, leaves := range map[string]bool{"all stay": false, "the leader leaves": true} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, func(o *bridge.Options) { o.Recheck = time.Hour })
				c.visit("ada", "#messages")
				var readers []*visitor // more than have tried to open a socket when the leader leaves
				for i := range 20 {
					readers = append(readers, c.visit(fmt.Sprint("reader", i), "#messages"))
				}
				if n := c.fake.Count("GET /websocket"); n != 1 {
					t.Fatalf("%d sockets for %d who read the same", n, len(readers))
				}
				notices := func(polls int, period time.Duration) [][]string {
					all := make([][]string, len(readers))
					for range polls {
						time.Sleep(period)
						synctest.Wait()
						for i, v := range readers {
							events, err := v.poll()
							if err != nil {
								t.Fatal(err)
							}
							for _, ev := range events {
								switch ev := ev.(type) {
								case *ircd.ServiceNotice:
									all[i] = append(all[i], ev.Text[:len("Directus is ????")])
								case *ircd.Message:
									all[i] = append(all[i], ev.Text)
								}
							}
						}
					}
					return all
				}
				c.fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
					if r.Path == "/websocket" {
						v = directustest.RESTVerdict{Status: 503, Code: "SERVICE_UNAVAILABLE"}
					}
					return v
				})
				c.fake.Cut()
				for i, told := range notices(10, time.Second) {
					if !slices.Equal(told, []string{"Directus is unre"}) {
						t.Errorf("reader %d is told of the outage: %q", i, told)
					}
				}
				if leaves {
					leads := c.backend.Status(1).Feeds[0].Leader
					i := slices.IndexFunc(readers, func(v *visitor) bool { return v.id == leads })
					_ = readers[i].session.Close(t.Context())
					readers = slices.Delete(readers, i, i+1)
				}
				for i, told := range notices(250, 20*time.Millisecond) {
					if len(told) != 0 {
						t.Errorf("reader %d is told while it lasts: %q", i, told)
					}
				}
				if n := c.fake.Count("GET /websocket"); n < 2 {
					t.Errorf("%d attempts to open a socket", n)
				}
				c.write("meanwhile")
				c.fake.OnREST(nil)
				for i, told := range notices(120, time.Second) {
					if len(told) != 2 || told[0] != "Directus is back" {
						t.Errorf("reader %d is told of the end: %q", i, told)
					}
				}
			})
		})
	}
}

// A page asks Directus once, wherever it begins, a page around a message once for each side, and
// TARGETS once for each channel.
func TestPageCosts(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		for range 1200 {
			c.write("hello")
			time.Sleep(1001 * time.Millisecond)
		}
		s := c.visit("ada", "#messages").session
		page := func(q ircd.HistoryQuery, want int) []ircd.Event {
			t.Helper()
			q.Target = "#messages"
			var p *ircd.HistoryPage
			got := c.asked(func() {
				var err error
				if p, err = s.History(t.Context(), q); err != nil || len(p.Events) != q.Limit {
					t.Fatalf("%+v: %d messages, %v", q, len(p.Events), err)
				}
			})
			if !maps.Equal(got, map[string]int{"SEARCH /items/messages": want}) {
				t.Errorf("%+v asks %v, want %d questions", q, got, want)
			}
			return p.Events
		}
		for _, limit := range []int{1, 50, 500} {
			newest := page(ircd.HistoryQuery{Mode: ircd.HistoryLatest, Limit: limit}, 1)[0].(*ircd.Message)
			page(ircd.HistoryQuery{Mode: ircd.HistoryBefore, From: ircd.Position{Time: newest.Time}, Limit: limit}, 1)
			older := page(ircd.HistoryQuery{Mode: ircd.HistoryBefore, From: ircd.Position{MsgID: newest.ID}, Limit: limit}, 1)[0].(*ircd.Message)
			page(ircd.HistoryQuery{Mode: ircd.HistoryAfter, From: ircd.Position{MsgID: older.ID}, Limit: limit}, 1)
			page(ircd.HistoryQuery{Mode: ircd.HistoryAfter, From: ircd.Position{Time: older.Time}, Limit: limit}, 1)
			page(ircd.HistoryQuery{Mode: ircd.HistoryAround, From: ircd.Position{MsgID: older.ID}, Limit: limit}, 2)
		}
		got := c.asked(func() {
			if list, err := s.Targets(t.Context(), time.Now().Add(-time.Hour), time.Now(), 50); len(list) != 1 || err != nil {
				t.Errorf("%d targets, %v", len(list), err)
			}
		})
		if want := map[string]int{"SEARCH /items/messages": 1}; !maps.Equal(got, want) {
			t.Errorf("TARGETS asks %v, want %v", got, want)
		}
	})
}
