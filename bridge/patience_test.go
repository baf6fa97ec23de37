package bridge_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// However slow Directus is, a PONG comes within a second or in its turn. What is said to
// be not sent is not stored, and of what nothing is said is.
func TestPingBehindSlowDirectus(t *testing.T) {
	for _, nonce := range []string{"nonce", ""} {
		for _, delay := range []time.Duration{time.Second, 3 * time.Second, 6 * time.Second, 9 * time.Second, 12 * time.Second, 40 * time.Second} {
			t.Run(fmt.Sprintf("%v, nonce %q", delay, nonce), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { pingBehind(t, delay, nonce) })
			})
		}
	}
}

func pingBehind(t *testing.T, delay time.Duration, nonce string) {
	channels := []collection.Config{messages("messages")}
	for _, name := range []string{"#b", "#c", "#d"} {
		ch := messages("messages")
		ch.Name, ch.Set = name, map[string]any{"channel": name[1:]}
		channels = append(channels, ch)
	}
	for i := range channels {
		channels[i].Fields.Nonce = nonce
	}
	fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil, channels...)
	fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce", "channel"}, Unique: []string{"nonce"}})
	ada := addFake(fake, "ada")
	c := rejoin(t, l, "ada")
	c.Send("JOIN #b,#c,#d")
	c.Sync()
	fake.Insert("messages", ada, map[string]any{"text": "older"})
	c.Sync()
	fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
		if f.Type != "items" {
			return directustest.FrameVerdict{}
		}
		return directustest.FrameVerdict{Delay: delay}
	})
	fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
		return directustest.RESTVerdict{Delay: delay}
	})

	targets := []string{"#messages", "#b", "#c", "#d"}
	for round, lines := range [][]string{
		{"PRIVMSG #messages,#b,#c,#d :x%d"},
		{"WHOIS one,two,three,four", "PRIVMSG #messages,#b,#c,#d :x%d"},
		{"CHATHISTORY BEFORE #messages timestamp=2026-01-01T00:00:00.000Z 50", "MARKREAD #messages", "PRIVMSG #messages,#b,#c,#d :x%d"},
		{"PRIVMSG #messages :x%d", "PRIVMSG #b :x%d", "PRIVMSG #c :x%d", "PRIVMSG #d :x%d", "REDACT #messages nothing", "TOPIC #b :new"},
	} {
		begin := time.Now()
		for _, line := range lines {
			if strings.Contains(line, "%d") {
				line = fmt.Sprintf(line, round)
			}
			c.Send(line)
		}
		c.Send("PING :x")
		got := upTo(c, "* PONG irc.test :x")
		if took := time.Since(begin); took > time.Second {
			t.Errorf("round %d: PING waited %v", round, took)
		}
		got = append(got, syncSlowly(c)...)
		time.Sleep(5 * time.Minute)
		c.Sync()
		items := fake.Items("messages")
		for _, target := range targets {
			stored, refused, doubt := 0, "", false
			for _, l := range got {
				if ircdtest.Match("* 404 ada "+target+" :*", l) {
					refused = l
					doubt = strings.Contains(l, "perhaps")
				}
			}
			for _, item := range items {
				ch, _ := item["channel"].(string)
				if item["text"] == fmt.Sprintf("x%d", round) && (target == "#messages" && ch == "" || target == "#"+ch) {
					stored++
				}
			}
			if want := refused == ""; !doubt && (stored == 1) != want || stored > 1 {
				t.Errorf("round %d: %s: %d stored, told %q", round, target, stored, refused)
			}
		}
	}
	c.Close()
}

// Who is told that Directus is back can write, even if it was told by the link of somebody else.
func TestBackIsTrueForEverybody(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		var clients []*ircdtest.Client
		for _, name := range []string{"ada", "bob", "eve"} {
			addFake(fake, name)
			clients = append(clients, rejoin(t, l, name))
		}
		fake.Down()
		for _, c := range clients {
			c.Expect("* NOTICE #messages :Directus is unreachable*")
		}
		time.Sleep(time.Minute)
		var links atomic.Int32
		fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
			if f.Type == "auth" && links.Add(1) > 1 {
				return directustest.FrameVerdict{Delay: 3 * time.Second}
			}
			return directustest.FrameVerdict{}
		})
		fake.Up()
		for i, c := range clients {
			c.Expect("* NOTICE #messages :Directus is back*")
			c.Send(fmt.Sprintf("PRIVMSG #messages :line of %d", i))
		}
		for _, c := range clients {
			for range len(clients) - 1 {
				c.Expect("* PRIVMSG #messages :line of *")
			}
		}
	})
}
