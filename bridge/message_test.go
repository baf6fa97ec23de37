package bridge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

func TestBacklog(t *testing.T) {
	dx := directustest.Shared(t)
	u := dx.CreateUser("Ada", "Lovelace")
	for i := range 12 {
		dx.AddMessage(u, fmt.Sprintf("message %d", i))
	}
	channel := messages(dx.Collection)
	channel.Backlog = 10
	s := start(t, dx, nil, channel)
	c, nick := s.connect(u)
	c.Send("JOIN #messages")
	c.Expect("* 366 *")
	got := texts(c.Sync())
	for i := range got {
		_, got[i], _ = strings.Cut(got[i], "] ") // [HH:MM]
	}
	if want := numbered("message %d", 12)[2:]; !slices.Equal(got, want) {
		t.Errorf("plain client: got %q, want %q", got, want)
	}
	modern := ircdtest.Dial(t, s.address)
	modern.LoginSASL("x", u.Email, u.Password, "server-time", "message-tags", "batch")
	modern.Send("JOIN #messages")
	modern.Expect("@* BATCH +* chathistory #messages")
	seen := map[string]bool{}
	for i := range 10 {
		line := modern.ExpectNext("@*time=*Z*:" + nick + "!*@directus PRIVMSG #messages :message " + fmt.Sprint(i+2))
		_, id, _ := strings.Cut(line, "msgid=")
		id, _, _ = strings.Cut(id, " ")
		id, _, _ = strings.Cut(id, ";")
		if id == "" || seen[id] {
			t.Errorf("msgid of %q is missing or doubled", line)
		}
		seen[id] = true
	}
	modern.Expect("* BATCH -*")
}

func TestLiveMessage(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, nil)
	ada, bob := dx.CreateUser("Ada", "Live"), dx.CreateUser("Bob", "Live")
	a, _ := s.join(ada, "#messages")
	b, nickB := s.join(bob, "#messages")
	begin := time.Now()
	dx.AddMessage(bob, "from the web")
	a.Expect(":" + nickB + "!*@directus PRIVMSG #messages :from the web")
	if took := time.Since(begin); took > time.Second {
		t.Errorf("a live message took %v", took)
	}
	// One's own message from the web shows once, under one's own nick.
	b.Expect(":" + nickB + "!*@directus PRIVMSG #messages :from the web")
	b.Send("PRIVMSG #messages :from irc")
	a.Expect(":" + nickB + "!* PRIVMSG #messages :from irc")
	b.Refute("* PRIVMSG *")
	b.Send("PRIVMSG #messages :\x01ACTION waves\x01")
	a.Expect(":" + nickB + "!* PRIVMSG #messages :\x01ACTION waves\x01")
	lines := "two\r\nlines\x00"
	if dx.OnPostgres() { // which stores no NUL
		lines = "two\r\nlines"
	}
	dx.AddMessage(bob, lines)
	a.Expect("* PRIVMSG #messages :two")
	a.Expect("* PRIVMSG #messages :lines")
	a.Refute("* PRIVMSG *")
	stored := dx.Messages("text", "user_created")
	last := stored[len(stored)-2]
	if last["text"] != "/me waves" || last["user_created"] != bob.ID {
		t.Errorf("the action is stored as %v", last)
	}
}

func TestEcho(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, nil)
	u := dx.CreateUser("Echo", "")
	c := ircdtest.Dial(t, s.address)
	c.LoginSASL("x", u.Email, u.Password, "echo-message", "server-time", "message-tags", "account-tag")
	c.Send("JOIN #messages")
	c.Expect("* 366 *")
	c.Sync()
	c.Send("PRIVMSG #messages :\x02bold\x02 hello")
	line := c.Expect("@* :Echo!* PRIVMSG #messages :bold hello")
	stored := dx.Messages("id", "date_created", "text")
	last := stored[len(stored)-1]
	at, _, _ := strings.Cut(fmt.Sprint(last["date_created"]), ".") // of two within a second that has no fractions the second is shown later
	for _, want := range []string{fmt.Sprintf("msgid=%v.", last["id"]), "time=" + at, "account=Echo"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is missing in the echo %q", want, line)
		}
	}
	c.Refute("* PRIVMSG *")
}

