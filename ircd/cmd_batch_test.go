package ircd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

func TestMultilineLimits(t *testing.T) {
	long := strings.Repeat("x", 8000)
	for _, tc := range []struct {
		name  string
		lines []string
		code  string
	}{
		{"as many lines as may be", make([]string, maxMultilineLines-1), ""},
		{"one line more", make([]string, maxMultilineLines), multilineMaxLines},
		{"as many bytes as may be", []string{long, long, long, long, long[:maxMultilineBytes-4*8000-6]}, ""},
		{"one byte more", []string{long, long, long, long, long[:maxMultilineBytes-4*8000-5]}, multilineMaxBytes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := multiline{target: "#c"}
			err := b.add("PRIVMSG", "#C", "x", false)
			for _, l := range tc.lines {
				if err != nil {
					t.Fatalf("refused too early: %v", err)
				}
				err = b.add("PRIVMSG", "#c", l, false)
			}
			if code := codeOf(err); code != tc.code {
				t.Errorf("code %q, want %q", code, tc.code)
			}
		})
	}
}

func codeOf(err *Error) string {
	if err == nil {
		return ""
	}
	return err.Code
}

// FuzzMultiline puts a message together. Each line of the input is one of the
// batch: a first byte "+" continues the line before, "!" is an ACTION, "n" a
// NOTICE, "#" another target.
func FuzzMultiline(f *testing.F) {
	f.Add(" a\n \n b\n+ c\n+")
	f.Add("!a\n!b\n b\n+\x01")
	f.Add("na\nnb\n#c")
	f.Add("+a")
	f.Add(" \x01VERSION\x01\n \xff\u2028\t\x00\r")
	f.Add(strings.Repeat(" "+strings.Repeat("x", 900)+"\n", 45))
	f.Add(strings.Repeat(" \n", 501))
	f.Fuzz(func(t *testing.T, input string) {
		b := multiline{target: "#c"}
		var want strings.Builder
		var refusal *Error
		for i, l := range strings.Split(input, "\n") {
			command, target, text, concat := "PRIVMSG", "#c", l, false
			if l != "" {
				text = l[1:]
				switch l[0] {
				case '+':
					concat = true
				case '!':
					text = wire.CTCPAction + " " + text + wire.CTCPMark
				case 'n':
					command = "NOTICE"
				case '#':
					target = "#d"
				}
			}
			if refusal = b.add(command, target, text, concat); refusal != nil {
				break
			}
			if i > 0 && !concat {
				want.WriteByte('\n')
			}
			if action, ok := wire.Action(text); ok {
				text = action
			}
			want.WriteString(text)
		}
		if b.text.Len() > maxMultilineBytes || refusal == nil && b.lines > maxMultilineLines {
			t.Fatalf("%d bytes in %d lines are held", b.text.Len(), b.lines)
		}
		if refusal != nil {
			if !strings.HasPrefix(refusal.Code, multilineInvalid[:9]) || refusal.Text == "" || refusal.Numeric != "" {
				t.Fatalf("refused with %#v", refusal)
			}
			return
		}
		out, refusal := b.message()
		if blank := wire.Lines(out.Text) == nil; blank != (refusal != nil) {
			t.Fatalf("%q: blank %v, refused with %v", out.Text, blank, refusal)
		}
		if out.Text != wire.CleanText(want.String()) || strings.ContainsAny(out.Text, "\r\x00\x01") {
			t.Errorf("%q becomes %q", input, out.Text)
		}
	})
}

// A batch may be slow, but not for ever.
func TestMultilineTimes(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#dev", "batch", "draft/multiline")
		c.Send("BATCH +1 draft/multiline #dev")
		began := time.Now()
		for {
			c.Send("@batch=1 PRIVMSG #dev :x")
			time.Sleep(50 * time.Second)
			if lines := c.Sync(); len(lines) > 0 {
				if len(lines) != 1 || !strings.HasPrefix(lines[0], ":irc.test FAIL BATCH TIMEOUT 1 :") {
					t.Errorf("got %q", lines)
				}
				break
			}
		}
		if d := time.Since(began); d < multilineTime || d > multilineTime+time.Minute {
			t.Errorf("given up after %v", d)
		}
		if chat.count() != 0 {
			t.Errorf("%d messages are stored", chat.count())
		}
	})
}

