package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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
	var shown, heard []string
	for i := range total {
		sender.Send(fmt.Sprintf("PRIVMSG #messages :line %d", i))
		if i == 20 || i == 40 {
			// Some are stored and shown by now, some are on their way.
			shown = append(shown, readTo(reader, fmt.Sprintf("line %d", i-15))...)
			dx.Kill()
			dx.Restart()
			// However long that took, and whatever was refused meanwhile: go on
			// when both are connected again.
			marker := fmt.Sprintf("restarted after %d", i)
			dx.AddMessage(ada, marker)
			shown = append(shown, readTo(reader, marker)...)
			for line := ""; !strings.HasSuffix(line, marker); heard = append(heard, line) {
				line = sender.Expect("*")
			}
		}
	}
	refused, doubtful := 0, 0
	for _, l := range append(heard, syncSlowly(sender)...) {
		if strings.Contains(l, " 404 ") {
			refused++
			if strings.Contains(l, "perhaps") {
				doubtful++
			}
		}
	}
	dx.AddMessage(ada, "the end")
	shown = append(shown, readTo(reader, "the end")...)
	var stored []string
	for _, m := range dx.Messages("text") {
		stored = append(stored, fmt.Sprint(m["text"]))
	}
	if !slices.Equal(shown, stored) {
		t.Errorf("shown  %q\nstored %q", shown, stored)
	}
	lines := len(stored) - 3 // without two markers and the end
	if lost := total - lines - refused; lost > 0 || -lost > doubtful {
		t.Errorf("of %d, %d are stored, %d refused, %d of these in doubt", total, lines, refused, doubtful)
	}
	slices.Sort(stored)
	if len(slices.Compact(stored)) != len(shown) {
		t.Error("something was stored twice")
	}
}

// readTo takes PRIVMSGs up to one with the given text and returns their texts,
// without the time that a replayed one carries.
func readTo(c *ircdtest.Client, last string) []string {
	var list []string
	for len(list) == 0 || list[len(list)-1] != last {
		_, text, _ := strings.Cut(c.Expect("* PRIVMSG #messages :*"), " PRIVMSG #messages :")
		if i := strings.Index(text, "] "); i > 0 && text[0] == '[' {
			text = text[i+2:]
		}
		list = append(list, text)
	}
	return list
}

// syncSlowly is a Sync that has the patience of several time-outs.
func syncSlowly(c *ircdtest.Client) []string {
	barrier := "SLOWBARRIER"
	c.Send(barrier)
	return upTo(c, "* 421 * "+barrier+" :*")
}

// upTo takes the lines up to one that matches a pattern, and returns those before it.
func upTo(c *ircdtest.Client, pattern string) []string {
	var lines []string
	for {
		line := c.Expect("*")
		if ircdtest.Match(pattern, line) {
			return lines
		}
		lines = append(lines, line)
	}
}

// Access tokens live for three seconds.
func TestShortTokens(t *testing.T) {
	dx := ownServer(t, directustest.Env("ACCESS_TOKEN_TTL", "3s"))
	t.Run("a stream", func(t *testing.T) { shortTokens(t, dx) })
	t.Run("ended by Directus", func(t *testing.T) { sessionEndedByDirectus(t, dx) })
}

// Nothing is lost over many lives of an access token, and the link is not reopened
// for each.
func shortTokens(t *testing.T, dx *directustest.Server) {
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
func sessionEndedByDirectus(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, nil)
	ada := dx.CreateUser("Ada", "")
	c, _ := s.join(ada, "#messages")
	dx.UpdateUser(ada, map[string]any{"status": "suspended"})
	lines := c.Closed()
	if last := lines[len(lines)-1]; !strings.Contains(last, "ended your session") {
		t.Errorf("the last line is %q", last)
	}
}
