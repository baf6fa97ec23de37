package bridge_test

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Whatever zone Directus runs in, times are right where it writes dates without one,
// live, as echo and in history, summer and winter, and so are the bounds of pages.
func TestTimeZoneOfDirectus(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"} {
		for _, months := range []int{0, 6} {
			t.Run(name, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { testTimeZone(t, name, months) })
			})
		}
	}
}

func testTimeZone(t *testing.T, name string, months int) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(time.Now().AddDate(0, months, 0)))
	c := newChatAt(t, directustest.FakeOptions{Zone: zone}, func(o *bridge.Options) { o.Zone = zone })
	c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Dates: directustest.DateTime})
	c.write("old")
	time.Sleep(time.Minute)
	a := c.visit("ada", "#messages")
	right := func(how string, m *ircd.Message) {
		t.Helper()
		if off := time.Since(m.Time).Abs(); off > 2*time.Second || m.Replayed != (how == "history") {
			t.Errorf("%s: %v off, replayed %v", how, off, m.Replayed)
		}
	}
	m, err := a.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "mine", Echo: true})
	if err != nil {
		t.Fatal(err)
	}
	right("echo", m)
	c.write("theirs")
	for _, m := range polled[*ircd.Message](t, a.session) {
		right("live", m)
	}
	for mode, from := range map[ircd.HistoryMode]time.Duration{ircd.HistoryAfter: -10 * time.Second, ircd.HistoryBefore: 10 * time.Second} {
		q := ircd.HistoryQuery{Target: "#messages", Mode: mode, Limit: 2, From: ircd.Position{Time: time.Now().Add(from)}}
		page := history(t, a.session, q)
		if len(page) != 2 {
			t.Errorf("mode %d: %d messages", mode, len(page))
		}
		for _, m := range page {
			right("history", m)
		}
	}
}

// The same holds for reactions, and for read markers, which are where they were after
// everybody has left.
func TestTimeZoneOfOtherDates(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns"} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testTimeZoneOfOtherDates(t, name) })
		})
	}
}

func testTimeZoneOfOtherDates(t *testing.T, name string) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	c := newChatAt(t, directustest.FakeOptions{Zone: zone}, func(o *bridge.Options) { o.Zone, o.ReadMarkers = zone, &markerFields }, lively())
	c.fake.AddCollection("reactions", directustest.FakeCollection{
		Fields: []string{"message", "text"}, Relations: map[string]string{"message": "messages"}, Dates: directustest.DateTime,
	})
	c.fake.AddCollection("markers", directustest.FakeCollection{
		Fields: []string{"target", "date_read"}, Dates: directustest.DateTime, DateFields: []string{"date_read"},
	})
	a := c.visit("ada", "#messages")
	m, err := a.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "hello", Echo: true})
	if err != nil {
		t.Fatal(err)
	}
	a.news()
	right := func(how string, r *ircd.Reaction) {
		t.Helper()
		if off := time.Since(r.Time).Abs(); off > 2*time.Second {
			t.Errorf("a reaction, %s: %v off", how, off)
		}
	}
	r, err := a.session.React(t.Context(), ircd.Reacting{Target: "#messages", MsgID: m.ID, Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	right("as echo", r)
	c.fake.Insert("reactions", c.person("bob"), map[string]any{"message": strings.Split(m.ID, ".")[0], "text": "y"})
	for _, r := range polled[*ircd.Reaction](t, a.session) {
		right("live", r)
	}
	page, err := a.session.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 1, Reactions: true})
	if err != nil || len(page.Events) != 3 {
		t.Fatalf("history: %v, %v", page, err)
	}
	for _, ev := range page.Events[1:] {
		right("in history", ev.(*ircd.Reaction))
	}

	read := time.Now().Truncate(time.Second)
	if _, err := a.session.SetReadMarker(t.Context(), "#messages", read); err != nil {
		t.Fatal(err)
	}
	closeSession(t, a.session)
	time.Sleep(time.Minute) // nothing of it is kept in memory
	again := c.visit("ada", "#messages")
	if m, err := again.session.ReadMarker(t.Context(), "#messages"); err != nil || !m.Time.Equal(read) {
		t.Errorf("the read marker is %v, %v, want %v", m.Time, err, read)
	}
}

// A date that says only the day, or none at all, is never shown as the year 1: live and
// as echo it is the time at which the message is seen, and in history, if it is there,
// the day. Nothing is lost or doubled between pages by msgid.
func TestDatesWithoutATime(t *testing.T) {
	for name, kind := range map[string]directustest.DateKind{"day": directustest.Day, "none": directustest.Milliseconds} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testDatesWithoutATime(t, kind) })
		})
	}
}

func testDatesWithoutATime(t *testing.T, kind directustest.DateKind) {
	ch := messages("messages")
	if kind != directustest.Day {
		ch.Fields.Date = "never"
	}
	c := newChat(t, nil, ch)
	c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "never"}, Dates: kind})
	time.Sleep(14 * time.Hour)
	for i := range 5 {
		c.write("old %d", i)
	}
	a, b := c.visit("ada", "#messages"), c.visit("bob", "#messages")
	m, err := a.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // with the first line the collection is read
	live := polled[*ircd.Message](t, b.session)
	if len(live) != 1 || live[0].ID != m.ID {
		t.Fatalf("echo %s, live %+v", m.ID, live)
	}
	for _, m := range append(live, m) {
		if time.Since(m.Time).Abs() > time.Second || m.Replayed {
			t.Errorf("at %v, replayed %v", m.Time, m.Replayed)
		}
	}
	if kind != directustest.Day {
		return
	}
	var got []string
	q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: 2}
	for page := history(t, b.session, q); len(page) > 0; page = history(t, b.session, q) {
		for _, m := range page {
			if got = append(got, m.Text); m.Time.Truncate(24*time.Hour) != time.Now().UTC().Truncate(24*time.Hour) {
				t.Errorf("%s at %v", m.Text, m.Time)
			}
		}
		q.Mode, q.From = ircd.HistoryBefore, ircd.Position{MsgID: page[0].ID}
	}
	if want := "old 4 mine old 2 old 3 old 0 old 1"; strings.Join(got, " ") != want {
		t.Errorf("pages %q", got)
	}
	q = ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryAfter, Limit: 50, From: ircd.Position{Time: m.Time}}
	if page := history(t, b.session, q); len(page) != 6 {
		t.Errorf("%d messages of the day of a time", len(page))
	}
}
