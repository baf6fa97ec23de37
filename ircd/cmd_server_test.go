package ircd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

func TestAdmin(t *testing.T) {
	for _, tc := range []struct {
		admin []string
		want  []string
	}{
		{nil, []string{":irc.test 423 alice irc.test :Ask whoever gave you your account"}},
		{[]string{"Berlin"}, []string{":irc.test 256 alice irc.test :Administrative info", ":irc.test 257 alice :Berlin"}},
		{
			[]string{"Berlin", "Example & Co", "chat-help", "too much"},
			[]string{
				":irc.test 256 alice irc.test :Administrative info", ":irc.test 257 alice :Berlin", ":irc.test 258 alice :Example & Co", ":irc.test 259 alice :chat-help",
			},
		},
	} {
		ircdtest.Bubble(t, func(t *testing.T) {
			s := newTestServer(t, newFakeChat(), func(o *Options) { o.Admin = tc.admin })
			c := s.user("alice")
			c.Send("ADMIN")
			expectAll(t, synced(c), tc.want)
			c.Send("ADMIN irc.elsewhere")
			c.ExpectNext(":irc.test 402 alice irc.elsewhere :No such server")
		})
	}
}

// TestHelp: every subject and every name of one has a help that fits its lines.
func TestHelp(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		c := s.user("alice")
		c.Send("HELP", "HELPOP /JOIN", "HELP nonsense")
		c.ExpectNext(":irc.test 704 alice index :What works here")
		c.Expect(":irc.test 706 alice index :End of /HELP")
		c.ExpectNext(":irc.test 704 alice join :Channels")
		c.ExpectNext(":irc.test 705 alice join :/list *")
		c.Expect(":irc.test 706 alice join :End of /HELP")
		c.ExpectNext(":irc.test 524 alice nonsense :There is no help on that: *")
		for name, subject := range helpSubjects {
			if help[subject] == nil {
				t.Errorf("HELP %s leads to %q, which is nothing", name, subject)
			}
		}
		for subject, texts := range help {
			c.Send("HELP " + subject)
			for _, text := range texts {
				c.ExpectNext(":irc.test 70* alice " + subject + " :" + text)
			}
			c.ExpectNext(":irc.test 706 *")
			if subject != helpIndex && !strings.Contains(strings.Join(help[helpIndex], " "), subject) {
				t.Errorf("the index does not name %s", subject)
			}
		}
	})
}

// TestWhoFlags: the mask is matched with what the flags name, and nobody becomes
// visible by it.
func TestWhoFlags(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		alice, bob := s.inChannel("alice", "#messages"), s.inChannel("bob", "#messages")
		s.inChannel("kevin", "#dev")
		synced(bob)
		synced(alice)
		for query, want := range map[string]string{
			"WHO *":               "alice bob",
			"WHO":                 "alice bob",
			"WHO 0":               "alice bob",
			"WHO b?b":             "bob",
			"WHO *Example":        "alice bob",
			"WHO *Example n":      "",
			"WHO *Example r":      "alice bob",
			"WHO acc-b* a":        "bob",
			"WHO acc-b*":          "",
			"WHO b*!u@directus":   "bob",
			"WHO b*!u@directus h": "",
			"WHO directus":        "alice bob",
			"WHO directus n":      "",
			"WHO bob h":           "",
			"WHO bob n%n":         "bob",
			"WHO irc.* s":         "alice bob",
			"WHO * o":             "",
			"WHO * no":            "",
			"WHO #messages n%n,1": "alice bob",
			"WHO #messages,#dev":  "alice bob",
			"WHO kevin":           "kevin",
			"WHO nobody %n":       "",
		} {
			alice.Send(query)
			var got []string
			lines := synced(alice)
			for _, l := range lines[:len(lines)-1] {
				f := strings.Fields(l)
				if f[1] == "352" {
					got = append(got, f[7])
				} else {
					got = append(got, f[3])
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s shows %q, want %q", query, got, want)
			}
		}
	})
}

// TestWhoisSecure: said only of somebody all of whose connections are.
func TestWhoisSecure(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		tls := ircdtest.NewListener()
		ctx, cancel := context.WithCancelCause(t.Context())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, tls, ListenOptions{Secure: true}) }()
		bob := s.inChannel("bob", "#messages")
		alice := tls.Dial(t)
		alice.LoginPass("alice", "alice@example.com:pw-alice")
		bob.Send("WHOIS alice")
		bob.Expect(":irc.test 671 bob alice :is using a secure connection")
		bob.Expect("* 318 *")
		plain := s.user("alice")
		bob.Send("WHOIS alice", "WHOIS bob")
		bob.Refute("* 671 *")
		plain.Close()
		synced(bob)
		alice.Send("WHOIS alice")
		alice.Expect(":irc.test 671 alice alice :is using a secure connection")
		cancel(errors.New("over"))
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// TestStrangersAreNoServers: a query about the server of somebody does not tell
// who is connected.
func TestStrangersAreNoServers(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		alice, bob := s.inChannel("alice", "#messages"), s.inChannel("bob", "#dev")
		alice.Send("TIME bob", "TIME alice")
		alice.ExpectNext(":irc.test 402 alice bob :No such server")
		alice.ExpectNext(":irc.test 391 alice irc.test :*")
		bob.Send("JOIN #messages")
		synced(bob)
		synced(alice)
		alice.Send("TIME bob")
		alice.ExpectNext(":irc.test 391 alice irc.test :*")
	})
}

// TestLusers: those who have not logged in yet are counted apart, and who has read that the
// connection ends is not counted at all, even while it is still open.
func TestLusers(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.crash = func(method, _ string) {
			if method == "Close" {
				time.Sleep(time.Second) // the backend takes its time
			}
		}
		s := newTestServer(t, chat, nil)
		first := s.inChannel("alice", "#messages")
		s.user("alice")
		s.client().Send("PING x")
		bob := s.user("bob")
		bob.Send("QUIT")
		bob.Expect("ERROR *")
		stranger := s.client()
		stranger.Send("QUIT")
		stranger.Expect("ERROR *")
		first.Send("LUSERS")
		expectAll(t, synced(first), []string{
			":irc.test 251 alice :There are 0 users and 1 invisible on 1 server",
			":irc.test 253 alice 1 :connections that have not logged in yet",
			":irc.test 254 alice 1 :channels formed",
			":irc.test 255 alice :I have 2 clients and 0 servers",
			":irc.test 265 alice 1 2 :Current local users 1, max 2",
			":irc.test 266 alice 1 2 :Current global users 1, max 2",
		})
	})
}
