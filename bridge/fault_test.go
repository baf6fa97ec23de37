package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
	"directus-ircd/ircd/ircdtest"
)

// Directus is killed and comes back in the middle of two streams, one with a nonce and one without: every reader has each
// message once, and each sender knows what became of theirs.
func TestKillInMidStream(t *testing.T) {
	dx := ownServer(t)
	other := *dx
	other.Collection = "without_nonce"
	if _, err := setup.Run(t.Context(), dx.Admin(), setup.Options{Collection: other.Collection}); err != nil {
		t.Fatal(err)
	}
	streams := []*stream{newStream(t, dx, "nonce"), newStream(t, &other, "")}
	for i := range streamed {
		for _, s := range streams {
			s.sender.Send(fmt.Sprintf("PRIVMSG #messages :line %d", i))
		}
		if i != 20 && i != 40 {
			continue
		}
		for _, s := range streams { // some are stored and shown by now, some are on their way
			s.readTo(fmt.Sprintf("line %d", i-15))
		}
		dx.Kill()
		dx.Restart()
		for _, s := range streams {
			s.goOn(fmt.Sprintf("restarted after %d", i))
		}
	}
	for _, s := range streams {
		s.check(t)
	}
}

// streamed is how many lines a stream has.
const streamed = 60

// stream is somebody who writes to a collection and somebody who reads it, on a daemon of their own.
type stream struct {
	dx             *directustest.Server
	ada            directustest.User
	reader, sender *ircdtest.Client
	shown, heard   []string // texts, and whole lines
}

func newStream(t *testing.T, dx *directustest.Server, nonce string) *stream {
	channel := messages(dx.Collection)
	channel.Fields.Nonce = nonce
	s := start(t, dx, nil, channel)
	ada, bob := dx.CreateUser("Ada", dx.Collection), dx.CreateUser("Bob", dx.Collection)
	reader, _ := s.join(ada, "#messages")
	sender, _ := s.join(bob, "#messages")
	return &stream{dx: dx, ada: ada, reader: reader, sender: sender}
}

func (s *stream) readTo(text string) { s.shown = append(s.shown, readTo(s.reader, text)...) }

// goOn waits until reader and sender are connected again, however long that takes and whatever is refused meanwhile.
func (s *stream) goOn(marker string) {
	s.dx.AddMessage(s.ada, marker)
	s.readTo(marker)
	for line := ""; !strings.HasSuffix(line, marker); s.heard = append(s.heard, line) {
		line = s.sender.Expect("*")
	}
}

func (s *stream) check(t *testing.T) {
	t.Helper()
	refused, doubtful := 0, 0
	for _, l := range append(s.heard, syncSlowly(s.sender)...) {
		if strings.Contains(l, " 404 ") {
			refused++
			if strings.Contains(l, "perhaps") {
				doubtful++
			}
		}
	}
	s.dx.AddMessage(s.ada, "the end")
	s.readTo("the end")
	var stored []string
	for _, m := range s.dx.Messages("text") {
		stored = append(stored, fmt.Sprint(m["text"]))
	}
	if !slices.Equal(s.shown, stored) {
		t.Errorf("%s: shown  %q\nstored %q", s.dx.Collection, s.shown, stored)
	}
	lines := len(stored) - 3 // without two markers and the end
	if lost := streamed - lines - refused; lost > 0 || -lost > doubtful {
		t.Errorf("%s: of %d, %d are stored, %d refused, %d of these in doubt", s.dx.Collection, streamed, lines, refused, doubtful)
	}
	slices.Sort(stored)
	if len(slices.Compact(stored)) != len(s.shown) {
		t.Errorf("%s: something was stored twice", s.dx.Collection)
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
