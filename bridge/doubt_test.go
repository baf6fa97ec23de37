package bridge_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// enter logs a user of a fake in and enters the channel.
func enter(t *testing.T, fake *directustest.Fake, listener *ircdtest.Listener, name string) (c *ircdtest.Client, id string) {
	t.Helper()
	id = fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: name, FirstName: name})
	c = listener.Dial(t)
	c.Name = name
	nick := c.LoginPass("x", name+"@example.com:"+name)
	c.Send("JOIN #messages")
	c.Expect("* 366 " + nick + " #messages *")
	c.Sync()
	return c, id
}

// An item that is stored and not answered is found, not sent again; one that
// is not stored is sent again only where the collection refuses doubles, and
// the sender is told the truth in every case.
func TestDoubtIsSettled(t *testing.T) {
	kinds := map[string]directustest.FakeCollection{
		"nonce":   {Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}},
		"uuid":    {Fields: []string{"text"}, UUIDKey: true},
		"neither": {Fields: []string{"text"}},
	}
	faults := map[string]struct {
		verdict directustest.FrameVerdict
		rest    directustest.RESTVerdict // where messages go by REST
		stored  map[string]int           // how often, by kind of collection
		told    string                   // to the sender, where it is not stored
	}{
		"answer lost, link cut":         {directustest.FrameVerdict{Mute: true, Cut: true}, directustest.RESTVerdict{Lose: true}, map[string]int{"nonce": 1, "uuid": 1, "neither": 1}, ""},
		"answered by a proxy, link cut": {directustest.FrameVerdict{Mute: true, Cut: true}, directustest.RESTVerdict{Lose: true, Status: 504}, map[string]int{"nonce": 1, "uuid": 1, "neither": 1}, ""},
		"never stored, proxy":           {directustest.FrameVerdict{Skip: true, Mute: true, Cut: true}, directustest.RESTVerdict{Status: 502}, map[string]int{"nonce": 1, "uuid": 1, "neither": 0}, "perhaps"},
		"never stored, cut":             {directustest.FrameVerdict{Skip: true, Mute: true, Cut: true}, directustest.RESTVerdict{Drop: true}, map[string]int{"nonce": 1, "uuid": 1, "neither": 0}, "perhaps"},
		"answer lost, link up":          {directustest.FrameVerdict{Mute: true}, directustest.RESTVerdict{Lose: true}, map[string]int{"nonce": 1, "uuid": 1, "neither": 1}, ""},
		"stored, error answered": {directustest.FrameVerdict{Reply: map[string]any{"type": "items", "status": "error",
			"error": map[string]any{"code": "FORBIDDEN", "message": "no"}}}, directustest.RESTVerdict{Lose: true}, map[string]int{"nonce": 1, "uuid": 1, "neither": 1}, ""},
		"refused": {directustest.FrameVerdict{Skip: true, Reply: map[string]any{"type": "items", "status": "error",
			"error": map[string]any{"code": "FORBIDDEN", "message": "no"}}}, directustest.RESTVerdict{Status: 403, Code: "FORBIDDEN"}, map[string]int{}, "does not allow"},
	}
	for kind, collection := range kinds {
		for name, fault := range faults {
			t.Run(kind+"/"+name, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					channel := messages("messages")
					if kind != "nonce" {
						channel.Fields.Nonce = ""
					}
					fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, channel)
					fake.AddCollection("messages", collection)
					reader, _ := enter(t, fake, listener, "ada")
					sender, _ := enter(t, fake, listener, "bob")
					sender.Send("PRIVMSG #messages :before") // tells what the keys look like
					sender.Sync()
					reader.Expect("* PRIVMSG #messages :before")
					var hit atomic.Bool
					if kind == "neither" { // its messages go by REST
						fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
							if r.Method != "POST" || hit.Swap(true) {
								return directustest.RESTVerdict{}
							}
							return fault.rest
						})
					}
					fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
						if f.Action != "create" || hit.Swap(true) {
							return directustest.FrameVerdict{}
						}
						v := fault.verdict
						if v.Reply != nil {
							v.Reply["uid"] = f.UID
						}
						return v
					})
					sender.Send("PRIVMSG #messages :doubtful")
					lines := strings.Join(sender.Sync(), "\n")
					stored := 0
					for _, item := range fake.Items("messages") {
						if item["text"] == "doubtful" {
							stored++
						}
					}
					if stored != fault.stored[kind] {
						t.Errorf("stored %d times, want %d", stored, fault.stored[kind])
					}
					if refused := strings.Contains(lines, " 404 "); refused != (stored == 0) || refused && !strings.Contains(lines, fault.told) {
						t.Errorf("stored %d times, and the sender hears %q", stored, lines)
					}
					time.Sleep(time.Second) // keys that are UUIDs put what is stored at one moment in any order
					sender.Send("PRIVMSG #messages :after")
					sender.Refute("* PRIVMSG *", "* 404 *")
					for range stored {
						reader.Expect("* PRIVMSG #messages :doubtful")
					}
					reader.Expect("* PRIVMSG #messages :after")
					reader.Refute("* PRIVMSG *")
				})
			})
		}
	}
}

// Whatever a proxy answers in the place of Directus, and however often, a message is stored
// once, and its sender told so.
func TestProxyAnswers(t *testing.T) {
	for _, status := range []int{200, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				channel := messages("messages")
				channel.Fields.Nonce = ""
				fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, channel)
				sender, _ := enter(t, fake, listener, "bob")
				fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					if r.Method == "POST" {
						return directustest.RESTVerdict{Lose: true, Status: status}
					}
					return directustest.RESTVerdict{}
				})
				sender.Send("PRIVMSG #messages :hello")
				sender.Refute("* 404 *")
				if n := len(fake.Items("messages")); n != 1 {
					t.Errorf("%d are stored", n)
				}
			})
		})
	}
}

