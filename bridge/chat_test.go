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
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// chat is the bridge before a fake Directus, without the IRC side.
type chat struct {
	t       *testing.T
	fake    *directustest.Fake
	client  *directus.Client
	backend *bridge.Backend
	people  map[string]string // ids by name
}

// newChat runs inside of a bubble. Edits settle after five seconds.
func newChat(t *testing.T, change func(*bridge.Options), channels ...collection.Config) *chat {
	return newChatAt(t, directustest.FakeOptions{}, change, channels...)
}

func newChatAt(t *testing.T, at directustest.FakeOptions, change func(*bridge.Options), channels ...collection.Config) *chat {
	fake := directustest.NewFake(t, at)
	client := directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: logger(t)})
	t.Cleanup(client.Close)
	return &chat{t, fake, client, newBackend(t, client, change, channels...), map[string]string{}}
}

// newBackend is a daemon's bridge: that of a chat, or another one.
func newBackend(t *testing.T, client *directus.Client, change func(*bridge.Options), channels ...collection.Config) *bridge.Backend {
	if len(channels) == 0 {
		channels = []collection.Config{messages("messages")}
	}
	opts := bridge.Options{
		Client: client, Channels: channels, NickFields: []string{"first_name"}, Logger: logger(t),
		Edits: collection.Edits{Show: true, Merge: 5 * time.Second, MaxAge: 24 * time.Hour},
	}
	if change != nil {
		change(&opts)
	}
	backend, err := bridge.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close(context.Background()) })
	return backend
}

// visitor is one connection of a user.
type visitor struct {
	t       *testing.T
	session fullSession
	id      string
	backlog []*ircd.Message
}

// person adds a user, once.
func (c *chat) person(name string) (id string) {
	if c.people[name] == "" {
		c.people[name] = addFake(c.fake, name)
	}
	return c.people[name]
}

// visit logs a user in and enters the channels.
func (c *chat) visit(name string, channels ...string) *visitor {
	c.t.Helper()
	v := &visitor{t: c.t, id: c.person(name)}
	var err error
	v.session, err = full(c.backend.Login(c.t.Context(), ircd.Credentials{Account: name + "@example.com", Secret: name}))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { v.session.Close(context.Background()) })
	for _, channel := range channels {
		answer, err := v.session.Join(c.t.Context(), channel, ircd.JoinOptions{Backlog: true})
		if err != nil {
			c.t.Fatal(err)
		}
		v.backlog = append(v.backlog, answer.Backlog...)
		for _, part := range rest(c.t, answer.More) {
			v.backlog = append(v.backlog, part.(*ircd.Backlog).Messages...)
		}
	}
	v.news()
	return v
}

// poll is News of the session, or Poll where that will not do, as in the server, without the word
// that acquaintances may have changed, which comes with each check of the user.
func (v *visitor) poll() ([]ircd.Event, error) {
	events, ok := v.session.News()
	var err error
	if events = slices.Clone(events); !ok {
		events, err = v.session.Poll(v.t.Context())
	}
	return slices.DeleteFunc(events, func(ev ircd.Event) bool {
		_, again := ev.(*ircd.Acquaintances)
		return again
	}), err
}

// lately are the events since the last look, once all is quiet.
func (v *visitor) lately() []ircd.Event {
	v.t.Helper()
	synctest.Wait()
	events, err := v.poll()
	if err != nil {
		v.t.Fatal(err)
	}
	return events
}

// news are the events, each as a line.
func (v *visitor) news() []string {
	v.t.Helper()
	lines := []string{}
	for _, ev := range v.lately() {
		lines = append(lines, describe(ev))
	}
	return lines
}

// later are the news after a while.
func (v *visitor) later(d time.Duration) []string {
	v.t.Helper()
	time.Sleep(d)
	return v.news()
}

func describe(ev ircd.Event) string {
	switch ev := ev.(type) {
	case *ircd.Message:
		kind := "says"
		if ev.Edits != "" {
			kind = "changes " + ev.Edits
		}
		return fmt.Sprintf("%s %s in %s: %s", ev.From.Nick, kind, ev.Target, ev.Text)
	case *ircd.Renaming:
		if ev.By.Nick != "" {
			return strings.TrimSuffix(fmt.Sprintf("%s renames %s to %s: %s", ev.By.Nick, ev.Old, ev.New, ev.Reason), ": ")
		}
		return fmt.Sprintf("&{Old:%s New:%s}", ev.Old, ev.New)
	case *ircd.Redaction:
		return fmt.Sprintf("%s deletes %s in %s: %s", ev.From.Nick, ev.MsgID, ev.Target, ev.Text)
	case *ircd.Reaction:
		who := ev.From.Nick
		if ev.Removed != "" && ev.By.ID == "" {
			who = "nobody known"
		} else if ev.Removed != "" {
			who = ev.By.Nick
		}
		return fmt.Sprintf("%s reacts %s in %s, removed %v: %s", who, ev.MsgID, ev.Target+ev.To.Nick, ev.Removed != "", ev.Text)
	}
	return fmt.Sprintf("%+v", ev)
}

// same compares lines; a "*" at the end or in the middle matches anything.
func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(g, w string) bool { return ircdtest.Match(w, g) }) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
