package bridge_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// trap is a log that panics at a message while it is armed: a way into whatever
// logs it.
type trap struct {
	message string
	armed   atomic.Bool

	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (p *trap) Run(_ *zerolog.Event, _ zerolog.Level, message string) {
	if message == p.message && p.armed.CompareAndSwap(true, false) {
		panic("a secret text")
	}
}

func (p *trap) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(line)
}

func (p *trap) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func trapped(t *testing.T, message string, own bool) (*chat, *trap) {
	fake := directustest.NewFake(t, directustest.FakeOptions{})
	p := &trap{message: message}
	log := zerolog.New(p).Hook(p)
	client := directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: log})
	t.Cleanup(client.Close)
	backend, err := bridge.New(bridge.Options{
		Client: client, Channels: []collection.Config{messages("messages")}, NickFields: []string{"first_name"}, OwnFeeds: own, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close(context.Background()) })
	return &chat{t, fake, client, backend, map[string]string{}}, p
}

func (p *trap) check(t *testing.T) {
	t.Helper()
	if p.armed.Load() {
		t.Error("nothing has panicked")
	}
	if text := p.String(); !strings.Contains(text, "panic_test.go") || strings.Contains(text, "secret") {
		t.Errorf("the log: %s", text)
	}
}

// A panic of what runs for a user, or for all who share a feed, ends the sessions of
// these alone, with its stack in the log, and they may come back.
func TestPanicEndsMembers(t *testing.T) {
	database := func(c *chat) { c.fake.Database(false) }
	for name, test := range map[string]struct {
		message string
		own     bool
		hit     func(*chat)
		ended   int
	}{
		"own feed":    {"catch up", true, database, 1},
		"shared feed": {"catch up", false, database, 2},
		"link":        {"realtime link up", false, func(c *chat) { c.fake.CutUser(c.person("Ada")) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				chat, p := trapped(t, test.message, test.own)
				ada, bob := chat.visit("Ada", "#messages"), chat.visit("Bob", "#messages")
				p.armed.Store(true)
				test.hit(chat)
				ended, again := 0, []*visitor(nil)
				for minute := range 20 {
					time.Sleep(time.Minute)
					synctest.Wait()
					for _, v := range []*visitor{ada, bob} {
						if slices.Contains(again, v) {
							continue
						}
						if _, err := v.session.Poll(t.Context()); errors.Is(err, ircd.ErrPanic) {
							ended++
							if err := v.session.Close(t.Context()); err != nil {
								t.Log(err)
							}
							again = append(again, v)
						} else if err != nil {
							t.Error(err)
						}
					}
					if minute == 10 {
						chat.fake.Database(true)
					}
				}
				for _, v := range again {
					*v = *chat.visitAt(v)
				}
				p.check(t)
				if ended != test.ended {
					t.Errorf("%d sessions were ended", ended)
				}
				chat.fake.Insert("messages", chat.person("Kim"), map[string]any{"text": "on we go"})
				for _, v := range []*visitor{ada, bob} {
					same(t, v.later(time.Second), "Kim says in #messages: on we go")
				}
			})
		})
	}
}

// visitAt logs the user of a visitor in again.
func (c *chat) visitAt(v *visitor) *visitor {
	for name, id := range c.people {
		if id == v.id {
			return c.visit(name, "#messages")
		}
	}
	return nil
}

// A panic of what serves a link ends that link; the next one makes up for it.
func TestPanicEndsOneLink(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat, p := trapped(t, "frame of an unknown type", false)
		ada := chat.visit("Ada", "#messages")
		p.armed.Store(true)
		chat.fake.Send(chat.person("Ada"), map[string]any{"type": "strange"})
		synctest.Wait()
		chat.fake.Insert("messages", chat.person("Bob"), map[string]any{"text": "still there"})
		same(t, ada.later(time.Minute), "Bob says in #messages: still there")
		p.check(t)
	})
}
