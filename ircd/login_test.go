package ircd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

func TestLoginRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		err   error
		pass  []string // the lines after a refused PASS
		sasl  string   // the line after a refused SASL
		after []string // the lines after the CAP END that follows
	}{
		{
			"rejected", &LoginError{Reason: Rejected, Text: "wrong password"},
			[]string{":irc.test 464 alice :wrong password", "ERROR :Closing link: wrong password"},
			":irc.test 904 alice :wrong password",
			[]string{":irc.test 464 alice :wrong password", "ERROR :Closing link: wrong password"},
		},
		{
			"rejected with a hint", &LoginError{Reason: Rejected, Text: "wrong password", Hint: "Log in otherwise"},
			[]string{
				":irc.test 464 alice :wrong password. Log in otherwise", ":irc.test NOTICE alice :Log in otherwise",
				"ERROR :Closing link: wrong password. Log in otherwise",
			},
			":irc.test 904 alice :wrong password. Log in otherwise",
			[]string{
				":irc.test 464 alice :wrong password. Log in otherwise", ":irc.test NOTICE alice :Log in otherwise",
				"ERROR :Closing link: wrong password. Log in otherwise",
			},
		},
		{
			"unavailable", &LoginError{Reason: Unavailable, Text: "temporarily unavailable"},
			[]string{":irc.test NOTICE alice :temporarily unavailable", "ERROR :Closing link: temporarily unavailable"},
			":irc.test 904 alice :temporarily unavailable",
			[]string{":irc.test NOTICE alice :temporarily unavailable", "ERROR :Closing link: temporarily unavailable"},
		},
		{
			"limited", &LoginError{Reason: Limited, Text: "too many attempts"},
			[]string{":irc.test NOTICE alice :too many attempts", "ERROR :Closing link: too many attempts"},
			":irc.test 904 alice :too many attempts",
			[]string{":irc.test NOTICE alice :too many attempts", "ERROR :Closing link: too many attempts"},
		},
		{
			"internal", errors.New("secret detail"),
			[]string{":irc.test NOTICE alice :" + busyText, "ERROR :Closing link: " + busyText},
			":irc.test 904 alice :" + busyText,
			[]string{":irc.test NOTICE alice :" + busyText, "ERROR :Closing link: " + busyText},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				chat := newFakeChat()
				chat.login = func(context.Context, Credentials) (Session, error) { return nil, tc.err }
				s := newTestServer(t, chat, nil)

				c := s.client()
				c.Send("PASS x", "NICK alice", "USER alice 0 * :x")
				expectAll(t, c.Closed(), tc.pass)

				c = s.client()
				c.Send("CAP LS 302", "NICK alice", "USER alice 0 * :x")
				c.Expect("* CAP * LS *")
				c.Send("AUTHENTICATE PLAIN")
				c.ExpectNext("AUTHENTICATE +")
				c.Send("AUTHENTICATE " + ircdtest.Plain("alice@example.com", "x"))
				c.ExpectNext(tc.sasl)
				c.Send("CAP END")
				expectAll(t, c.Closed(), tc.after)
				if n := len(chat.asked()); n != 2 {
					t.Errorf("asked the backend %d times for two logins", n)
				}
			})
		})
	}
}

func expectAll(t *testing.T, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestLoginHangs: SASL is answered before clients give up (WeeChat after 15 s).
func TestLoginHangs(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.login = func(ctx context.Context, _ Credentials) (Session, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		s := newTestServer(t, chat, nil)
		c := s.client()
		start := time.Now()
		c.Send("CAP LS", "NICK alice", "USER x", "AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain("a", "b"))
		c.Expect(":irc.test 904 alice :" + busyText)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("answered after %v", d)
		}
		c.Send("PASS x", "CAP END")
		c.ExpectNext(":irc.test NOTICE alice :" + busyText)
		if d := time.Since(start); d != 59*time.Second {
			t.Errorf("PASS was answered after %v in all", d)
		}
		c.Closed()
	})
}

// TestPassAfterSASL: a client that gave both logs in with what works.
func TestPassAfterSASL(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.client()
		c.Send("CAP LS 302", "PASS :alice@example.com:pw-alice", "NICK alice", "USER alice 0 * :x", "AUTHENTICATE PLAIN")
		c.Expect("AUTHENTICATE +")
		c.Send("AUTHENTICATE "+ircdtest.Plain("alice@example.com", "wrong"), "CAP END")
		c.ExpectNext("* 904 *")
		if nick := c.Welcome(); nick != "alice" {
			t.Errorf("got nick %q", nick)
		}
	})
}

