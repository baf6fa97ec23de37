package ircd

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// capLists returns the lists of the lines that a client got, and whether each
// said that more would come.
func capLists(t *testing.T, sub string, lines []string) (lists []string, more []bool) {
	t.Helper()
	for _, l := range lines {
		head, list, _ := strings.Cut(l, " :")
		f := strings.Fields(head)
		if len(l) > wire.MaxBody || len(f) < 4 || f[1] != "CAP" || f[3] != sub {
			t.Fatalf("got %q of %d bytes", l, len(l))
		}
		lists, more = append(lists, list), append(more, len(f) == 5 && f[4] == "*")
	}
	return lists, more
}

// everything are the names of all capabilities that connections may have.
func everything() (names []string) {
	for _, k := range capabilities {
		if k.spare == 0 && !k.valued {
			names = append(names, k.name)
		}
	}
	return names
}

// TestCapLSFits: with a server name of 20 bytes all there is stands on one line.
// With longer ones it takes more lines, the last one with sasl, but not for clients
// that know no such answers.
func TestCapLSFits(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		for _, size := range []int{8, 20, maxServerName} {
			chat := newFakeChat()
			chat.features = Features{Private: true, Replies: true, Reactions: true}
			s := newTestServer(t, chat, func(o *Options) { o.Name = strings.Repeat("s", size) })
			c := s.client()
			c.Send("CAP LS 302")
			lists, more := capLists(t, "LS", c.Sync())
			got := strings.Fields(strings.Join(lists, " "))
			for i, word := range got {
				got[i], _, _ = strings.Cut(word, "=")
			}
			for _, name := range everything() {
				if n := len(got); !slices.Contains(got, name) {
					t.Errorf("%d bytes of name: %s is not among the %d", size, name, n)
				}
			}
			if size <= 20 && len(lists) > 1 {
				t.Errorf("%d bytes of name: %d lines", size, len(lists))
			}
			if !strings.Contains(lists[len(lists)-1], "sasl=PLAIN") || slices.Index(more, false) != len(more)-1 {
				t.Errorf("%d bytes of name: %q, more to come: %v", size, lists, more)
			}
			c = s.client()
			c.Send("NICK "+strings.Repeat("n", wire.NickLen), "CAP LS")
			lists, more = capLists(t, "LS", c.Sync())
			if len(lists) != 1 || more[0] || !strings.Contains(lists[0], " sasl ") || strings.Contains(lists[0], "=") {
				t.Errorf("%d bytes of name: old clients get %q", size, lists)
			}
			s.stop(context.Canceled)
		}
	})
}

// TestCapContinuation: what one line cannot hold takes several, and nothing is
// lost or cut.
func TestCapContinuation(t *testing.T) {
	c := labelConn(t)
	all := words("vendor.example/capability-", 60)
	all[3] = "sasl=PLAIN"
	c.capWords("LS", all, true)
	lists, more := capLists(t, "LS", c.taken())
	want := append(slices.Delete(slices.Clone(all), 3, 4), "sasl=PLAIN")
	expectAll(t, strings.Fields(strings.Join(lists, " ")), want)
	if len(lists) != 4 || slices.Index(more, false) != 3 {
		t.Errorf("%d lines, more to come: %v", len(lists), more)
	}
}

