package ircd

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
)

// words returns n different words that begin with prefix.
func words(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%03d", prefix, i)
	}
	return list
}

// TestCapREQOfEverything: an answer that one line cannot hold takes several, and
// no name in it is cut.
func TestCapREQOfEverything(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.client()
		for _, tc := range []struct {
			sub  string
			list []string
			set  string
		}{
			{"NAK", append([]string{"server-time"}, words("vendor.example/capability-", 100)...), ""},
			{"ACK", strings.Fields(strings.Repeat("server-time batch -batch ", 100)), "server-time"},
		} {
			c.Send("CAP REQ :" + strings.Join(tc.list, " "))
			var got []string
			for _, l := range c.Sync() {
				part, ok := strings.CutPrefix(l, ":irc.test CAP * "+tc.sub+" :")
				if !ok || len(l) > wire.MaxBody {
					t.Errorf("got %q of %d bytes", l, len(l))
				}
				got = append(got, strings.Fields(part)...)
			}
			if strings.Join(got, " ") != strings.Join(tc.list, " ") {
				t.Errorf("the answer holds %q", got)
			}
			c.Send("CAP LIST")
			c.Expect(":irc.test CAP * LIST :" + tc.set)
		}
	})
}

// TestLongLists: no answer is cut within a name, and none is asked for twice.
func TestLongLists(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		nicks := words("somebody-with-a-long-name-", 60)
		channels := words("#a-channel-with-a-long-name-", 60)
		for _, name := range channels {
			chat.topics[name] = ""
		}
		s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond = 0 })
		c := s.user("alice")
		for _, nick := range nicks {
			chat.accounts["token"] = testUser(nick)
			s.client().LoginPass(nick, "token")
			delete(chat.accounts, "token")
			chat.offline[nick] = testUser(nick)
		}
		c.Send("JOIN " + strings.Join(append(words("#no-such-channel-", 100), channels...), ","))
		if n := len(c.Sync()); n != 100+3*len(channels) {
			t.Errorf("%d lines for a JOIN of 160 channels", n)
		}
		collect := func(head string) (list []string) {
			t.Helper()
			for _, l := range c.Sync() {
				part, ok := strings.CutPrefix(l, head)
				if len(l) > wire.MaxBody {
					t.Errorf("a line of %d bytes: %q", len(l), l)
				}
				if ok {
					list = append(list, strings.Fields(part)...)
				}
			}
			return list
		}
		c.Send("ISON " + strings.Join(append(nicks, nicks...), " "))
		expectAll(t, collect(":irc.test 303 alice :"), nicks)
		c.Send("WHOIS alice")
		expectAll(t, collect(":irc.test 319 alice alice :"), channels)
		c.Send("NAMES " + strings.Repeat(channels[0]+",", 200))
		expectAll(t, collect(":irc.test 353 alice = "+channels[0]+" :"), []string{"alice"})
		c.Send("WHO " + strings.Repeat(channels[0]+",", 200))
		if got := c.Sync(); len(got) != 2 {
			t.Errorf("%d lines for WHO", len(got))
		}
		c.Send("MODE " + strings.Join(channels, ","))
		if got := collect(":irc.test 324 alice "); len(got) != 2*len(channels) {
			t.Errorf("got %q", got)
		}
		c.Send("JOIN 0")
		if got := c.Sync(); len(got) != len(channels) {
			t.Errorf("%d lines for JOIN 0", len(got))
		}
	})
}