func TestRefusals(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, nil)
	u := dx.CreateUser("Rita", "")
	c, _ := s.join(u, "#messages")
	stored := len(dx.Messages("id"))
	dx.Revoke(dx.Collection, "create")
	c.Send("PRIVMSG #messages :not allowed")
	c.Expect("* 404 Rita #messages :*not allow*")
	if n := len(dx.Messages("id")) - stored; n != 0 {
		t.Errorf("%d messages are stored", n)
	}
	dx.Revoke(dx.Collection, "read")
	c.Send("PART #messages", "JOIN #messages")
	c.Expect("* 473 Rita #messages :*")
	c.Send("JOIN #nowhere")
	c.Expect("* 403 Rita #nowhere :*")
}

func TestTextTooLong(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, nil)
	u := dx.CreateUser("Lola", "")
	c, _ := s.join(u, "#messages")
	// SQLite stores any length; a rule of the collection refuses it.
	validate := func(rule any) {
		dx.Do(http.MethodPatch, "/fields/"+dx.Collection+"/text", nil, map[string]any{"meta": map[string]any{"validation": rule}}, nil)
	}
	stored := len(dx.Messages("id"))
	validate(map[string]any{"text": map[string]any{"_regex": "^.{0,20}$"}})
	t.Cleanup(func() { validate(nil) })
	c.Send("PRIVMSG #messages :" + strings.Repeat("x", 100))
	c.Expect("* 404 Lola #messages :Not sent: *not valid*")
	c.Send("PRIVMSG #messages :short")
	c.Refute("* 404 *")
	if n := len(dx.Messages("id")) - stored; n != 1 {
		t.Errorf("%d messages are stored", n)
	}
}

// Several channels on one collection are told apart by a field.
func TestChannelsOfOneCollection(t *testing.T) {
	dx := directustest.Shared(t)
	dx.Do(http.MethodPost, "/fields/"+dx.Collection, nil, map[string]any{"field": "channel", "type": "string"}, nil)
	t.Cleanup(func() { dx.Do(http.MethodDelete, "/fields/"+dx.Collection+"/channel", nil, nil, nil) })
	room := func(name string) collection.Config {
		c := messages(dx.Collection)
		c.Name = "#" + name
		c.Filter = map[string]any{"channel": map[string]any{"_eq": name}}
		c.Set = map[string]any{"channel": name}
		return c
	}
	// One that cannot be read does not take the others along.
	bad := messages(dx.Collection)
	bad.Name = "#bad"
	bad.Filter = map[string]any{"nosuch": map[string]any{"_eq": "x"}}
	s := start(t, dx, nil, room("dev"), room("ops"), bad)
	u, v := dx.CreateUser("Uma", ""), dx.CreateUser("Vic", "")
	a, _ := s.join(u, "#dev")
	a.Send("JOIN #bad,#ops")
	a.Expect("* 473 * #bad *")
	a.Expect("* 366 * #ops *")
	b, _ := s.join(v, "#ops")
	b.Send("PRIVMSG #ops :hello ops")
	a.Expect(":Vic!* PRIVMSG #ops :hello ops")
	dx.AddItem(v, map[string]any{"text": "hello dev", "channel": "dev"})
	a.Expect(":Vic!* PRIVMSG #dev :hello dev")
	dx.AddItem(v, map[string]any{"text": "hello nobody"})
	a.Send("PRIVMSG #dev :bye")
	a.Refute("* PRIVMSG *")
	b.Refute("* PRIVMSG *")
}

// Without the right to read names, and without an author, messages still show.
func TestUnknownAuthors(t *testing.T) {
	dx := directustest.Shared(t)
	s := start(t, dx, nil)
	u, v := dx.CreateUser("Una", ""), dx.CreateUser("Vera", "")
	dx.Revoke("directus_users", "read")
	c, nick := s.join(u, "#messages")
	if strings.Contains(nick, "Una") {
		t.Errorf("nick %s is made from a name that may not be read", nick)
	}
	dx.AddMessage(v, "who am I")
	line := c.Expect("* PRIVMSG #messages :who am I")
	if !strings.HasPrefix(line, ":user-"+strings.ReplaceAll(v.ID, "-", "")[:6]+"!") {
		t.Errorf("got %q", line)
	}
}
