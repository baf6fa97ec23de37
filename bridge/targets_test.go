package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// minute is a date some minutes into a day long ago.
func minute(n int) string {
	return time.Date(2020, 5, 17, 10, n, 0, 0, time.UTC).Format("2006-01-02T15:04:05.000Z")
}

func targets(t *testing.T, s fullSession, from, to, limit int) []string {
	t.Helper()
	day := time.Date(2020, 5, 17, 10, 0, 0, 0, time.UTC)
	list, err := s.Targets(t.Context(), day.Add(time.Duration(from)*time.Minute), day.Add(time.Duration(to)*time.Minute), limit)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, x := range list {
		got = append(got, fmt.Sprint(x.Name, " ", int(x.Latest.Sub(day)/time.Minute)))
	}
	return got
}

// Targets are the channels and people whose latest message is in between, as far as they may
// be read; the limit counts from the time that is named first.
func TestTargets(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		var channels []collection.Config
		for _, name := range []string{"One", "Two", "Hidden", "Empty"} {
			ch := messages("rooms")
			ch.Name = "#" + name
			if name == "Hidden" {
				ch.Collection = "secret"
			}
			ch.SoftDelete = &collection.SoftDelete{Field: "status", Values: []string{"archived"}}
			ch.Filter = map[string]any{"room": map[string]any{"_eq": name}}
			channels = append(channels, ch)
		}
		fake, b := fakeBackend(t, func(o *bridge.Options) { o.Private = &privateMessages }, channels...)
		for _, name := range []string{"rooms", "secret"} {
			fake.AddCollection(name, directustest.FakeCollection{Fields: []string{"text", "nonce", "room", "status"}})
		}
		fake.AddCollection("private_messages", directustest.FakeCollection{
			Fields: []string{"text", "recipient", "nonce"}, Relations: map[string]string{"recipient": "directus_users"},
		})
		ids := map[string]string{}
		for _, name := range []string{"ada", "bob", "eve", "kay"} {
			ids[name] = addFake(fake, name)
		}
		say := func(room string, at int, more map[string]any) {
			item := map[string]any{"text": "x", "room": room, "date_created": minute(at)}
			for k, v := range more {
				item[k] = v
			}
			collection := "rooms"
			if room == "Hidden" {
				collection = "secret"
			}
			fake.Insert(collection, ids["eve"], item)
		}
		say("One", 1, nil)
		say("One", 20, nil)
		say("One", 21, map[string]any{"status": "archived"})
		say("One", 22, map[string]any{"text": ""})
		say("Two", 10, nil)
		say("Hidden", 15, nil)
		whisper := func(from, to string, at int) {
			fake.Insert("private_messages", ids[from], map[string]any{"text": "psst", "recipient": ids[to], "date_created": minute(at)})
		}
		whisper("ada", "bob", 2)
		for i := range 800 {
			date := time.Date(2020, 5, 17, 10, 11, 0, 0, time.UTC).Add(time.Duration(i+1) * 75 * time.Millisecond) // up to 10:12
			fake.Insert("private_messages", ids["eve"], map[string]any{"text": fmt.Sprint(i), "recipient": ids["ada"], "date_created": date.Format(time.RFC3339Nano)})
		}
		whisper("kay", "ada", 5)
		whisper("ada", "ada", 3)
		whisper("bob", "eve", 30)
		fake.Deny(ids["ada"], "secret", "read")
		s := open(t, b, "ada")
		for _, c := range []struct {
			from, to, limit int
			want            []string
		}{
			{0, 60, 100, []string{"bob 2", "ada 3", "kay 5", "#Two 10", "eve 12", "#One 20"}},
			{60, 0, 100, []string{"bob 2", "ada 3", "kay 5", "#Two 10", "eve 12", "#One 20"}},
			{60, 0, 2, []string{"eve 12", "#One 20"}},
			{0, 60, 2, []string{"bob 2", "ada 3"}},
			{20, 2, 1, []string{"eve 12"}},
			{2, 20, 1, []string{"ada 3"}},
			{2, 12, 100, []string{"ada 3", "kay 5", "#Two 10"}},
			{0, 20, 100, []string{"bob 2", "ada 3", "kay 5", "#Two 10", "eve 12"}},
			{40, 50, 100, []string{}},
		} {
			before := fake.Count("SEARCH /items/private_messages")
			if got := targets(t, s, c.from, c.to, c.limit); !slices.Equal(got, c.want) {
				t.Errorf("%d to %d, %d: got %q, want %q", c.from, c.to, c.limit, got, c.want)
			}
			// A long conversation is not read to its beginning.
			if n := fake.Count("SEARCH /items/private_messages") - before; n > 4 {
				t.Errorf("%d to %d, %d: %d reads", c.from, c.to, c.limit, n)
			}
		}
		var read []string
		for _, m := range history(t, s, ircd.HistoryQuery{Target: "BOB", Limit: 10}) {
			read = append(read, m.From.Nick+" to "+m.To.Nick+m.Target)
		}
		if !slices.Equal(read, []string{"ada to bob"}) {
			t.Errorf("history of bob: %q", read)
		}
		if n := len(history(t, s, ircd.HistoryQuery{Target: "ada", Limit: 10})); n != 1 {
			t.Errorf("%d notes to oneself", n)
		}
		if n := len(history(t, s, ircd.HistoryQuery{Target: "eve", Limit: 100})); n != 100 {
			t.Errorf("%d messages of eve", n)
		}
	})
}