// TestLongEcho: a reply that repeats what was sent keeps room for its text.
func TestLongEcho(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.user("alice")
		long := strings.Repeat("x", 4000)
		for send, want := range map[string]string{
			"JOIN #" + long:                   "403 alice #xx*xx :No such channel",
			"PRIVMSG " + long + " :hi":        "401 alice xx*xx :No such nick or channel",
			"WHO " + long:                     "315 alice xx*xx :End of /WHO list",
			"CAP " + strings.ToUpper(long):    "410 alice XX*XX :Unknown CAP subcommand",
			"PING :" + long:                   "PONG irc.test :xx*xx",
			"MODE #" + long + " +b " + long:   "403 alice #xx*xx :No such channel",
			"USERHOST " + long + " " + long:   "302 alice :",
			"TOPIC #messages :" + long:        "442 alice #messages :*",
			"KICK #messages " + long:          "442 alice #messages :*",
			"NICK " + long:                    "484 alice :*",
			"ISON " + long:                    "303 alice :",
			"LINKS " + long:                   "365 alice xx*xx :End of /LINKS list",
			"MOTD " + long:                    "402 alice xx*xx :No such server",
			"WHO " + long + " %tcn," + long:   "315 alice xx*xx :*",
			"NAMES #" + long + ",#y" + "\x07": "366 alice #xx*xx :*",
		} {
			c.Send(send)
			l := c.ExpectNext(":irc.test " + want)
			if len(l) > wire.MaxBody {
				t.Errorf("a line of %d bytes", len(l))
			}
			c.Sync()
		}
	})
}

// TestStrangeNames: what a backend calls people and channels never breaks a line.
func TestStrangeNames(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		evil := testUser("alice")
		evil.Realname = "Alice\r\nQUIT :x\x00\x1b[2J \u202eB"
		evil.Account = "id 1\r\n;x=y:"
		chat.accounts["token"] = evil
		chat.topics["#messages"] = "first\r\n:bob!u@h PRIVMSG #messages :forged\n\x1b]0;x\x07" + strings.Repeat("é", 600)
		s := newTestServer(t, chat, nil)
		watcher := s.inChannel("bob", "#messages", "extended-join", "account-tag", "message-tags")
		c := s.client()
		c.LoginPass("x", "token")
		c.Send("JOIN #messages", "WHOIS alice", "WHO alice", "WHO alice %ar", "TOPIC #messages", "PRIVMSG #messages :hi")
		c.Expect(":irc.test 332 alice #messages :first :bob!u@h PRIVMSG #messages :forged ]0;xéé*")
		c.Expect(":irc.test 311 alice alice u directus * :Alice QUIT :x[2J B")
		c.Expect(":irc.test 330 alice alice id_1;x=y: :is logged in as")
		c.Expect(":irc.test 352 * :0 Alice QUIT :x[2J B")
		c.Expect(":irc.test 354 alice id_1;x=y: :Alice QUIT :x[2J B")
		c.Sync()
		watcher.ExpectNext(":alice!u@directus JOIN #messages id_1;x=y: :Alice QUIT :x[2J B")
		watcher.ExpectNext(`@msgid=m1;account=id\s1\r\n\:x=y: :alice!u@directus PRIVMSG #messages :hi`)
		watcher.Sync()
	})
}

// TestAskedNickOfOthers: a client that asks for somebody's nick, or the
// service's, is itself shown its own at once, and others never see the asked one.
func TestAskedNickOfOthers(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.autoJoin = []string{"#messages"}
		s := newTestServer(t, chat, nil)
		bob := s.user("bob")
		bob.Expect("* 366 *")
		for _, asked := range []string{"bob", "BOB", "directus", "NickServ", "unknown"} {
			c := s.client()
			c.Send("PASS alice@example.com:pw-alice", "NICK "+asked, "USER x")
			c.Expect(":irc.test 422 " + asked + " :*")
			c.ExpectNext(":" + asked + "!u@directus NICK :alice")
			c.ExpectNext(":irc.test 221 alice +i")
			c.ExpectNext(":alice!u@directus JOIN :#messages")
			c.Send("PRIVMSG #messages :hi", "WHOIS bob")
			c.Expect(":irc.test 330 alice bob acc-bob :*")
			expectAll(t, synced(bob), []string{":alice!u@directus JOIN :#messages", ":alice!u@directus PRIVMSG #messages :hi"})
			c.Send("QUIT")
			c.Closed()
			expectAll(t, synced(bob), []string{":alice!u@directus QUIT :Quit"})
		}
	})
}

