package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// stopWorld is a daemon on a fake Directus, all of it in a bubble but for what it listens on.
type stopWorld struct {
	t    *testing.T
	fake *directustest.Fake
	ln   *ircdtest.Listener
}

const stopPeople = 20 // more than are logged out at a time

// login logs people in, half of them by a password.
func (w *stopWorld) login() []*ircdtest.Client {
	var all []*ircdtest.Client
	for i := range stopPeople {
		c := w.ln.Dial(w.t)
		c.LoginPass("x", secretOf(i))
		all = append(all, c)
	}
	return all
}

func secretOf(i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("token-%d", i)
	}
	return fmt.Sprintf("p%d@example.com:secret", i)
}

// arrive has people connect who are not waited for.
func (w *stopWorld) arrive() {
	for i := range stopPeople {
		c := w.ln.Dial(w.t)
		c.Send("PASS "+secretOf(i), "NICK x", "USER x")
	}
}

// mute is a connection of somebody who sends and does not read.
func (w *stopWorld) mute(i int, lines string) net.Conn {
	here, there := net.Pipe()
	w.ln.Connect(there)
	w.t.Cleanup(func() { here.Close() })
	if _, err := io.WriteString(here, "PASS "+secretOf(i)+"\r\nNICK x\r\nUSER x\r\n"+lines); err != nil {
		w.t.Error(err)
	}
	return here
}

// freeze makes Directus accept everything and answer nothing.
func (w *stopWorld) freeze() {
	w.fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict { return directustest.RESTVerdict{Hang: true} })
	w.fake.OnFrame(func(directustest.FakeFrame) directustest.FrameVerdict { return directustest.FrameVerdict{Skip: true} })
}

// hang leaves some of the requests without an answer.
func (w *stopWorld) hang(request string) {
	w.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
		return directustest.RESTVerdict{Hang: r.Method+" "+r.Path == request}
	})
}

// stopStates are what may go on when the signal comes.
var stopStates = map[string]func(*stopWorld){
	"nobody is there": func(*stopWorld) {},
	"people are idle": func(w *stopWorld) { w.login() },
	"Directus has not answered yet": func(w *stopWorld) {
		w.freeze()
		w.arrive()
	},
	"Directus is not there": func(w *stopWorld) {
		w.fake.Down()
		w.arrive()
	},
	"logins are under way": func(w *stopWorld) {
		w.hang("POST /auth/login")
		w.arrive()
	},
	"logins are half done": func(w *stopWorld) {
		w.hang("GET /users/me")
		w.arrive()
	},
	"a page is under way": func(w *stopWorld) {
		people := w.login()
		w.hang("SEARCH /items/messages")
		for _, c := range people {
			c.Send("CHATHISTORY LATEST #messages * 100", "JOIN #other")
		}
	},
	"Directus froze": func(w *stopWorld) {
		w.login()
		w.freeze()
	},
	"Directus froze and broke": func(w *stopWorld) {
		w.login()
		w.freeze()
		w.fake.Cut()
	},
	"links come back": func(w *stopWorld) {
		w.login()
		w.hang("GET /websocket")
		w.fake.Cut()
	},
	"Directus froze under commands": func(w *stopWorld) {
		people := w.login()
		w.freeze()
		for i, c := range people {
			c.Send([]string{
				"PRIVMSG #messages :hello", "JOIN #other", "WHOIS somebody", "CHATHISTORY LATEST #messages * 100",
			}[i%4], "PRIVMSG #messages :again")
		}
	},
	"people do not read": func(w *stopWorld) {
		for i := range stopPeople {
			w.mute(i, strings.Repeat("HELP\r\n", 50))
		}
	},
	"people send on": func(w *stopWorld) {
		for _, c := range w.login()[:3] {
			c.Send(slices.Repeat([]string{"PRIVMSG #messages :one more"}, 60)...)
		}
	},
}

// Whatever goes on, a signal ends the daemon within 5 s.
func TestStopInEachState(t *testing.T) {
	for name, arrange := range stopStates {
		for _, after := range []time.Duration{0, 4 * time.Second, 50 * time.Second} {
			t.Run(fmt.Sprint(name, after), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { testStop(t, arrange, after) })
			})
		}
	}
}

// A daemon that finds out what became of messages, and perhaps has to renew sessions for that, ends in time as well: also
// where that has begun before the signal came.
func TestStopWhileMessagesAreInDoubt(t *testing.T) {
	for _, test := range []struct{ begin, frozen, waited time.Duration }{ // access tokens live for a minute
		{0, 3, 10}, {0, 15, 10}, {50, 9, 2}, {50, 9, 3}, {50, 9, 10}, {58, 1, 2}, {58, 1, 5}, {58, 1, 7},
	} {
		t.Run(fmt.Sprint(int(test.begin), int(test.frozen), int(test.waited)), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				testStop(t, func(w *stopWorld) {
					people := w.login()
					time.Sleep(test.begin * time.Second)
					w.freeze()
					time.Sleep(test.frozen * time.Second)
					for _, c := range people {
						c.Send("PRIVMSG #messages :hello")
					}
				}, test.waited*time.Second)
			})
		})
	}
}

func testStop(t *testing.T, arrange func(*stopWorld), after time.Duration) {
	w := &stopWorld{t: t, fake: directustest.NewFake(t, directustest.FakeOptions{AccessTTL: time.Minute}), ln: ircdtest.NewListener()}
	w.fake.AddCollection("other", directustest.FakeCollection{Fields: []string{"text"}})
	for i := range stopPeople {
		w.fake.AddUser(directustest.FakeUser{
			Email: fmt.Sprintf("p%d@example.com", i), Password: "secret", Token: fmt.Sprintf("token-%d", i), FirstName: fmt.Sprintf("P%d", i),
		})
	}
	cfg, err := config.Load(writeConfig(t, `
directus: {url: "http://directus.test"}
server: {name: irc.example.com}
resume: {max_age: 0, directory: `+t.TempDir()+`}
channels: [{name: "#messages", collection: messages}, {name: "#other", collection: other, auto_join: false}]
`))
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDaemon(cfg, serveOptions{Log: zerolog.Nop(), NetDial: w.fake.Dial})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	d.group, d.ctx = errgroup.WithContext(ctx)
	for _, f := range []func(context.Context){d.monitor.run, d.pulse.run, d.announceStop} {
		d.run(func() error { f(d.ctx); return nil })
	}
	d.run(func() error { return d.server.Serve(d.ctx, w.ln, ircd.ListenOptions{}) })
	arrange(w)
	time.Sleep(after)
	start := time.Now()
	cancel(errShuttingDown)
	if err := d.end(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