// TestCredentials: what the backend is asked.
func TestCredentials(t *testing.T) {
	for _, tc := range []struct {
		name, line string
		want       Credentials
	}{
		{"plain", "PASS alice@example.com:pw", Credentials{Secret: "alice@example.com:pw"}},
		{"colon", "PASS :alice@example.com:pw", Credentials{Secret: "alice@example.com:pw"}},
		{"two colons", "PASS ::pw", Credentials{Secret: ":pw"}},
		{"spaces without colon", "PASS a b  c ", Credentials{Secret: "a b  c "}},
		{"latin", "PASS Gr\xfc\xdfe", Credentials{Secret: "Grüße"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				chat := newFakeChat()
				s := newTestServer(t, chat, nil)
				c := s.client()
				c.Send(tc.line, "NICK a.b", "USER x 0 * :x")
				c.Closed()
				tc.want.Nick = "a.b"
				if got := chat.asked(); len(got) != 1 || got[0] != tc.want {
					t.Errorf("got %+v, want %+v", got, tc.want)
				}
			})
		})
	}
}

// otpChat has one account, which needs the code 123456.
func otpChat() *fakeChat {
	chat := newFakeChat()
	chat.login = func(_ context.Context, cred Credentials) (Session, error) {
		if cred.OTP != "123456" {
			return nil, &LoginError{Reason: OTPRequired, Text: "code required"}
		}
		return chat.open(testUser("alice")), nil
	}
	return chat
}

func TestOTPAfterPass(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, otpChat(), func(o *Options) { o.Limits.RegistrationTimeout = 10 * time.Second })
		c := s.client()
		c.Send("PASS x", "NICK alice", "USER alice 0 * :x")
		c.ExpectNext(":irc.test NOTICE alice :*/quote OTP 123456*")
		time.Sleep(50 * time.Second) // longer than the timeout of registration
		c.Send("OTP 111111")
		c.ExpectNext(":irc.test NOTICE alice :*not accepted. Send*")
		c.Send("OTP 123456")
		c.ExpectNext(":irc.test 001 alice :*")
	})
}

func TestOTPAfterSASL(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, otpChat(), nil)
		c := s.client()
		c.Send("CAP LS 302", "NICK alice", "USER alice 0 * :x", "AUTHENTICATE PLAIN")
		c.Expect("AUTHENTICATE +")
		// The client does not wait for 903, and goes on.
		c.Send("AUTHENTICATE "+ircdtest.Plain("a", "b"), "CAP END")
		c.ExpectNext(":irc.test NOTICE alice :*/quote OTP 123456*")
		c.Refute("* 9?? *", "* 001 *", "* 464 *")
		c.Send("OTP 123456")
		c.ExpectNext(":irc.test 900 *")
		c.ExpectNext(":irc.test 903 *")
		c.ExpectNext(":irc.test 001 alice :*")
	})
}

func TestOTPTooOften(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, otpChat(), nil)
		c := s.client()
		c.Send("PASS x", "NICK alice", "USER alice 0 * :x", "OTP 1", "OTP 2", "OTP 3")
		c.ExpectNext("* NOTICE alice :*")
		c.ExpectNext("* NOTICE alice :*")
		c.ExpectNext("* NOTICE alice :*")
		c.ExpectNext(":irc.test 464 alice :Too many wrong one-time codes")
		c.ExpectNext("ERROR *")
		c.Closed()
	})
}

func TestOTPAborted(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, otpChat(), nil)
		c := s.client()
		c.Send("CAP LS", "NICK alice", "USER alice 0 * :x", "OTP 1", "AUTHENTICATE PLAIN")
		c.Expect(":irc.test 451 alice :*")
		c.ExpectNext("AUTHENTICATE +")
		c.Send("AUTHENTICATE "+ircdtest.Plain("a", "b"), "CAP END", "AUTHENTICATE *")
		c.ExpectNext("* NOTICE alice :*")
		c.ExpectNext(":irc.test 906 alice :*")
		c.ExpectNext(":irc.test 464 alice :No password given: *")
		c.Closed()
	})
}

