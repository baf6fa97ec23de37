package ircd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/transport"
)

// slowChat is a chat that takes its time for every message and lookup, but gives
// up when it is told to.
func slowChat(pause time.Duration) *fakeChat {
	chat := newFakeChat()
	chat.send = func(f *fakeSession, out Outgoing) (*Message, error) {
		if err := chat.slow(f.ctx, pause); err != nil {
			// Finding out what became of it.
			time.Sleep(3 * time.Second)
			return nil, &Error{Numeric: "404", Params: []string{out.Target}, Text: "perhaps sent", Err: err}
		}
		m := &Message{From: f.user, Target: out.Target, Text: out.Text}
		chat.deliver(f, m)
		return m, nil
	}
	chat.lookup = func(ctx context.Context, _ string) error { return chat.slow(ctx, pause) }
	return chat
}

// slow takes its time, or ends when ctx does.
func (f *fakeChat) slow(ctx context.Context, pause time.Duration) error {
	f.asks.Add(1)
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// matchAll compares lines with patterns, one by one.
func matchAll(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i, pattern := range want {
		if !ircdtest.Match(pattern, got[i]) {
			t.Errorf("got %q, want %q", got[i], pattern)
		}
	}
}

// TestPatience: each command has its own time, and what there was no time for is refused
// without being asked. All is answered in its turn.
func TestPatience(t *testing.T) {
	for _, tc := range []struct {
		name   string
		pause  time.Duration
		lines  []string
		asks   int64    // how often the backend is asked
		stored int      // messages
		want   []string // the answers, in order; "*" as ever
	}{
		{
			"a quick one", time.Second, []string{"PRIVMSG #messages,#dev :x", "PRIVMSG #dev :y"}, 3, 3, nil,
		},
		{
			"one that never answers", time.Hour, []string{"PRIVMSG #messages,#dev :x"}, 1, 0,
			[]string{"* 404 alice #messages :perhaps sent", "* 404 alice #dev :Not sent: *"},
		},
		{
			"four targets", 5 * time.Second, []string{"PRIVMSG #messages,#dev,#a,#b :x"}, 2, 2,
			[]string{"* 404 alice #a :Not sent: *", "* 404 alice #b :Not sent: *"},
		},
		{
			"several messages", 5 * time.Second, []string{"PRIVMSG #messages :x", "PRIVMSG #messages :y", "NOTICE #dev :z", "PRIVMSG #dev :z"}, 4, 4, nil,
		},
		{
			"WHOIS of four", time.Hour, []string{"WHOIS a,b,c,d"}, 1, 0,
			[]string{"* 401 alice a :" + tooLate, "* 318 alice a :*", "* 401 alice b :" + tooLate, "* 318 alice b :*", "* 401 alice c :*", "* 318 *", "* 401 alice d :*", "* 318 *"},
		},
		{
			"a message behind WHOIS", 4 * time.Second, []string{"WHOIS a,b", "PRIVMSG #dev :x"}, 3, 1,
			[]string{"* 401 alice a :*", "* 318 *", "* 401 alice b :*", "* 318 *"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				chat := slowChat(tc.pause)
				chat.topics["#a"], chat.topics["#b"] = "", ""
				s := newTestServer(t, chat, nil)
				c := s.user("alice")
				c.Send("JOIN #messages,#dev,#a,#b")
				c.Sync()
				c.Send(tc.lines...)
				matchAll(t, c.Sync(), tc.want)
				if n := chat.asks.Load(); n != tc.asks || chat.count() != tc.stored {
					t.Errorf("asked %d times, %d stored", n, chat.count())
				}
				chat.send, chat.lookup = nil, nil
				c.Send("PRIVMSG #dev :later", "WHOIS bob")
				c.ExpectNext("* 311 alice bob *")
			})
		})
	}
}