// codeOf is what the client is told of an error.
func codeOf(err error) string {
	if e, ok := errors.AsType[*ircd.Error](err); ok {
		return e.Code
	}
	return fmt.Sprint(err)
}

// What cannot be read says why: whether there is something is not told to those
// who may not read it, nor by a msgid.
func TestHistoryRefusals(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := fakeBackend(t, nil)
		ada := addFake(fake, "ada")
		id := fake.Insert("messages", ada, map[string]any{"text": "one", "date_created": minute(1)})
		s := open(t, b, "ada")
		refused := func(code string, q ircd.HistoryQuery) {
			t.Helper()
			if q.Limit = 10; q.Target == "" {
				q.Target = "#messages"
			}
			begin := time.Now()
			page, err := s.History(t.Context(), q)
			if codeOf(err) != code {
				t.Errorf("%+v: %v %v, want %s", q, page, err, code)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		}
		refused("INVALID_TARGET", ircd.HistoryQuery{Target: "#elsewhere"})
		refused("INVALID_TARGET", ircd.HistoryQuery{Target: "ada"})
		for _, msgid := range []string{"", id, id + ".", "x y.1", id + ".1.f1", id + ".zzzzzzzzzzzzz", "0f8fad5b-d9cb-469f-a165-70867728950e"} {
			refused("INVALID_MSGREFTYPE", ircd.HistoryQuery{Mode: ircd.HistoryBefore, From: ircd.Position{MsgID: msgid + "."}})
		}
		// A row that there is not, and one that there is.
		for _, msgid := range []string{"77.kab2yo0", "1.kab2yo0", "no-number.kab2yo0", "99999999999999999999.kab2yo0"} {
			q := ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryAround, From: ircd.Position{MsgID: msgid}, Limit: 10}
			if page, err := s.History(t.Context(), q); err != nil || len(page.Events) != 1 || !page.End {
				t.Errorf("%s: %+v, %v", msgid, page, err)
			}
		}
		fake.Deny(ada, "messages", "read")
		refused("INVALID_TARGET", ircd.HistoryQuery{})
		if list := targets(t, s, 0, 60, 10); len(list) != 0 {
			t.Errorf("targets %q", list)
		}
		fake.Allow(ada, "messages", "read")
		for name, v := range map[string]directustest.RESTVerdict{
			"silent": {Hang: true}, "down": {Status: 503, Code: "SERVICE_UNAVAILABLE"}, "proxy": {Status: 502}, "slow": {Delay: 7 * time.Second},
		} {
			fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict { return v })
			if name != "slow" {
				refused("MESSAGE_ERROR", ircd.HistoryQuery{})
				refused("MESSAGE_ERROR", ircd.HistoryQuery{Mode: ircd.HistoryAround, From: ircd.Position{MsgID: "1.kab2yo0"}})
			} else {
				refused("MESSAGE_ERROR", ircd.HistoryQuery{Mode: ircd.HistoryAround, From: ircd.Position{MsgID: "1.kab2yo0"}})
			}
			if _, err := s.Targets(t.Context(), time.Now().Add(-time.Hour), time.Now(), 10); name != "slow" && codeOf(err) != "MESSAGE_ERROR" {
				t.Errorf("%s: targets: %v", name, err)
			}
		}
		fake.OnREST(nil)
	})
}

