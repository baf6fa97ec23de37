package bridge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// configure gives the backend other options.
func (c *chat) configure(change func(*bridge.Options), channels ...collection.Config) {
	c.t.Helper()
	opts := bridge.Options{
		Channels: channels, NickFields: []string{"first_name"},
		Edits:  collection.Edits{Show: true, Merge: 5 * time.Second, MaxAge: 24 * time.Hour},
		Client: c.client,
	}
	if change != nil {
		change(&opts)
	}
	if err := c.backend.Configure(opts); err != nil {
		c.t.Fatal(err)
	}
}

// part is a channel that takes its part of a collection.
func part(name, value string) collection.Config {
	return collection.Config{
		Name: "#" + name, Collection: "messages", AutoJoin: true, Fields: fields,
		Filter: map[string]any{"channel": map[string]any{"_eq": value}}, Set: map[string]any{"channel": value},
	}
}

// What is said while a channel is configured otherwise is shown once: whatever
// changes, whether events are quick, late or lost, and to whoever wrote it never.
func TestConfigureUnderWay(t *testing.T) {
	topic, format, alone, edits := messages("messages"), messages("messages"), messages("messages"), func(o *bridge.Options) { o.Edits.Merge = 7 * time.Second }
	topic.Topic = "another topic"
	format.Format = text.Markdown
	alone.Filter = map[string]any{"text": map[string]any{"_ncontains": "never said"}}
	for name, test := range map[string]struct {
		channel collection.Config
		change  func(*bridge.Options)
	}{
		"topic":  {topic, nil},
		"format": {format, nil},
		"filter": {alone, nil},
		"edits":  {messages("messages"), edits},
		"same":   {messages("messages"), nil},
	} {
		for _, fault := range []string{"none", "late events", "lost events", "cut"} {
			t.Run(name+", "+fault, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					chat := newChat(t, nil)
					ada, bob := chat.visit("Ada", "#messages"), chat.visit("Bob", "#messages")
					said, readA, readB := 0, readAlong(ada), readAlong(bob)
					say := func() {
						said++
						text := fmt.Sprintf("line %d", said)
						if said%3 == 0 {
							if _, err := bob.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: text}); err != nil {
								t.Error(err)
							}
						} else {
							chat.fake.Insert("messages", chat.person("Ada"), map[string]any{"text": text})
						}
						readB.poll()
					}
					for i := range 12 {
						say()
						switch {
						case i == 2 && fault == "late events":
							chat.fake.HoldEvents()
						case i == 2 && fault == "lost events":
							chat.fake.LoseEvents(true)
						case i == 3 && fault == "cut":
							chat.fake.Cut()
						case i == 4:
							chat.configure(test.change, test.channel)
						case i == 9 && fault == "late events":
							chat.fake.ReleaseEvents(true)
						case i == 9 && fault == "lost events":
							chat.fake.LoseEvents(false)
						}
						time.Sleep(50 * time.Millisecond)
						readA.poll()
					}
					for range 20 {
						time.Sleep(time.Minute)
						readA.poll()
						readB.poll()
					}
					var all, others []string
					for i := 1; i <= said; i++ {
						all = append(all, fmt.Sprintf("line %d", i))
						if i%3 != 0 {
							others = append(others, fmt.Sprintf("line %d", i))
						}
					}
					readA.saw(t, all)
					readB.saw(t, others)
				})
			})
		}
	}
}

// along collects what a session's Poll returns.
type along struct {
	v      *visitor
	events []ircd.Event
}

func readAlong(v *visitor) *along { return &along{v: v} }

func (a *along) poll() {
	a.v.t.Helper()
	for range 3 { // one may ring for the next
		synctest.Wait()
		events, err := a.v.poll()
		if err != nil {
			a.v.t.Fatal(err)
		}
		a.events = append(a.events, events...)
	}
}