// TestPatienceMonitor: finding out who came does not hold up a PING, and is tried again.
func TestPatienceMonitor(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := slowChat(time.Hour)
		var quick atomic.Bool
		chat.lookup = func(ctx context.Context, _ string) error {
			if quick.Load() {
				return nil
			}
			return chat.slow(ctx, time.Hour)
		}
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages")
		c.Send("MONITOR + bob")
		c.Expect("* 731 alice :bob")
		start := time.Now()
		c.Send("PRIVMSG #messages :x", "PING x")
		time.Sleep(time.Second / 2)
		s.user("bob")
		c.Expect("* PONG irc.test :x")
		if d := time.Since(start); d != pingPatience {
			t.Errorf("the PONG came after %v", d)
		}
		quick.Store(true)
		c.Expect("* 730 alice :bob!u@directus")
	})
}

// TestPatiencePoll: nor does news that has to be fetched keep a PING waiting, a
// backlog for one that could not be had at once.
func TestPatiencePoll(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.poll = func(ctx context.Context) { _ = chat.slow(ctx, time.Hour) }
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages")
		chat.push(&ServiceNotice{Target: "#messages", Text: "news"}, nil)
		synctest.Wait()
		start := time.Now()
		c.Send("PRIVMSG #messages :x", "PING x")
		c.ExpectNext("* PONG irc.test :x")
		if d := time.Since(start); d != pingPatience {
			t.Errorf("the PONG came after %v", d)
		}
		c.ExpectNext("* NOTICE #messages :news")
	})
}

// TestPatienceWithPaste: each line has its own time, so a paste to a backend that is slow but
// works is stored whole.
func TestPatienceWithPaste(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := slowChat(5 * time.Second)
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages")
		for i := range 20 {
			c.Send(fmt.Sprintf("PRIVMSG #messages :line %d", i))
		}
		time.Sleep(101 * time.Second)
		c.Refute("* 404 *")
		if n := chat.count(); n != 20 {
			t.Errorf("%d stored", n)
		}
	})
}

// TestPatienceJoin: a channel that there was no time for is refused in a way that
// irssi tries again after, and the connection goes on.
func TestPatienceJoin(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.join = func(ctx context.Context, _ string) error { return chat.slow(ctx, time.Hour) }
		s := newTestServer(t, chat, nil)
		chat.autoJoin = []string{"#messages", "#dev"}
		start := time.Now()
		c := s.user("alice")
		c.ExpectNext("* 437 alice #messages :" + tooLate)
		c.ExpectNext("* 437 alice #dev :" + tooLate)
		if d := time.Since(start); d > 15*time.Second {
			t.Errorf("the welcome took %v", d)
		}
		if n := chat.asks.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		chat.join = nil
		c.Send("JOIN #dev")
		c.ExpectNext("* JOIN :#dev")
	})
}

// A slow start costs none of the channels that nobody asks for again.
func TestPatienceAutoJoin(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.join = func(ctx context.Context, _ string) error { return chat.slow(ctx, 8*time.Second) }
		s := newTestServer(t, chat, nil)
		chat.autoJoin = []string{"#messages", "#dev"}
		c := s.user("alice")
		c.Expect("* JOIN :#messages", "* JOIN #messages*")
		c.Expect("* JOIN :#dev", "* JOIN #dev*")
	})
}

// TestLateTruth: a message that turns out to be stored when its time is over is
// shown as stored.
func TestLateTruth(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.send = func(f *fakeSession, out Outgoing) (*Message, error) {
			<-f.ctx.Done()
			time.Sleep(2 * time.Second)
			m := &Message{From: f.user, Target: out.Target, Text: out.Text}
			chat.deliver(f, m)
			return m, nil
		}
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages", "echo-message")
		c.Send("PRIVMSG #messages :late")
		expectAll(t, c.Sync(), []string{":alice!u@directus PRIVMSG #messages :late"})
	})
}

