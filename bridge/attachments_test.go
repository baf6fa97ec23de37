package bridge_test

import (
	"slices"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// addFiles makes two collections of messages, with one file each and with many,
// and returns the ids of two files.
func addFiles(fake *directustest.Fake) (cat, dog string) {
	fake.AddCollection("directus_files", directustest.FakeCollection{Fields: []string{"filename_download", "type", "filesize"}, UUIDKey: true})
	fake.AddCollection("rooms", directustest.FakeCollection{
		Fields: []string{"text", "nonce", "file"}, Unique: []string{"nonce"}, Relations: map[string]string{"file": "directus_files"},
	})
	fake.AddCollection("albums", directustest.FakeCollection{
		Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}, Lists: map[string]string{"files": "albums_files.albums_id"},
	})
	fake.AddCollection("albums_files", directustest.FakeCollection{
		Fields: []string{"albums_id", "directus_files_id"}, Relations: map[string]string{"albums_id": "albums", "directus_files_id": "directus_files"},
	})
	cat = fake.Insert("directus_files", "", map[string]any{"filename_download": "cat.txt", "filesize": 12345})
	dog = fake.Insert("directus_files", "", map[string]any{"filename_download": "dog\n.png", "filesize": "10"})
	return cat, dog
}

func withFile(name, where, field string) collection.Config {
	c := messages(where)
	c.Name, c.Fields.Files = name, field
	return c
}

// Files are lines of their own, with what the reader may know of them: live, in
// the backlog, and where they are all that there is. They cost nothing where there
// are none.
func TestFiles(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, func(o *bridge.Options) { o.PublicURL = "https://chat.example.com" },
			withFile("#one", "rooms", "file"), withFile("#many", "albums", "files"))
		cat, dog := addFiles(c.fake)
		bob := c.person("bob")
		album := func(text string, files ...string) {
			id := c.fake.Insert("albums", bob, map[string]any{"text": text})
			for _, file := range files {
				c.fake.Insert("albums_files", "", map[string]any{"albums_id": id, "directus_files_id": file})
			}
			c.fake.Update("albums", id, map[string]any{"text": text}) // as the web page does, which stores the message first
		}
		link := func(id string) string { return " <https://chat.example.com/assets/" + id + ">" }
		c.fake.Deny(c.person("eve"), "directus_files", "read")
		c.fake.Deny(c.person("zoe"), "albums_files", "read")
		a, e, z := c.visit("ada", "#one", "#many"), c.visit("eve", "#one", "#many"), c.visit("zoe", "#many")
		c.fake.Insert("rooms", bob, map[string]any{"text": "without"})
		same(t, a.news(), "bob says in #one: without")
		same(t, e.news(), "bob says in #one: without")
		if n := c.fake.Count("SEARCH /files"); n != 0 {
			t.Errorf("asked %d times for no files", n)
		}
		c.fake.Insert("rooms", bob, map[string]any{"text": "look", "file": cat})
		c.fake.Insert("rooms", bob, map[string]any{"text": nil, "file": dog})
		want := []string{"bob says in #one: look\ncat.txt (12.3 KB)" + link(cat), "bob says in #one: dog .png (10 B)" + link(dog)}
		same(t, a.news(), want...)
		same(t, e.news(), "bob says in #one: look\nfile"+link(cat), "bob says in #one: file"+link(dog))
		album("both", cat, dog)
		same(t, a.later(10*time.Second), "bob says in #many: both", "bob changes * in #many: [edited] <bob> … cat.txt (12.3 KB)"+link(cat)+"\ndog .png (10 B)"+link(dog))
		same(t, e.later(time.Second), "bob says in #many: both", "bob changes * in #many: [edited] <bob> … file"+link(cat)+"\nfile"+link(dog))
		same(t, z.later(time.Second), "bob says in #many: both")
		late := c.visit("ada", "#one", "#many")
		var shown []string
		for _, m := range late.backlog {
			shown = append(shown, describe(m))
		}
		want = append([]string{"bob says in #one: without"}, want...)
		want = append(want, "bob says in #many: both\ncat.txt (12.3 KB)"+link(cat)+"\ndog .png (10 B)"+link(dog))
		if !slices.Equal(shown, want) {
			t.Errorf("backlog: %q", shown)
		}
	})
}

// Files are asked for once, until the row has others, or their names may have
// changed.
func TestFilesAreRemembered(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, withFile("#one", "rooms", "file"))
		cat, dog := addFiles(c.fake)
		a := c.visit("ada", "#one")
		asked := func(want int) {
			t.Helper()
			a.later(10 * time.Second)
			if n := c.fake.Count("SEARCH /files"); n != want {
				t.Errorf("asked %d times, want %d", n, want)
			}
		}
		id := c.fake.Insert("rooms", a.id, map[string]any{"text": "look", "file": cat})
		asked(1)
		for range 3 { // the counter of a web page
			c.fake.Update("rooms", id, map[string]any{"text": "look"})
		}
		c.visit("ada", "#one") // a second connection has a backlog
		asked(1)
		c.fake.Update("rooms", id, map[string]any{"file": dog})
		asked(2)
		time.Sleep(time.Hour)
		c.fake.Update("rooms", id, map[string]any{"text": "look at this"})
		asked(3)
	})
}