// saw checks that these texts were shown, each once; in whatever order.
func (a *along) saw(t *testing.T, want []string) {
	t.Helper()
	var got []string
	for _, ev := range a.events {
		if m, ok := ev.(*ircd.Message); ok && m.Edits == "" {
			got = append(got, m.Text)
		}
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// Channels come, go and change; sessions learn of it, and those that are the same
// are not touched.
func TestConfigureChannels(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newChat(t, nil, part("dev", "dev"), part("ops", "ops"))
		chat.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "channel"}})
		ada := chat.visit("Ada", "#dev", "#ops")
		subscriptions := chat.fake.Subscriptions()
		chat.configure(nil, part("dev", "dev"), part("ops", "ops"))
		same(t, ada.news())
		if n := chat.fake.Subscriptions(); n != subscriptions {
			t.Errorf("%d subscriptions, before %d", n, subscriptions)
		}

		help := part("help", "help")
		quiet := part("quiet", "quiet")
		quiet.AutoJoin = false
		chat.configure(nil, part("dev", "dev"), help, quiet)
		same(t, ada.news(), "&{Channel:#ops Reason:This channel is not configured any more Closed:true}", "&{Channel:#help}")
		if _, err := ada.session.Join(t.Context(), "#ops", ircd.JoinOptions{}); err == nil {
			t.Error("a channel that is gone can be joined")
		}
		if _, err := ada.session.Join(t.Context(), "#help", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"dev", "ops", "help"} {
			chat.fake.Insert("messages", chat.person("Bob"), map[string]any{"text": "in " + name, "channel": name})
		}
		got := slices.Concat(ada.later(time.Second), ada.news(), ada.news(), ada.news())
		slices.Sort(got)
		same(t, got, "Bob says in #dev: in dev", "Bob says in #help: in help")

		moved := part("dev", "development")
		moved.Topic = "New topic"
		chat.configure(nil, moved, help, quiet)
		same(t, slices.Concat(ada.news(), ada.news(), ada.news(), ada.news()), "&{Channel:#dev Text:New topic By:*")
		for _, name := range []string{"dev", "development", "help"} {
			chat.fake.Insert("messages", chat.person("Bob"), map[string]any{"text": "in " + name, "channel": name})
		}
		got = ada.later(time.Second)
		slices.Sort(got)
		same(t, got, "Bob says in #dev: in development", "Bob says in #help: in help")
		if _, err := ada.session.Send(t.Context(), ircd.Outgoing{Target: "#dev", Text: "mine"}); err != nil {
			t.Fatal(err)
		}
		items := chat.fake.Items("messages")
		if last := items[len(items)-1]; last["channel"] != "development" {
			t.Errorf("stored: %v", last)
		}
		same(t, ada.later(time.Second))

		if err := chat.backend.Configure(bridge.Options{Client: chat.client, Channels: []collection.Config{{Name: "no channel"}}}); err == nil {
			t.Error("a configuration with a fault is taken")
		}
		same(t, ada.later(time.Second))
	})
}

// A channel whose new collection the user may not read is left, and told why.
func TestConfigureForbidden(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newChat(t, nil)
		chat.fake.AddCollection("secrets", directustest.FakeCollection{Fields: []string{"text", "nonce"}})
		ada := chat.visit("Ada", "#messages")
		chat.fake.Deny(chat.person("Ada"), "secrets", "read")
		chat.configure(nil, messages("secrets"))
		got := slices.Concat(ada.news(), ada.later(10*time.Second), ada.later(10*time.Second))
		same(t, got, exiled)
		same(t, ada.later(time.Minute))
	})
}

// While Directus is away a channel does not move: what is said meanwhile is shown
// when it is back.
func TestConfigureDuringOutage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newChat(t, nil)
		ada := chat.visit("Ada", "#messages")
		read := readAlong(ada)
		chat.fake.Down()
		time.Sleep(30 * time.Second)
		chat.fake.Insert("messages", chat.person("Bob"), map[string]any{"text": "before"})
		changed := messages("messages")
		changed.Topic = "x"
		chat.configure(nil, changed)
		read.poll()
		time.Sleep(2 * time.Minute)
		chat.fake.Insert("messages", chat.person("Bob"), map[string]any{"text": "after"})
		read.poll()
		chat.fake.Up()
		for range 10 {
			time.Sleep(time.Minute)
			read.poll()
		}
		read.saw(t, []string{"before", "after"})
	})
}

