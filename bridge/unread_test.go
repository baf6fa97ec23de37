package bridge_test

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// correspondence is the private messages of ada, as her clients see them.
type correspondence struct{ *remembering }

func newCorrespondence(t *testing.T) correspondence {
	return correspondence{newRemembering(t, func(o *bridge.Options) { o.Private = &privateMessages })}
}

// write stores messages, a second apart: "bob>ada text".
func (c correspondence) write(messages ...string) {
	c.t.Helper()
	for _, m := range messages {
		who, text, _ := strings.Cut(m, " ")
		from, to, _ := strings.Cut(who, ">")
		c.fake.Insert("private_messages", c.person(from), map[string]any{"text": text, "recipient": c.person(to)})
		time.Sleep(time.Second)
	}
}

// come logs ada in and holds what she is shown, which she has then received, against want.
func (c correspondence) come(device string, want ...string) *visitor {
	c.t.Helper()
	v := c.login("ada", device)
	if err := v.session.Start(c.t.Context(), ircd.JoinOptions{Backlog: true}); err != nil {
		c.t.Fatal(err)
	}
	var lines []string
	for range 3 {
		lines = append(lines, v.texts()...)
	}
	same(c.t, lines, want...)
	v.receive()
	return v
}

func (c correspondence) read(v *visitor, nick string) {
	c.t.Helper()
	defer time.Sleep(time.Second)
	if _, err := v.session.SetReadMarker(c.t.Context(), nick, time.Now()); err != nil {
		c.t.Fatal(err)
	}
}

// A private message may open a window, so only what has not been read comes after the login.
func TestPrivateBacklogIsWhatIsUnread(t *testing.T) {
	for name, play := range map[string]func(correspondence){
		"without a trace, what has not been answered": func(c correspondence) {
			c.write("bob>ada asked", "ada>bob answered", "eve>ada hello", "bob>ada asked again", "ada>kim are you there?", "ada>ada a note")
			c.come("", "hello", "asked again")
		},
		"of a new device, what has not been answered": func(c correspondence) {
			c.write("bob>ada asked", "ada>bob answered", "eve>ada hello")
			c.come("phone", "hello")
		},
		"of clients without a name, what came since": func(c correspondence) {
			c.write("bob>ada one")
			c.come("", "one").leave()
			c.restart()
			c.come("").leave()
			c.write("bob>ada two", "ada>bob from the web", "eve>ada three", "ada>kim are you there?")
			c.restart()
			c.come("", "two", "from the web", "three").leave()
			c.come("")
		},
		"what was not received comes again": func(c correspondence) {
			v := c.come("")
			c.write("bob>ada one")
			same(c.t, v.texts(), "one") // and it is lost on the way
			c.write("ada>bob from the web")
			v.leave()
			c.come("", "one", "from the web")
		},
		"a device with a name is shown all that it has missed": func(c correspondence) {
			c.come("phone").leave()
			c.write("bob>ada one", "ada>bob answered", "ada>kim are you there?")
			v := c.come("laptop")
			c.read(v, "bob")
			v.leave()
			c.come("phone", "one", "answered", "are you there?")
		},
		"behind the read marker": func(c correspondence) {
			c.write("eve>ada hello", "bob>ada one", "bob>ada two", "ada>bob answered", "kim>ada hi")
			v := c.come("phone", "hello", "hi")
			c.read(v, "eve")
			c.read(v, "bob")
			c.write("bob>ada three", "ada>bob answered again", "bob>ada four", "ada>eve hello yourself")
			c.come("", "hi", "three", "answered again", "four").leave()
			c.write("bob>ada five", "eve>ada yes")
			c.read(v, "bob")
			c.come("", "yes")
		},
		"all that was said since the login": func(c correspondence) {
			c.write("bob>ada asked", "ada>bob answered")
			v := c.login("ada", "")
			end := outages["no answers"](c.remembering)
			if err := v.session.Start(c.t.Context(), ircd.JoinOptions{Backlog: true}); err != nil {
				c.t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			c.write("bob>ada asked meanwhile", "ada>bob answered meanwhile")
			end()
			var lines []string
			for range 60 {
				time.Sleep(time.Second)
				lines = append(lines, v.texts()...)
			}
			same(c.t, lines, "asked meanwhile", "answered meanwhile")
		},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { play(newCorrespondence(t)) })
		})
	}
}