// TestLongNick: a nick is never cut to one that may log somebody else in.
func TestLongNick(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		for nick, want := range map[string]string{
			strings.Repeat("a", maxAsked):                        strings.Repeat("a", maxAsked),
			strings.Repeat("a", maxAsked) + "b":                  "",
			strings.Repeat("a", maxAsked-1) + "\u00fc":           "",
			strings.Repeat("a", maxAsked-2) + "\u00fc":           strings.Repeat("a", maxAsked-2) + "\u00fc",
			strings.Repeat("a", wire.NickLen) + "." + "\u00fc\r": strings.Repeat("a", wire.NickLen) + "." + "\u00fc",
		} {
			c := s.client()
			c.Send("PASS x", "NICK "+nick, "USER x")
			c.Closed()
			asked := chat.asked()
			if got := asked[len(asked)-1].Nick; got != want {
				t.Errorf("the nick %q was asked as %q", nick, got)
			}
		}
	})
}

// TestOTPGuessing: starting the login again gives no more codes and no more time.
func TestOTPGuessing(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := otpChat()
		s := newTestServer(t, chat, nil)
		c := s.client()
		c.Send("CAP LS")
		for range 5 {
			c.Send("AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain("a", "b"), "OTP 1", "OTP 2")
		}
		lines := c.Closed()
		if last := lines[len(lines)-1]; last != "ERROR :Closing link: Too many wrong one-time codes" {
			t.Errorf("got %q at the end", last)
		}
		codes := 0
		for _, cred := range chat.asked() {
			if cred.OTP != "" {
				codes++
			}
		}
		if codes != maxOTPTries {
			t.Errorf("%d codes were tried", codes)
		}

		before := len(chat.asked())
		c = s.client()
		for range 20 {
			c.Send("CAP LS", "AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain("a", "b"))
			time.Sleep(13 * time.Second)
		}
		c.Closed()
		if n := len(chat.asked()) - before; n > 10 {
			t.Errorf("stayed for %d logins", n)
		}
	})
}

// TestReasonsAreShort: what a client says at the end is kept within limits.
func TestReasonsAreShort(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		bob, c := s.inChannel("bob", "#messages"), s.inChannel("alice", "#messages")
		synced(bob)
		reason := strings.Repeat("é", maxReason/2)
		c.Send("PART #messages :"+reason+"éé", "JOIN #messages", "QUIT :"+reason+"éé")
		c.Closed()
		expectAll(t, synced(bob), []string{
			":alice!u@directus PART #messages :" + reason, ":alice!u@directus JOIN :#messages", ":alice!u@directus QUIT :Quit: " + reason,
		})
	})
}

// TestSecretsLikeChannels: the log names channels, which a password may look like.
func TestSecretsLikeChannels(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := otpChat()
		var log bytes.Buffer
		s := newTestServer(t, chat, func(o *Options) { o.Logger = zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.TraceLevel) })
		c := s.client()
		c.Send("PASS #SECRET", "AUTHENTICATE #SECRET", "NICK #SECRET", "NICK alice", "USER #SECRET", "OTP #SECRET", "OTP 123456")
		c.Welcome()
		c.Send("JOIN #messages", "AWAY :#SECRET", "PASS #SECRET", "PRIVMSG #messages :#SECRET", "OPER #SECRET x", "PING #SECRET", "QUIT #SECRET")
		c.Closed()
		synctest.Wait()
		if got := log.String(); strings.Contains(got, "SECRET") || !strings.Contains(got, `"cmd":"PRIVMSG","params":2,"channel":"#messages"`) {
			t.Errorf("the log tells too much or too little:\n%s", got)
		}
	})
}

