package bridge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A Directus far from UTC, with dates that do not say so, a cache that nothing purges and a
// primary key of another name: times are right wherever they are shown, bounds of the history
// find what they should, and whatever was asked a moment ago, what is new is there. Messages
// are corrected and deleted by their keys. What a filter leaves out is said to be so.
func TestRealUnusualSettings(t *testing.T) {
	const zone = "America/New_York"
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	dx := ownServer(t, directustest.Env("TZ", zone), directustest.Cached())
	if dx.Database() == directustest.MariaDB { // to which Directus speaks in UTC
		location = time.UTC
	}
	dx.AddCollection("journal", directustest.Key("uuid_key", "uuid"), directustest.Field("text", "text"),
		directustest.Special("user-created", directustest.Field("user_created", "uuid")), directustest.Special("date-created", directustest.Field("date_created", "dateTime")))
	dx.Grant("journal", "read", "create", "update", "delete")
	channel := collection.Config{Name: "#journal", Collection: "journal", Backlog: 50, Corrections: true,
		Fields: collection.Fields{ID: "uuid_key", Text: "text", Author: "user_created", Date: "date_created"}}
	dx.AddField("journal", directustest.Field("status", "string", map[string]any{"default_value": "draft"}))
	published := channel
	published.Name, published.Filter = "#published", map[string]any{"status": map[string]any{"_eq": "published"}}
	s := start(t, dx, func(o *bridge.Options) {
		o.Zone = location
		o.Resume = &bridge.Resume{MaxAge: time.Hour, MaxMessages: 100}
	}, channel, published)
	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	write := func(text string) {
		t.Helper()
		dx.DoAs(bob, http.MethodPost, "/items/journal", map[string]any{"text": text})
	}
	isNow := func(line string) {
		t.Helper()
		at, err := time.Parse(time.RFC3339, tagOf(line, "time"))
		if err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("not of now: %s", line)
		}
	}
	write("old")
	// Pages leave out what was shown live and is dated before the JOIN, which a message of the same second may be.
	dx.Do(http.MethodPatch, "/items/journal", nil, map[string]any{
		"query": map[string]any{"limit": 1}, "data": map[string]any{"date_created": time.Now().Add(-10 * time.Second).In(location).Format("2006-01-02T15:04:05")},
	}, nil)
	c := s.modern(ada.Email, ada.Password, "#journal", "#published")
	c.Send("PRIVMSG #journal :mine")
	mine := c.Expect("* PRIVMSG #journal :mine")
	isNow(mine)
	write("live")
	isNow(c.Expect("* PRIVMSG #journal :live"))
	// collect takes messages, in any order: those of one second are in that of their keys.
	collect := func(c *ircdtest.Client, what string, want ...string) {
		t.Helper()
		var got []string
		for range want {
			line := c.Expect("* PRIVMSG #journal :*", "* BATCH -*")
			isNow(line)
			_, text, _ := strings.Cut(line, " PRIVMSG #journal :")
			got = append(got, text)
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	page := func(query string, want ...string) {
		t.Helper()
		c.Send("CHATHISTORY " + query)
		c.Expect("* BATCH +* chathistory #journal")
		collect(c, query, want...)
		c.Expect("* BATCH -*")
	}
	at := func(by time.Duration) string {
		return "timestamp=" + time.Now().Add(by).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	all := []string{"old", "mine", "live"}
	page("LATEST #journal * 10", all...)
	page("AFTER #journal "+at(-time.Minute)+" 10", all...)
	page("BEFORE #journal "+at(time.Minute)+" 10", all...)
	page("AFTER #journal " + at(time.Minute) + " 10")
	page("BEFORE #journal " + at(-time.Minute) + " 10")
	write("newer")
	c.Expect("* PRIVMSG #journal :newer")
	page("LATEST #journal * 10", append(all, "newer")...)

	c.Send("PRIVMSG #journal :s/mine/yours/")
	c.Expect("* PRIVMSG #journal :*yours*")
	msgid := tagOf(mine, "msgid")
	c.Send("REDACT #journal " + msgid)
	c.Expect("* REDACT #journal " + msgid + "*")
	page("LATEST #journal * 10", "old", "live", "newer")

	device := func(want ...string) *ircdtest.Client {
		t.Helper()
		d := ircdtest.Dial(t, s.address)
		d.LoginSASL("x", ada.Email+"/phone", ada.Password, "server-time", "message-tags")
		d.Send("JOIN #journal")
		collect(d, "device", want...)
		d.Refute("* PRIVMSG *")
		return d
	}
	d := device("old", "live", "newer")
	d.Send("QUIT")
	d.Closed()
	for i := range 3 {
		write(fmt.Sprint("missed ", i))
	}
	device("missed 0", "missed 1", "missed 2")

	c.Send("PRIVMSG #published :a draft")
	c.Expect("* 404 Ada #published :The message is stored, but not visible in #published*")
}