// A file that Directus does not answer for keeps its message waiting, as a name
// does. One that it does not give keeps nothing waiting.
func TestFilesOutOfReach(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil, withFile("#one", "rooms", "file"))
		cat, _ := addFiles(c.fake)
		bob := c.person("bob")
		a := c.visit("ada", "#one")
		judge := func(verdict directustest.RESTVerdict) {
			c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
				if r.Path == "/files" {
					return verdict
				}
				return directustest.RESTVerdict{}
			})
		}
		judge(directustest.RESTVerdict{Status: 500, Code: "INTERNAL_SERVER_ERROR"})
		link := " <http://directus.test/assets/" + cat + ">"
		c.fake.Insert("rooms", bob, map[string]any{"text": "look", "file": cat})
		same(t, a.later(time.Second), "bob says in #one: look\nfile"+link)
		judge(directustest.RESTVerdict{Lose: true})
		c.fake.Insert("rooms", bob, map[string]any{"text": "and again", "file": cat})
		same(t, a.later(time.Second))
		judge(directustest.RESTVerdict{})
		same(t, a.later(time.Minute), "bob says in #one: and again\ncat.txt (12.3 KB)"+link)
	})
}

// Mentions are stored as ids and shown by nick, to those who may know the user.
func TestMentions(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		byID := messages("messages")
		byID.MentionIDs, byID.Format = true, text.Markdown
		byName := messages("messages")
		byName.Name = "#text"
		c := newChat(t, nil, byID, byName)
		bob, eve := c.person("bob"), c.person("eve")
		c.fake.Deny(c.person("zoe"), "directus_users", "read")
		a, z := c.visit("ada", "#messages"), c.visit("zoe", "#messages")
		m, err := a.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "bob: ask @eve, @nobody or @ada"})
		if err != nil || m.Text != "@bob: ask @eve, @nobody or @ada" {
			t.Errorf("echo: %v, %v", m, err)
		}
		items := c.fake.Items("messages")
		if got, want := items[0]["text"], "@"+bob+": ask @"+eve+", @nobody or @"+a.id; got != want {
			t.Errorf("stored %q, want %q", got, want)
		}
		// Zoe knows those who are connected.
		same(t, z.later(time.Second), "ada says in #messages: @"+bob+": ask @"+eve+", @nobody or @ada")
		a.news()
		stranger := "00000000" + eve[8:]
		c.fake.Insert("messages", bob, map[string]any{"text": "@" + eve + " **x** @" + stranger})
		same(t, a.later(time.Second), "bob says in #messages: @eve \x02x\x02 @"+stranger)
		b := c.visit("bob", "#text")
		if m, err := b.session.Send(t.Context(), ircd.Outgoing{Target: "#text", Text: "ada: @eve"}); err != nil || m.Text != "ada: @eve" {
			t.Errorf("as text: %v, %v", m, err)
		}
		// Without an answer it is stored as it is typed.
		c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
			return directustest.RESTVerdict{Hang: r.Path == "/users"}
		})
		begin := time.Now()
		if m, err := a.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "@max: x"}); err != nil || m.Text != "@max: x" {
			t.Errorf("without an answer: %v, %v", m, err)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("a mention held the message up for %v", took)
		}
	})
}

// Relative links lead to Directus as people reach it, in channels and private messages, and from
// a change of the configuration on to its new address.
func TestRelativeLinks(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		at := func(site string) func(*bridge.Options) {
			return func(o *bridge.Options) {
				o.PublicURL = site
				o.Private = &collection.Private{Collection: "private", Format: text.HTML,
					Fields: collection.Fields{Text: "text", Author: "user_created", Recipient: "recipient", Date: "date_created"}}
			}
		}
		page := messages("messages")
		page.Format = text.HTML
		c := newChat(t, at("https://one.example.com"), page)
		c.fake.AddCollection("private", directustest.FakeCollection{
			Fields: []string{"text", "recipient"}, Relations: map[string]string{"recipient": "directus_users"},
		})
		a, bob := c.visit("ada", "#messages"), c.person("bob")
		if err := a.session.Start(t.Context(), ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		same(t, a.news())
		stored := `<p><a href="/x">see</a></p>`
		for _, site := range []string{"https://one.example.com", "https://two.example.com"} {
			c.configure(at(site), page)
			same(t, slices.Concat(a.news(), a.news(), a.later(time.Minute), a.news()))
			c.fake.Insert("messages", bob, map[string]any{"text": stored})
			same(t, a.later(time.Second), "bob says in #messages: see <"+site+"/x>")
			c.fake.Insert("private", bob, map[string]any{"text": stored, "recipient": a.id})
			same(t, a.later(time.Second), "bob says in : see <"+site+"/x>")
		}
	})
}

// What the answer has no room for is not read, but neither is it waited for: a message with
// thousands of files must not stop the channel.
func TestManyFiles(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake := directustest.NewFake(t, directustest.FakeOptions{})
		client := directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: logger(t), MaxAnswer: 32 << 10})
		t.Cleanup(client.Close)
		c := &chat{t, fake, client, newBackend(t, client, nil, withFile("#many", "albums", "files")), map[string]string{}}
		cat, dog := addFiles(fake)
		bob := c.person("bob")
		album := func(text, file string, files int) {
			id := fake.Insert("albums", bob, map[string]any{"text": text})
			for range files {
				fake.Insert("albums_files", "", map[string]any{"albums_id": id, "directus_files_id": file})
			}
		}
		album("before", cat, 1)
		album("crowded", cat, 600)
		album("after", dog, 1)
		a := c.visit("ada", "#many")
		var shown []string
		for _, m := range a.backlog {
			shown = append(shown, m.Text)
		}
		same(t, shown, "before\ncat.txt (12.3 KB) <http://directus.test/assets/"+cat+">", "crowded\nat least 200 files that cannot be shown here", "after\ndog .png (10 B) <http://directus.test/assets/"+dog+">")
		fake.Insert("albums", bob, map[string]any{"text": "live"})
		same(t, a.news(), "bob says in #many: live")
	})
}
