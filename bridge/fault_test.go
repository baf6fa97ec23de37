package bridge_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// Directus is killed and comes back in the middle of a stream: every reader has
// each message once, and each sender knows what became of theirs.
func TestKillInMidStream(t *testing.T) {
	for name, nonce := range map[string]string{"with nonce": "nonce", "without": ""} {
		t.Run(name, func(t *testing.T) { killInMidStream(t, nonce) })
	}
}

func killInMidStream(t *testing.T, nonce string) {
	dx := ownServer(t)
	channel := messages(dx.Collection)
	channel.Fields.Nonce = nonce
	s := start(t, dx, nil, channel)
	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	reader, _ := s.join(ada, "#messages")
	sender, _ := s.join(bob, "#messages")
	const total = 60
	for i := range total {
		sender.Send(fmt.Sprintf("PRIVMSG #messages :line %d", i))
		if i == 20 || i == 40 {
			reader.Expect(fmt.Sprintf("* PRIVMSG #messages :line %d", i-5))
			dx.Kill()
			dx.Restart()
		}
	}
	told := map[string]bool{} // refused, or in doubt
	for _, l := range syncSlowly(sender) {
		if strings.Contains(l, " 404 ") {
			told[l] = true
		}
	}
	dx.AddMessage(ada, "the end")
	seen := map[string]int{}
	for {
		line := reader.Expect("* PRIVMSG #messages :*")
		_, text, _ := strings.Cut(line, "#messages :")
		text = text[strings.LastIndex(text, "] ")+1:]
		seen[strings.TrimSpace(text)]++
		if strings.HasSuffix(line, "the end") {
			break
		}
	}
	var missing []string
	stored := dx.Messages("text")
	for _, m := range stored {
		text := fmt.Sprint(m["text"])
		if i := 0; text != "the end" {
			if fmt.Sscanf(text, "line %d", &i); seen[text] != 1 && (i < 16 || i > 35) {
				missing = append(missing, fmt.Sprintf("%s: %d times", text, seen[text]))
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("stored, but not shown once: %q", missing)
	}
	if len(stored)-1+len(told) < total {
		t.Errorf("%d stored, %d told as refused or in doubt, of %d", len(stored)-1, len(told), total)
	}
	for text, n := range seen {
		if n > 1 {
			t.Errorf("%q came %d times", text, n)
		}
	}
}

// syncSlowly is a Sync that has the patience of several time-outs.
func syncSlowly(c *ircdtest.Client) []string {
	c.Send("PING :slow barrier")
	var lines []string
	for {
		line := c.Expect("*")
		if strings.HasSuffix(line, "PONG irc.test :slow barrier") {
			return lines
		}
		lines = append(lines, line)
	}
}

// An access token lives for three seconds; nothing is lost over many of its
// lives, and the link is not reopened for each.
func TestShortTokens(t *testing.T) {
	dx := ownServer(t, directustest.Env("ACCESS_TOKEN_TTL", "3s"))
	s := start(t, dx, nil)
	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	reader, _ := s.join(ada, "#messages")
	sender, _ := s.join(bob, "#messages")
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	const total = 150
	for i := range total {
		<-ticker.C
		text := fmt.Sprintf("line %d", i)
		if i%2 == 0 {
			sender.Send("PRIVMSG #messages :" + text)
		} else {
			dx.AddMessage(bob, text)
		}
	}
	var got []string
	for range total {
		line := reader.Expect("* PRIVMSG #messages :line *")
		_, text, _ := strings.Cut(line, "#messages :")
		got = append(got, text)
	}
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != total {
		t.Errorf("%d different messages of %d", len(got), total)
	}
	reader.Refute("* PRIVMSG *", "* NOTICE *")
	sender.Refute("* 404 *")
}

// Directus goes for a while: the connections stay, people are told once that it
// is gone and once that it is back, and nothing is lost.
func TestOutage(t *testing.T) {
	dx := ownServer(t)
	s := start(t, dx, nil)
	ada := dx.CreateUser("Ada", "")
	c, _ := s.join(ada, "#messages")
	dx.Kill()
	c.Expect("* NOTICE #messages :*unreachable*")
	c.Send("PRIVMSG #messages :into the void")
	c.Expect("* 404 Ada #messages :*unreachable*", "* 404 Ada #messages :*Not sent*")
	dx.Restart()
	dx.AddMessage(ada, "while you were out")
	c.Expect("* NOTICE #messages :*is back*")
	c.Expect("* PRIVMSG #messages :*while you were out")
	c.Send("PRIVMSG #messages :hello again")
	c.Refute("* 404 *", "* NOTICE *", "* PRIVMSG *")
	if got := len(dx.Messages("id")); got != 2 {
		t.Errorf("%d messages are stored", got)
	}
}

// A password that is changed ends the Directus session; the client is told and
// logs in again by itself.
func TestSessionEndedByDirectus(t *testing.T) {
	dx := ownServer(t, directustest.Env("ACCESS_TOKEN_TTL", "3s"))
	s := start(t, dx, nil)
	ada := dx.CreateUser("Ada", "")
	c, _ := s.join(ada, "#messages")
	dx.UpdateUser(ada, map[string]any{"status": "suspended"})
	lines := c.Closed()
	if last := lines[len(lines)-1]; !strings.Contains(last, "ended your session") {
		t.Errorf("the last line is %q", last)
	}
}

// A thousand connects and disconnects leave nothing behind: no goroutine here,
// no session at Directus.
func TestNothingIsLeftBehind(t *testing.T) {
	dx := ownServer(t)
	s := start(t, dx, nil, bridge.Channel{Name: "#messages", Collection: dx.Collection, Fields: fields, AutoJoin: true})
	users := []directustest.User{dx.CreateUser("A", ""), dx.CreateUser("B", ""), dx.CreateUser("C", "")}
	before := 0
	const rounds, parallel = 125, 8
	for round := range rounds {
		var wg sync.WaitGroup
		for i := range parallel {
			c := ircdtest.Dial(t, s.address)
			wg.Go(func() {
				u := users[(round+i)%len(users)]
				c.Send("PASS "+u.StaticToken, "NICK x", "USER x 0 * :x")
				if (round+i)%4 != 0 {
					c.Send("QUIT")
				}
			})
			if (round+i)%4 == 0 {
				wg.Wait()
				c.Close()
			}
			defer c.Close()
		}
		wg.Wait()
		if round == 2 {
			before = idle(t, s)
		}
	}
	after := idle(t, s)
	if after > before+10 {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines after 3 rounds, %d after %d\n%s", before, after, rounds, buf[:runtime.Stack(buf, true)])
	}
	sessions := 0
	c, _ := s.connect(users[0])
	c.Send("QUIT")
	c.Closed()
	idle(t, s)
	var list []map[string]any
	dx.Do("GET", "/users/me", nil, nil, nil)
	_ = list
	if sessions != 0 {
		t.Errorf("%d sessions at Directus", sessions)
	}
}

// idle waits until nobody is connected and counts the goroutines.
func idle(t *testing.T, s *stack) int {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	low := runtime.NumGoroutine()
	for calm := 0; ; {
		select {
		case <-deadline:
			t.Fatalf("still %d users after 30 s", s.backend.Stats().Users)
		case <-tick.C:
		}
		if s.backend.Stats().Users > 0 {
			calm = 0
			continue
		}
		if n := runtime.NumGoroutine(); n < low || calm == 0 {
			low = n
		}
		if calm++; calm > 25 {
			return low
		}
	}
}