// A long message is let through at once where as many single ones would be held
// back. What only claims to be in a batch is held back or comes to nothing.
func TestMultilinePace(t *testing.T) {
	paste := func(t *testing.T, opening string, stored int, caps ...string) time.Duration {
		var took time.Duration
		ircdtest.Bubble(t, func(t *testing.T) {
			chat := newFakeChat()
			s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond, o.Limits.Burst = 10, 50 })
			c := s.inChannel("alice", "#dev", caps...)
			time.Sleep(time.Minute)
			began := time.Now()
			c.Send(opening)
			for range 400 {
				c.Send("@batch=1 PRIVMSG #dev :x")
			}
			c.Send("BATCH -1")
			c.Sync()
			took = time.Since(began)
			if n := chat.count(); n != stored {
				t.Errorf("%d messages were stored, not %d", n, stored)
			}
		})
		return took
	}
	if d := paste(t, "BATCH +1 draft/multiline #dev", 1, "batch", "draft/multiline"); d > time.Second {
		t.Errorf("400 lines of a batch take %v", d)
	}
	paste(t, "PING :x", 0, "batch", "draft/multiline")
	if d := paste(t, "PING :x", 400, "batch", "message-tags"); d < 30*time.Second {
		t.Errorf("400 lines of no batch take %v", d)
	}
}

// A message of which one line was too long is refused as a whole.
func TestMultilineTooLong(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#dev", "batch", "draft/multiline", "labeled-response")
		c.Sync()
		c.Send("@label=L BATCH +1 draft/multiline #dev", "@batch=1 PRIVMSG #dev :do not",
			"@batch=1 PRIVMSG #dev :"+strings.Repeat("x", wire.MaxInputBody), "@batch=1 PRIVMSG #dev :delete it", "BATCH -1")
		expectAll(t, synced(c), []string{
			":irc.test 417 alice :The line was too long and was ignored: send at most 8192 bytes, and 4094 bytes of tags",
			"@label=L :irc.test FAIL BATCH MULTILINE_INVALID :Not sent: one of its lines was too long",
		})
		// One of another batch, or of none, takes nothing along.
		c.Send("BATCH +2 draft/multiline #dev", "@batch=2 PRIVMSG #dev :one", "@batch=1 PRIVMSG #dev :"+strings.Repeat("x", wire.MaxInputBody),
			"PRIVMSG #dev :"+strings.Repeat("x", wire.MaxInputBody), "BATCH -2")
		c.Sync()
		if got := chat.texts(); got != "one" {
			t.Errorf("stored %q", got)
		}
	})
}

// A line that was let through as a part of a message is none by itself, though the
// capability is given up meanwhile.
func TestMultilinePaceGivenUp(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := slowChat(5 * time.Second)
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#dev", "batch", "draft/multiline")
		c.Sync()
		c.Send("WHOIS nobody", "CAP REQ -draft/multiline", "@batch=1 PRIVMSG #dev :x", "@batch=1 PRIVMSG #dev :y")
		c.Expect("* ACK :-draft/multiline")
		c.ExpectNext("* NOTICE alice :BATCH: Not sent: no batch of that name is open")
		if got := c.Sync(); len(got) > 0 || chat.count() != 0 {
			t.Errorf("got %q, %d messages are stored", got, chat.count())
		}
	})
}

func TestIsBatchLine(t *testing.T) {
	for text, want := range map[string]bool{
		"@batch=1 PRIVMSG #c :x":         true,
		"@a=b;batch=1 :src  notice #c :": true,
		"@batch PRIVMSG #c :x":           true,
		"@batch=1 WHO *":                 false,
		"@batchx=1 PRIVMSG #c :x":        false,
		"PRIVMSG #c :@batch=1":           false,
		"@batch=1":                       false,
		"":                               false,
	} {
		if got := isBatchLine(text); got != want {
			t.Errorf("isBatchLine(%q) = %v", text, got)
		}
	}
}