// Two equal texts in doubt are two messages.
func TestEqualTextsInDoubt(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		channel := messages("messages")
		channel.Fields.Nonce = ""
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, channel)
		sender, _ := enter(t, fake, listener, "bob")
		fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			return directustest.RESTVerdict{Lose: r.Method == "POST"}
		})
		for range 3 {
			sender.Send("PRIVMSG #messages :ok")
			sender.Refute("* 404 *", "* PRIVMSG *")
		}
		fake.OnREST(nil)
		if n := len(fake.Items("messages")); n != 3 {
			t.Errorf("%d are stored", n)
		}
		time.Sleep(time.Minute)
		sender.Refute("* PRIVMSG *")
	})
}

// Directus answers pings but no request: people are told, PING is not held up
// for long, and everything is well again when it is.
func TestDatabaseOutage(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		reader, _ := enter(t, fake, listener, "ada")
		sender, id := enter(t, fake, listener, "bob")
		fake.Database(false)
		begin := time.Now()
		for i := range 3 {
			sender.Send(fmt.Sprintf("PRIVMSG #messages :lost %d", i))
		}
		if got := strings.Count(strings.Join(sender.Sync(), "\n"), " 404 "); got != 3 {
			t.Errorf("told of %d of 3", got)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("PING waited %v", took)
		}
		fake.Database(true)
		time.Sleep(time.Minute)
		fake.Insert("messages", id, map[string]any{"text": "from the web"})
		reader.Expect("* PRIVMSG #messages :from the web")
		sender.Send("PRIVMSG #messages :hello")
		reader.Expect("* PRIVMSG #messages :hello")
		sender.Expect("* PRIVMSG #messages :from the web")
		sender.Refute("* 404 *", "* PRIVMSG *")
	})
}

// What Directus does not announce, or announces in disorder, or answers with an
// error in its place, is read from the collection.
func TestEventsLostAndDisordered(t *testing.T) {
	for _, version := range []string{"12.4.0", "11.17.4", "10.13.4"} {
		t.Run(version, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, listener, _ := fakeStack(t, directustest.FakeOptions{Version: version, QueryLimitMax: 7}, nil)
				reader, ada := enter(t, fake, listener, "ada")
				bob := fake.AddUser(directustest.FakeUser{Email: "bob@example.com", Password: "bob", FirstName: "bob"})
				next := 0
				say := func(n int) {
					for range n {
						fake.Insert("messages", bob, map[string]any{"text": fmt.Sprintf("line %d", next)})
						next++
						time.Sleep(time.Millisecond)
					}
				}
				hear := func(n int) {
					t.Helper()
					for i := next - n; i < next; i++ {
						line := reader.Expect("* PRIVMSG *")
						if !ircdtest.Match(fmt.Sprintf(":bob!* PRIVMSG #messages :*line %d", i), line) {
							t.Fatalf("got %q, want line %d", line, i)
						}
					}
				}
				fake.LoseEvents(true)
				say(20)
				fake.LoseEvents(false)
				time.Sleep(2 * time.Hour / 10)
				hear(20) // by the regular look
				fake.HoldEvents()
				say(5)
				fake.Cut()
				fake.ReleaseEvents(true)
				time.Sleep(time.Minute)
				hear(5) // by the catch-up after the cut
				fake.ExpireSockets()
				say(5)
				time.Sleep(time.Minute)
				hear(5) // the window's frames are dropped, the collection is read
				fake.Deny(ada, "messages", "read")
				say(3)
				reader.Expect("* KICK #messages * :*does not allow*")
				reader.Refute("* PRIVMSG *")
				fake.Allow(ada, "messages", "read")
				time.Sleep(5 * time.Minute)
				reader.Expect("* NOTICE #messages :*again*")
				hear(3)
				say(1)
				hear(1)
				reader.Refute("* PRIVMSG *", "* NOTICE *")
			})
		})
	}
}

// A burst larger than every queue arrives whole and in order.
func TestBurst(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, func(o *bridge.Options) {})
		reader, _ := enter(t, fake, listener, "ada")
		bob := fake.AddUser(directustest.FakeUser{Email: "bob@example.com", Password: "bob", FirstName: "bob"})
		const total = 3000
		for i := range total {
			fake.Insert("messages", bob, map[string]any{"text": fmt.Sprintf("line %d", i)})
		}
		for i := range total {
			line := reader.Expect("* PRIVMSG *")
			if !ircdtest.Match(fmt.Sprintf(":bob!* PRIVMSG #messages :*line %d", i), line) {
				t.Fatalf("got %q, want line %d", line, i)
			}
		}
		reader.Refute("* PRIVMSG *")
	})
}

// An item is stored where its author may not see it, and the answer is lost. The
// second attempt is refused as a double of the first.
func TestStoredOutOfSightAndUnanswered(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := addFake(fake, "ada")
		c := rejoin(t, l, "ada")
		fake.Restrict(ada, "messages", map[string]any{"text": map[string]any{"_neq": "to be approved"}})
		fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			lost := f.Action == "create"
			return directustest.FrameVerdict{Mute: lost, Cut: lost}
		})
		c.Send("PRIVMSG #messages :to be approved")
		line := c.Expect("* 404 *")
		if n := len(fake.Items("messages")); n != 1 || strings.Contains(line, "Not sent") {
			t.Errorf("%d stored, and the sender hears %q", n, line)
		}
		c.Close()
	})
}