// A channel that is not joined can be read; one whose replies may not be read is
// read without them.
func TestHistoryUnjoined(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		dev, ops := messages("rooms"), messages("rooms")
		dev.Name, dev.Filter = "#dev", map[string]any{"room": map[string]any{"_eq": "dev"}}
		ops.Name, ops.Filter = "#ops", map[string]any{"room": map[string]any{"_eq": "ops"}}
		ops.Fields.Reply = "no_such_field" // as one that may not be read
		fake, b := fakeBackend(t, nil, dev, ops)
		fake.AddCollection("rooms", directustest.FakeCollection{Fields: []string{"text", "nonce", "room"}})
		ada := addFake(fake, "ada")
		for i, room := range []string{"dev", "ops", "dev"} {
			fake.Insert("rooms", ada, map[string]any{"text": fmt.Sprint(room, i), "room": room})
		}
		s := open(t, b, "ada")
		for target, want := range map[string][]string{"#DEV": {"dev0", "dev2"}, "#ops": {"ops1"}} {
			var got []string
			for _, m := range history(t, s, ircd.HistoryQuery{Target: target, Limit: 10}) {
				got = append(got, m.Text)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q", target, got)
			}
		}
	})
}

// Rows without a date have no place in a history; they are shown live.
func TestHistoryWithoutDate(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := fakeBackend(t, nil)
		ada := addFake(fake, "ada")
		s := open(t, b, "ada")
		if _, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		fake.Insert("messages", ada, map[string]any{"text": "timeless", "date_created": nil})
		fake.Insert("messages", ada, map[string]any{"text": "dated"})
		if got := polled[*ircd.Message](t, s); len(got) != 2 {
			t.Errorf("live %v", got)
		}
		if got := history(t, s, ircd.HistoryQuery{Target: "#messages", Limit: 10}); len(got) != 1 || got[0].Text != "dated" {
			t.Errorf("history %v", got)
		}
	})
}

// A row deleted between two pages of a catch-up hides no other, nor does one that
// comes meanwhile show another twice.
func TestDeletedBetweenPages(t *testing.T) {
	for name, kind := range map[string]directustest.DateKind{"ms": directustest.Milliseconds, "s": directustest.WholeSeconds} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				ch := messages("rows")
				ch.Backlog = 0
				fake, b := fakeBackendWith(t, directustest.FakeOptions{QueryLimitMax: 5}, nil, ch)
				fake.AddCollection("rows", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Dates: kind})
				ada := addFake(fake, "ada")
				s := open(t, b, "ada")
				if _, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
					t.Fatal(err)
				}
				polled[*ircd.Message](t, s)
				fake.LoseEvents(true)
				var keys []string
				for i := range 40 {
					if i%6 == 0 {
						time.Sleep(time.Second)
					}
					keys = append(keys, fake.Insert("rows", ada, map[string]any{"text": fmt.Sprint(i)}))
				}
				reads, gone := 0, map[string]bool{}
				fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					if r.Path == "/items/rows" {
						if reads++; reads%2 == 0 && reads/2 < 9 {
							key := keys[reads*2-3] // near where the pages are cut
							gone[key] = true
							fake.Remove("rows", key)
						}
					}
					return directustest.RESTVerdict{}
				})
				time.Sleep(20 * time.Minute)
				shown := map[string]int{}
				for _, m := range polled[*ircd.Message](t, s) {
					shown[m.Text]++
				}
				for i, key := range keys {
					if n := shown[fmt.Sprint(i)]; n > 1 || n == 0 && !gone[key] {
						t.Errorf("row %d shown %d times", i, n)
					}
				}
				if len(gone) < 5 {
					t.Errorf("only %d were deleted", len(gone))
				}
			})
		})
	}
}