// A text that is too long for one line is a batch for its author as well, and
// the label is told once whatever the number of targets.
func TestLongLineEcho(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#dev", "batch", "draft/multiline", "echo-message", "labeled-response", "message-tags")
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		text := strings.TrimSpace(strings.Repeat("wörter ", 1000))
		for _, targets := range []string{"#dev", "#dev,#messages"} {
			c.Send("@label=L PRIVMSG " + targets + " :" + text)
			var open []string // the batches that are open, innermost last
			labels, said := 0, strings.Builder{}
			for _, l := range c.Sync() {
				tags, body := "", l
				if strings.HasPrefix(l, "@") {
					tags, body, _ = strings.Cut(l[1:], " ")
				}
				labels += strings.Count(tags, "label=L")
				f := strings.SplitN(body, " ", 4)
				if f[1] == "BATCH" && f[2][0] == '-' {
					if n := len(open) - 1; open[n] != f[2][1:] {
						t.Fatalf("%q closes %q", f[2], open)
					} else {
						open = open[:n]
					}
				}
				in := ""
				if len(open) > 0 {
					in = "batch=" + open[len(open)-1]
				}
				if !strings.Contains(";"+tags+";", ";"+in+";") && in != "" || in == "" && strings.Contains(tags, "batch=") {
					t.Fatalf("in %q: %q", in, l)
				}
				switch {
				case f[1] == "BATCH" && f[2][0] == '+':
					open = append(open, f[2][1:])
				case f[1] == "PRIVMSG":
					said.WriteString(f[3][1:])
				}
			}
			n := strings.Count(targets, "#")
			if labels != 1 || len(open) > 0 || said.String() != strings.Repeat(text, n) {
				t.Errorf("%s: %d labels, open %q, %d bytes of %d", targets, labels, open, said.Len(), n*len(text))
			}
		}
		if chat.texts() != text+"|"+text+"|"+text {
			t.Error("the text is not stored as it was sent")
		}
	})
}

// The refusal of the backend answers the line that opened the batch.
func TestMultilineRefused(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.send = func(_ *fakeSession, m Outgoing) (*Message, error) {
			if m.Text != "a\n\nb" || m.Kind != Privmsg {
				return nil, fmt.Errorf("got %v", m)
			}
			return nil, &Error{Numeric: "404", Params: []string{"#dev"}, Text: "too long for the field"}
		}
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#dev", "batch", "draft/multiline", "labeled-response")
		c.Send("@label=L BATCH +1 draft/multiline #dev", "@batch=1 PRIVMSG #dev :a", "@batch=1 PRIVMSG #dev", "@batch=1 PRIVMSG #dev :b", "@label=M BATCH -1")
		c.ExpectNext("@label=M :irc.test ACK")
		c.ExpectNext("@label=L :irc.test 404 alice #dev :too long for the field")
	})
}

// The news that the recipient is away is a part of the answer, beside the echo that
// is a batch by itself.
func TestMultilineToAway(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.features.Private = true
		chat.send = func(s *fakeSession, out Outgoing) (*Message, error) {
			return &Message{ID: "m1", From: s.user, To: testUser(out.Target), Text: out.Text}, nil
		}
		s := newTestServer(t, chat, nil)
		b := s.user("bob")
		b.Send("AWAY :lunch")
		b.Expect("* 306 *")
		a := s.user("alice", "batch", "draft/multiline", "echo-message", "labeled-response")
		a.Send("@label=L BATCH +1 draft/multiline bob", "@batch=1 PRIVMSG bob :one", "@batch=1 PRIVMSG bob :two", "BATCH -1")
		a.ExpectNext("@label=L :irc.test BATCH +1 labeled-response")
		a.ExpectNext("@batch=1 :alice!u@directus BATCH +m-* draft/multiline bob")
		a.ExpectNext("@batch=m-* :alice!u@directus PRIVMSG bob :one")
		a.ExpectNext("@batch=m-* :alice!u@directus PRIVMSG bob :two")
		a.ExpectNext("@batch=1 :alice!u@directus BATCH -m-*")
		a.ExpectNext("@batch=1 :irc.test 301 alice bob :lunch")
		a.ExpectNext(":irc.test BATCH -1")
	})
}

// The capability is nothing without the batches that it depends on.
func TestMultilineWithoutBatch(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#dev", "draft/multiline", "message-tags")
		chat.say(testUser("bob"), "#dev", "one\n\ntwo")
		c.ExpectNext("@msgid=m1 :bob!u@directus PRIVMSG #dev :one")
		c.ExpectNext(":bob!u@directus PRIVMSG #dev :two")
	})
}

// A line of 8192 bytes is stored whole, and one byte more is refused, not cut.
func TestLongestLine(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c, old := s.inChannel("alice", "#dev"), s.inChannel("bob", "#dev")
		c.Sync()
		const head = "PRIVMSG #dev :"
		text := strings.Repeat("abcdefg ", 1+wire.MaxInputBody/8)[:wire.MaxInputBody-len(head)]
		c.Send(head+text+"x", head+text)
		c.ExpectNext(":irc.test 417 alice :*")
		c.Refute("*")
		if chat.texts() != text {
			t.Errorf("%d bytes are stored of %d", len(chat.texts()), len(text))
		}
		var said []string
		for _, l := range old.Sync() {
			_, part, _ := strings.Cut(l, head)
			said = append(said, part)
		}
		if strings.Join(said, " ") != strings.TrimSpace(text) {
			t.Errorf("%d lines show something else", len(said))
		}
	})
}
