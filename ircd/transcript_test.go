package ircd

import (
	"bufio"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// TestTranscripts plays testdata/*.txt. A line of one is
//
//	C: text       the client sends text
//	C| "text"     the same, as a Go string and without a line end
//	S: pattern    the next line of the server matches (see ircdtest.Match)
//	S* pattern    one of the next lines does
//	S$            the server closes the connection, with no further line
//	! say NICK #CHANNEL TEXT    a message is stored by somebody else
//	! as NICK LINE              another client sends a line; it logs in for the first
//	! topic NICK #CHANNEL TEXT  somebody else has changed the topic
//	! realname NICK NAME        a user is called otherwise from now on
//	! wait 3s     time passes
//	! autojoin #CHANNEL         before the first line of the client
//	! features WORD...          the same: private, replies, reactions; bare: sessions
//	                            have no optional part; denied: nor does the chat offer any;
//	                            bot: the login is marked as a bot's
//	! past AGE FROM TO TEXT     the same: a message was stored that long ago
//	! joined AGE                every JOIN from now on was so long ago
//	! whisper FROM TO TEXT      a private message is stored by somebody else
//	! read TARGET TIME          the user reads a target on another connection
//	# comment
//
// "\x01" in a text or pattern stands for that byte, and so do others. The backlog of #messages
// holds three messages, see transcriptChat.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var steps []string
			for s := bufio.NewScanner(f); s.Scan(); {
				steps = append(steps, s.Text())
			}
			ircdtest.Bubble(t, func(t *testing.T) { playTranscript(t, file, steps) })
		})
	}
}

// transcriptChat has a user who wants another nick than the client asks for,
// and a backlog of yesterday and today (synctest starts at 2000-01-01 00:00).
func transcriptChat() *fakeChat {
	chat := newFakeChat()
	chat.accounts["kevin.long@example.com:pw-kevin"] = testUser("kevin")
	at := func(d time.Duration, id string, m Message) *Message {
		m.ID, m.Time, m.Target, m.Replayed = id, time.Now().Add(d), "#messages", true
		return &m
	}
	chat.backlog["#messages"] = []*Message{
		at(-10*time.Hour, "b1", Message{From: testUser("bob"), Text: "good morning"}),
		at(-2*time.Hour, "b2", Message{From: testUser("alice"), Text: "waves", Kind: Action}),
		at(0, "b3", Message{From: testUser("bob"), Text: "first line\n\nsecond line"}),
	}
	return chat
}

// stage is what one transcript is played on.
type stage struct {
	t      *testing.T
	chat   *fakeChat
	s      *testServer                 // made by the first line of a client, when the chat is as it is to be
	others map[string]*ircdtest.Client // by nick
}

func (st *stage) server() *testServer {
	if st.s == nil {
		st.s = newTestServer(st.t, st.chat, nil)
	}
	return st.s
}

func playTranscript(t *testing.T, file string, steps []string) {
	st := &stage{t: t, chat: transcriptChat(), others: make(map[string]*ircdtest.Client)}
	var c *ircdtest.Client
	for i, step := range steps {
		op, arg, _ := strings.Cut(step, " ")
		if c == nil && (op == "C:" || op == "C|") {
			c = st.server().client()
		}
		t.Logf("%s:%d", file, i+1)
		if op == "C:" || op == "!" || strings.HasPrefix(op, "S") {
			arg = hexByte.ReplaceAllStringFunc(arg, func(s string) string {
				b, _ := hex.DecodeString(s[2:]) // two digits, so it never fails
				return string(b)
			})
		}
		switch op {
		case "", "#":
		case "C:":
			c.Send(arg)
		case "C|":
			text, err := strconv.Unquote(arg)
			if err != nil {
				t.Fatalf("%s:%d: %v", file, i+1, err)
			}
			c.SendRaw(text)
		case "S:":
			c.ExpectNext(arg)
		case "S*":
			c.Expect(arg)
		case "S$":
			if rest := c.Closed(); len(rest) > 0 {
				t.Fatalf("%s:%d: got %q before the end", file, i+1, rest)
			}
		case "!":
			st.play(arg)
		default:
			t.Fatalf("%s:%d: unknown step %q", file, i+1, step)
		}
	}
}

var hexByte = regexp.MustCompile(`\\x[0-9a-f]{2}`)

func (st *stage) play(directive string) {
	t, chat := st.t, st.chat
	f := strings.SplitN(directive, " ", 4)
	switch f[0] {
	case "past", "joined", "whisper", "read":
		playHistory(t, chat, directive)
	case "say":
		chat.say(testUser(f[1]), f[2], f[3])
	case "as":
		st.as(f[1], strings.Join(f[2:], " "))
	case "topic":
		chat.push(&Topic{Channel: f[2], Text: f[3], By: testUser(f[1]), Time: time.Now()}, nil)
	case "realname":
		chat.pushTo(f[1], &Profile{Realname: strings.Join(f[2:], " ")})
	case "wait":
		d, err := time.ParseDuration(f[1])
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(d)
	case "autojoin":
		chat.autoJoin = append(chat.autoJoin, f[1])
	case "features":
		for _, word := range strings.Fields(directive)[1:] {
			st.feature(word)
		}
	default:
		t.Fatalf("unknown directive %q", directive)
	}
}

// as sends a line of another client, which logs in first if it is not there. It waits
// for the end of all that the login does to others, and of all that the line does: who
// hears of both in one turn is told of a nick it monitors behind the JOIN.
func (st *stage) as(nick, line string) {
	c := st.others[nick]
	if c == nil {
		c = st.server().user(nick, "message-tags")
		st.others[nick] = c
		synctest.Wait()
	}
	if line == "QUIT" {
		delete(st.others, nick)
		c.Send(line)
		c.Closed()
	} else if line != "" {
		c.Send(line)
		c.Sync()
	}
	synctest.Wait()
}

func (st *stage) feature(word string) {
	switch f := &st.chat.features; word {
	case "private":
		f.Private = true
	case "replies":
		f.Replies = true
	case "reactions":
		f.Reactions = true
	case "bot":
		st.chat.bot = true
	case "bare":
		st.chat.bare = true
	case "denied":
		st.chat.denied = true
	default:
		st.t.Fatalf("unknown feature %q", word)
	}
}