// TestOTPUnjudged: a code that could not be checked may be sent again.
func TestOTPUnjudged(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := otpChat()
		byCode := chat.login
		chat.login = func(ctx context.Context, cred Credentials) (Session, error) {
			if cred.OTP == "000000" {
				return nil, &LoginError{Reason: Unavailable, Text: "later"}
			}
			return byCode(ctx, cred)
		}
		s := newTestServer(t, chat, nil)
		c := s.client()
		c.Send("PASS x", "NICK alice", "USER alice 0 * :x", "OTP 000000", "OTP 123456")
		c.Expect(":irc.test NOTICE alice :later")
		c.ExpectNext(":irc.test 001 alice :*")
	})
}

func TestSASLFaults(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.client()
		c.Send("CAP LS 302")
		c.Expect("* CAP * LS *")
		start := func() {
			c.Send("AUTHENTICATE plain")
			c.ExpectNext("AUTHENTICATE +")
		}
		start()
		c.Send("AUTHENTICATE !!!!")
		c.ExpectNext(":irc.test 904 * :*")
		start()
		c.Send("AUTHENTICATE +")
		c.ExpectNext(":irc.test 904 * :*")
		start()
		for range 30 {
			c.Send("AUTHENTICATE " + strings.Repeat("A", 400))
		}
		c.ExpectNext(":irc.test 904 * :*too long")
		// The chunks behind the limit belong to no exchange.
		c.Expect(":irc.test 904 * :*")
		c.Sync()
		start()
		c.Send("AUTHENTICATE " + strings.Repeat("A", 500))
		c.ExpectNext(":irc.test 905 * :*parts of 400 bytes")
		// A message of exactly 400 bytes ends with "+".
		long := ircdtest.Plain("alice@example.com", strings.Repeat("x", 300-len("alice@example.com")-2))
		if len(long) != 400 {
			t.Fatalf("the message has %d bytes", len(long))
		}
		start()
		c.Send("AUTHENTICATE " + long)
		c.Refute("* 904 *")
		c.Send("AUTHENTICATE +")
		c.ExpectNext(":irc.test 904 * :wrong e-mail or password")
		start()
		c.Send("NICK alice", "USER alice 0 * :Alice", "CAP END")
		c.ExpectNext(":irc.test 906 alice :*")
		c.ExpectNext(":irc.test 464 alice :*")
		if n := len(chat.asked()); n != 1 {
			t.Errorf("asked the backend %d times", n)
		}
	})
}

func TestSASLFailures(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.client()
		c.Send("CAP LS 302")
		for range maxSASLFailures {
			c.Send("AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain("a@b", "wrong"))
		}
		lines := c.Closed()
		if last := lines[len(lines)-1]; last != "ERROR :Closing link: too many failed logins" {
			t.Errorf("got %q at the end", last)
		}
	})
}

// TestNoNick: a login is all that is needed. Who asks for no nick is told the real one by 001.
func TestNoNick(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		for _, nick := range []string{"NICK", "NICK :", "NICK : ", "NICK :  \u00a0"} {
			c := s.client()
			c.Send("CAP LS", "AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain("alice@example.com", "pw-alice"), "USER x", nick, "CAP END")
			c.Expect(":irc.test 903 *")
			c.ExpectNext(":irc.test 001 alice :*")
			c.Refute("* NICK *")
			c.Send("QUIT")
			c.Closed()
		}
	})
}

// TestAlias: the nick asked for names oneself, unless it is somebody else's.
func TestAlias(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.client()
		c.LoginPass("nobody", "alice@example.com:pw-alice")
		c.Sync()
		c.Send("MODE nobody +i", "WHOIS nobody", "USERHOST nobody", "ISON nobody", "WHO nobody")
		c.ExpectNext(":irc.test 221 alice +i")
		c.ExpectNext(":irc.test 311 alice alice *")
		c.Expect(":irc.test 302 alice :nobody=+u@directus")
		c.ExpectNext(":irc.test 303 alice :nobody")
		c.ExpectNext(":irc.test 352 alice * alice H :*")

		d := s.client()
		d.LoginPass("bob", "alice@example.com:pw-alice")
		d.Sync()
		d.Send("MODE bob +i")
		d.ExpectNext(":irc.test 221 alice +i")
		s.user("bob")
		d.Send("MODE bob +i")
		d.ExpectNext(":irc.test 502 alice :*")
	})
}