// TestReadAhead: no more than a little is read ahead, and every line is handled.
func TestReadAhead(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := slowChat(time.Minute)
		first := chat.send
		chat.send = func(f *fakeSession, out Outgoing) (*Message, error) {
			if chat.asks.Load() == 0 {
				return first(f, out)
			}
			m := &Message{From: f.user, Target: out.Target, Text: out.Text}
			chat.deliver(f, m)
			return m, nil
		}
		s := newTestServer(t, chat, func(o *Options) { o.Limits.LinesPerSecond = 0 })
		c := s.inChannel("alice", "#messages")
		before := s.Stats().LinesIn
		for range 40 {
			c.Send("PRIVMSG #messages :" + strings.Repeat("x", 4000))
		}
		time.Sleep(time.Second)
		if n := s.Stats().LinesIn - before; n > maxAhead/4000+2 {
			t.Errorf("%d long lines were read ahead", n)
		}
		c.Expect("* 404 alice #messages :perhaps sent")
		c.Sync()
		if n := chat.count(); n != 39 {
			t.Errorf("%d of 39 were stored", n)
		}
	})
}

// TestFlushOutlastsCommand: a command whose time is over still waits for a client
// that reads slowly, and loses nothing that was said.
func TestFlushOutlastsCommand(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := &conn{writer: &writer{out: transport.NewPrompt(nil, 0)}, out: newSendQueue(10, &buffers{}, func() {})}
		ctx, cancel := withPatience(t.Context())
		defer cancel()
		time.Sleep(commandTime + time.Second)
		if !c.out.tryPut([]byte("123456789\n")) || ctx.Err() == nil || ended(ctx) != nil {
			t.Fatal("the command is not over")
		}
		reader := time.AfterFunc(5*time.Second, func() { c.out.take(nil) })
		defer reader.Stop()
		c.out1 = []byte("said\n")
		if err := c.flush(ctx); err != nil {
			t.Fatal(err)
		}
		if got, _ := c.out.take(nil); string(got) != "said\n" {
			t.Errorf("%q is written", got)
		}
	})
}

// TestPatienceIsAContext: the context of a command is like any other, whether somebody
// waits for it or only asks, and what is made of it ends with it.
func TestPatienceIsAContext(t *testing.T) {
	for _, waits := range []bool{false, true} {
		for name, end := range map[string]struct {
			how  func(outer, own context.CancelFunc)
			want error
		}{
			"by time":            {func(_, _ context.CancelFunc) { time.Sleep(commandTime) }, context.DeadlineExceeded},
			"when it is over":    {func(_, own context.CancelFunc) { own() }, context.Canceled},
			"by the one outside": {func(outer, _ context.CancelFunc) { outer() }, context.Canceled},
		} {
			t.Run(fmt.Sprintf("%s, waited for: %v", name, waits), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					outer, cancelOuter := context.WithCancel(context.WithValue(t.Context(), t, "found"))
					defer cancelOuter()
					ctx, cancel := withPatience(outer)
					defer cancel()
					inner := ctx
					if waits {
						var stop context.CancelFunc
						inner, stop = context.WithTimeout(ctx, time.Hour)
						defer stop()
					}
					if err := cmp.Or(ctx.Err(), inner.Err()); err != nil {
						t.Error(err)
					}
					if d, _ := inner.Deadline(); !d.Equal(time.Now().Add(commandTime)) {
						t.Errorf("it ends at %v", d)
					}
					if inner.Value(t) != "found" || Lasting(inner) != outer {
						t.Error("its values are not to be found")
					}
					end.how(cancelOuter, cancel)
					synctest.Wait()
					if !errors.Is(ctx.Err(), end.want) || !errors.Is(inner.Err(), end.want) {
						t.Errorf("ended by %v, %v", ctx.Err(), inner.Err())
					}
					<-ctx.Done()
					<-inner.Done()
				})
			})
		}
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ctx, end := withPatience(short)
	defer end()
	if d, _ := ctx.Deadline(); time.Until(d) > time.Second {
		t.Error("it goes on for longer than the one outside")
	}
}