// TestSetLogins: every connection that asked to be told learns when it can log in
// and when not, whatever it has done so far, and none is left over at the end.
func TestSetLogins(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		fresh, old := s.client(), s.client()
		fresh.Send("CAP LS 302")
		fresh.Expect("* CAP * LS :* sasl=PLAIN *")
		old.Send("CAP LS", "CAP REQ sasl")
		old.Expect("* ACK :sasl")
		modern, plain, asked := s.user("alice"), s.client(), s.client()
		plain.LoginPass("bob", "bob@example.com:pw-bob")
		asked.Send("CAP REQ cap-notify")
		asked.Expect("* ACK :*")

		s.SetLogins(false)
		s.SetLogins(false)
		fresh.ExpectNext(":irc.test CAP * DEL :sasl")
		modern.ExpectNext(":irc.test CAP alice DEL :sasl")
		asked.ExpectNext(":irc.test CAP * DEL :sasl")
		modern.Send("CAP LIST")
		modern.ExpectNext(":irc.test CAP alice LIST :cap-notify")
		old.Refute("*")
		plain.Refute("*")
		old.Send("CAP LS")
		if l := old.Expect("* CAP * LS :*"); strings.Contains(l, "sasl") {
			t.Errorf("got %q", l)
		}
		fresh.Send("CAP REQ sasl", "CAP LS 302", "CAP REQ -sasl")
		fresh.ExpectNext(":irc.test CAP * NAK :sasl")
		if l := fresh.Expect("* CAP * LS :*"); strings.Contains(l, "sasl") {
			t.Errorf("got %q", l)
		}
		fresh.ExpectNext(":irc.test CAP * ACK :-sasl")
		late := s.client()
		late.Send("CAP LS 302")
		late.Expect("* CAP * LS :*")

		s.SetLogins(true)
		for _, c := range []*ircdtest.Client{fresh, late} {
			c.ExpectNext(":irc.test CAP * NEW :sasl=PLAIN")
			c.Refute("*")
		}
		modern.ExpectNext(":irc.test CAP alice NEW :sasl=PLAIN")
		asked.ExpectNext(":irc.test CAP * NEW :sasl")
		for _, c := range []*ircdtest.Client{fresh, old, modern, plain, asked, late} {
			c.Close()
		}
		synctest.Wait()
		time.Sleep(5 * time.Second)
		s.logins.mu.Lock()
		defer s.logins.mu.Unlock()
		if n := len(s.logins.bells); n > 0 {
			t.Errorf("%d bells are left", n)
		}
	})
}

// TestNoLogins: nobody is told to give a password while there is no use in one,
// but one that is given is tried.
func TestNoLogins(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		s.SetLogins(false)
		for _, lines := range [][]string{
			{"NICK alice", "USER alice 0 * :x"},
			{"CAP LS 302", "CAP REQ standard-replies", "NICK alice", "USER alice 0 * :x", "CAP END"},
		} {
			c := s.client()
			c.Send(lines...)
			c.Expect(":irc.test NOTICE alice :" + busyText)
			c.ExpectNext("ERROR :Closing link: " + busyText)
			c.Closed()
		}
		c := s.client()
		c.Send("CAP LS 302", "NICK alice", "USER alice 0 * :x")
		c.Expect("* LS :*")
		s.SetLogins(true)
		c.Expect("* NEW :sasl=PLAIN")
		s.SetLogins(false)
		c.Expect("* DEL :sasl")
		c.Send("AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain("alice@example.com", "pw-alice"))
		c.Expect("* 903 *")
		c.Send("CAP END")
		c.Welcome()
	})
}

// TestSTS: the listener says which policy there is. It cannot be requested, and
// only clients that understand values see it.
func TestSTS(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, newFakeChat(), nil)
		ln := ircdtest.NewListener()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- s.Serve(ctx, ln, ListenOptions{STS: func(string) string { return "port=6697" }}) }()
		c := ln.Dial(t)
		c.Send("CAP LS 302", "CAP REQ sts", "CAP LS", "CAP REQ soju.im/account-required")
		c.ExpectNext(":irc.test CAP * LS :* sts=port=6697 *")
		c.ExpectNext(":irc.test CAP * NAK :sts")
		if l := c.Expect(":irc.test CAP * LS :*"); strings.Contains(l, "sts") {
			t.Errorf("got %q", l)
		}
		c.ExpectNext(":irc.test CAP * NAK :soju.im/account-required")
		other := s.client()
		other.Send("CAP LS 302")
		if l := other.Expect(":irc.test CAP * LS :*"); strings.Contains(l, "sts") {
			t.Errorf("another listener says %q", l)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