// Private messages come and go with the configuration.
func TestConfigurePrivate(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newChat(t, nil)
		ada, bob := chat.visit("Ada"), chat.visit("Bob")
		for _, v := range []*visitor{ada, bob} {
			if err := v.session.Start(t.Context(), ircd.JoinOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		send := func(text string) error {
			_, err := ada.session.Send(t.Context(), ircd.Outgoing{Target: "Bob", Text: text})
			return err
		}
		if send("x") == nil || chat.backend.Features().Private {
			t.Error("there are private messages")
		}
		chat.fake.AddCollection("private", directustest.FakeCollection{
			Fields: []string{"text", "recipient"}, Relations: map[string]string{"recipient": "directus_users"},
		})
		with := func(o *bridge.Options) {
			o.Private = &collection.Private{Collection: "private", Fields: collection.Fields{Text: "text", Author: "user_created", Recipient: "recipient", Date: "date_created"}}
		}
		chat.configure(with, messages("messages"))
		same(t, append(ada.news(), bob.news()...))
		time.Sleep(time.Second)
		if err := send("psst"); err != nil || !chat.backend.Features().Private {
			t.Error(err)
		}
		same(t, bob.later(time.Second), "Ada says in : psst")
		chat.configure(nil, messages("messages"))
		same(t, append(ada.news(), bob.news()...))
		if send("y") == nil {
			t.Error("there still are private messages")
		}
	})
}

// Read markers go on in their new place.
func TestConfigureMarkers(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newChat(t, nil)
		chat.fake.AddCollection("markers", directustest.FakeCollection{Fields: []string{"target", "date_read"}})
		ada := chat.visit("Ada", "#messages")
		if _, err := ada.session.SetReadMarker(t.Context(), "#messages", time.Now()); err != nil {
			t.Fatal(err)
		}
		chat.configure(func(o *bridge.Options) {
			o.ReadMarkers = &collection.ReadMarkers{Collection: "markers", Target: "target", Date: "date_read", User: "user_created"}
		}, messages("messages"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if items := chat.fake.Items("markers"); len(items) != 1 || items[0]["target"] != "#messages" {
			t.Errorf("stored: %v", items)
		}
		_ = ada.session.Close(context.Background())
	})
}

// The items of one place are not looked for in another, whenever it changes.
func TestConfigureMarkersUnderWay(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		place := func(where string) func(*bridge.Options) {
			return func(o *bridge.Options) {
				o.ReadMarkers = &collection.ReadMarkers{Collection: where, Target: "target", Date: "date_read", User: "user_created"}
			}
		}
		chat := newChat(t, place("old"))
		for _, name := range []string{"old", "new"} {
			chat.fake.AddCollection(name, directustest.FakeCollection{Fields: []string{"target", "date_read"}})
		}
		id := chat.person("Ada")
		for _, row := range []struct{ collection, target string }{{"old", "#messages"}, {"new", "#elsewhere"}} {
			chat.fake.Insert(row.collection, id, map[string]any{"target": row.target, "date_read": "2001-02-03T04:05:06.000Z"})
		}
		ada := chat.visit("Ada", "#messages")
		chat.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			if r.Path == "/items/old" {
				chat.configure(place("new"), messages("messages"))
			}
			return directustest.RESTVerdict{}
		})
		if _, err := ada.session.ReadMarker(t.Context(), "#messages"); err != nil {
			t.Fatal(err)
		}
		if _, err := ada.session.SetReadMarker(t.Context(), "#messages", time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, item := range chat.fake.Items("new") {
			if old := strings.HasPrefix(fmt.Sprint(item["date_read"]), "2001"); old != (item["target"] == "#elsewhere") {
				t.Errorf("stored: %v", item)
			}
		}
		if n := len(chat.fake.Items("new")); n != 2 {
			t.Errorf("%d are stored", n)
		}
		_ = ada.session.Close(context.Background())
	})
}