// TestNoIRC: what is another protocol by its first bytes is ended at once, and
// nothing behind them is handled: a web page can make a browser send both.
func TestNoIRC(t *testing.T) {
	login := "\r\nPASS alice@example.com:pw-alice\r\nNICK alice\r\nUSER x\r\n"
	for first, want := range map[string]string{
		"GET / HTTP/1.1":                                "HTTP/1.1 400 Bad Request",
		"GET /":                                         "HTTP/1.1 400 Bad Request",
		"POST / HTTP/1.1":                               "HTTP/1.1 400 Bad Request",
		"HEAD / HTTP/1.1":                               "HTTP/1.1 400 Bad Request",
		"PUT /x HTTP/1.1":                               "HTTP/1.1 400 Bad Request",
		"OPTIONS * HTTP/1.1":                            "HTTP/1.1 400 Bad Request",
		"CONNECT irc.test:6667 HTTP/1.1":                "HTTP/1.1 400 Bad Request",
		"PRI * HTTP/2.0":                                "HTTP/1.1 400 Bad Request",
		"\r\n\xef\xbb\xbfREPORT /x HTTP/1.1":            "HTTP/1.1 400 Bad Request",
		"POST /" + strings.Repeat("x", 9000):            "ERROR :Closing link: the first line is too long for a client",
		"@" + strings.Repeat("x", 9000):                 "ERROR :Closing link: the first line is too long for a client",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03":  "ERROR :Closing link: this port takes no TLS: connect without, or to the port for TLS",
		"SSH-2.0-OpenSSH_9.2p1":                         ":irc.test 421 * * :That is not an IRC command",
		"EHLO mail.example.com":                         ":irc.test 421 * EHLO :Unknown command",
		"\x03\x00\x00\x13\x0e\xe0\x00\x00 rdp":          ":irc.test 421 * * :That is not an IRC command",
		"\xef\xbb\xbfPING :x":                           ":irc.test PONG irc.test :x",
		"GET":                                           ":irc.test 421 * GET :Unknown command",
		"PASS alice@example.com:pw-alice":               ":irc.test 001 alice :Welcome to TestNet, alice",
		"CONNECT irc.example.com 6667 irc2.example.com": ":irc.test 451 * :You have not logged in yet",
	} {
		ircdtest.Bubble(t, func(t *testing.T) {
			chat := newFakeChat()
			s := newTestServer(t, chat, nil)
			c := s.client()
			start := time.Now()
			c.SendRaw(first + login)
			c.ExpectNext(want)
			refused := !strings.HasPrefix(want, ":")
			if refused {
				c.Closed()
				if took := time.Since(start); took > lingerTimeout {
					t.Errorf("%.20q: closed after %v", first, took)
				}
			} else {
				c.Sync()
			}
			if n := len(chat.asked()); refused != (n == 0) {
				t.Errorf("%.20q: %d logins", first, n)
			}
		})
	}
}

// TestHostileReactions: the text of a reaction is a tag, which no other line's
// gate has passed.
func TestHostileReactions(t *testing.T) {
	for text, want := range map[string]string{
		"👍":                        "👍",
		"\u202e\x1b[2J👍\u2066":     "[2J👍",
		"a\r\nQUIT :x":             `a\sQUIT\s:x`,
		"\x02b\x0304,1c\x01":       "bc",
		"\u202e\u2069":             "",
		"\x00\x07":                 "",
		strings.Repeat("👍", 100):   strings.Repeat("👍", maxReaction/4),
		";label=x :bob!u@h QUIT":   `\:label=x\s:bob!u@h\sQUIT`,
		"\u200b":                   "\u200b",
		strings.Repeat("\n", 1000): "",
	} {
		got := ""
		for _, l := range renderReaction(&Reaction{ID: "r", From: testUser("bob"), Target: "#messages", MsgID: "m", Text: text}, form{caps: capMessageTags}) {
			got = string(wire.Append(nil, &l))
		}
		if want != "" {
			want = "@msgid=r;+reply=m;+draft/reply=m;+draft/react=" + want + " :bob!u@directus TAGMSG #messages\r\n"
		}
		if got != want {
			t.Errorf("%.20q: got %q, want %q", text, got, want)
		}
	}
}
