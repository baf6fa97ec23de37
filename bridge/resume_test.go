package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// remembering is a chat whose devices resume.
type remembering struct {
	*chat
	opts bridge.Options
	dir  string
	most int // messages of a channel
}

// newRemembering runs inside of a bubble.
func newRemembering(t *testing.T, change func(*bridge.Options), channels ...collection.Config) *remembering {
	return newRememberingAt(t, directustest.FakeOptions{}, change, channels...)
}

func newRememberingAt(t *testing.T, at directustest.FakeOptions, change func(*bridge.Options), channels ...collection.Config) *remembering {
	r := &remembering{dir: t.TempDir(), most: 20}
	r.chat = newChatAt(t, at, func(o *bridge.Options) {
		if change != nil {
			change(o)
		}
		r.opts = *o
	}, channels...)
	r.fake.AddCollection("private_messages", directustest.FakeCollection{
		Fields: []string{"text", "recipient", "nonce"}, Unique: []string{"nonce"},
		Relations: map[string]string{"recipient": "directus_users"},
	})
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

// start begins a daemon on the same Directus and the same folder.
func (r *remembering) start() {
	r.t.Helper()
	state, err := bridge.OpenState(r.dir, r.opts.Logger)
	if err != nil {
		r.t.Fatal(err)
	}
	opts := r.opts
	opts.State, opts.DigestRounds, opts.Resume = state, 1, &bridge.Resume{MaxAge: 2 * time.Hour, MaxMessages: r.most}
	if r.backend, err = bridge.New(opts); err != nil {
		r.t.Fatal(err)
	}
}

func (r *remembering) stop() {
	if r.backend != nil {
		if err := r.backend.Close(context.Background()); err != nil {
			r.t.Error(err)
		}
	}
	r.backend = nil
}

func (r *remembering) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

// insert stores a message of bob's.
func (r *remembering) insert(text string) string {
	return r.fake.Insert("messages", r.person("bob"), map[string]any{"text": text})
}

// device is visit for a device that has a name, and one channel; the news hold the
// backlog.
func (r *remembering) device(name, device string) (*visitor, []string) {
	r.t.Helper()
	v := &visitor{t: r.t, id: r.person(name)}
	var err error
	v.session, err = full(r.backend.Login(r.t.Context(), ircd.Credentials{Account: name + "@example.com/" + device, Secret: name}))
	if err != nil {
		r.t.Fatal(err)
	}
	lines := r.enter(v)
	return v, append(lines, v.texts()...)
}

// enter joins #messages and returns the backlog.
func (r *remembering) enter(v *visitor) (lines []string) {
	r.t.Helper()
	answer, err := v.session.Join(r.t.Context(), "#messages", ircd.JoinOptions{Backlog: true, Bot: v.session.Bot()})
	if err != nil {
		r.t.Fatal(err)
	}
	if answer.Notice != "" {
		lines = append(lines, "NOTICE "+answer.Notice)
	}
	for _, ev := range append([]ircd.Event{&ircd.Backlog{Messages: answer.Backlog}}, rest(r.t, answer.More)...) {
		for _, m := range ev.(*ircd.Backlog).Messages {
			lines = append(lines, m.Text)
		}
	}
	return lines
}

// events are the news, when nothing goes on any more.
func (v *visitor) events() []ircd.Event {
	v.t.Helper()
	synctest.Wait()
	events, err := v.poll()
	if err != nil {
		v.t.Fatal(err)
	}
	return events
}

// texts are the news as far as they are messages.
func (v *visitor) texts() []string {
	v.t.Helper()
	events := v.events()
	lines := []string{}
	for _, ev := range events {
		if r, is := ev.(*ircd.Rest); is {
			events = append(events, rest(v.t, r.More)...)
		}
	}
	for _, ev := range events {
		switch ev := ev.(type) {
		case *ircd.Message:
			lines = append(lines, ev.Text)
		case *ircd.Backlog:
			for _, m := range ev.Messages {
				lines = append(lines, m.Text)
			}
		case *ircd.ServiceNotice:
			if strings.Contains(ev.Text, "CHATHISTORY") {
				lines = append(lines, "NOTICE "+ev.Text)
			}
		}
	}
	return lines
}

// receive proves that all has arrived.
func (v *visitor) receive() {
	if v.session.AskReceipt() {
		v.session.Received()
	}
}

func (v *visitor) leave() {
	v.t.Helper()
	if err := v.session.Close(context.Background()); err != nil {
		v.t.Fatal(err)
	}
}

// A device is shown what it has missed and nothing twice, whether the daemon was
// restarted meanwhile or not. What it has not acknowledged comes again.
func TestResume(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		r.insert("old")
		v, lines := r.device("ada", "laptop")
		same(t, lines, "old") // the backlog of a new device
		v.receive()
		r.insert("one")
		same(t, v.texts(), "one")
		v.receive()
		r.insert("two")
		same(t, v.texts(), "two") // and it is lost on the way
		v.leave()
		r.insert("three")

		v, lines = r.device("ada", "laptop")
		same(t, lines, "two", "three")
		v.receive()
		v.leave()
		r.restart()
		v, lines = r.device("ada", "laptop")
		same(t, lines)
		r.insert("four")
		same(t, v.texts(), "four")
		v.leave()
		r.restart()
		for range 2 { // none is ever acknowledged
			v, lines = r.device("ada", "laptop")
			same(t, lines, "four")
			v.leave()
		}
		if n := r.backend.Stats().Resumed; n != 2 {
			t.Errorf("resumed %d times", n)
		}
	})
}

// A device that comes while the first words are said goes on behind them: the collection was empty when it was read, and
// is not read again for minutes.
func TestResumeFromTheFirstWords(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		r.visit("ada", "#messages")
		r.insert("one")
		v, lines := r.device("ada", "laptop")
		same(t, lines, "one")
		v.receive()
		r.insert("two")
		same(t, v.texts(), "two")
		v.receive()
		v.leave()
		r.insert("three")
		_, lines = r.device("ada", "laptop")
		same(t, lines, "three")
	})
}

// Each device has missed something else, and a client without one is shown the
// backlog as ever.
func TestResumeByDevice(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		laptop, _ := r.device("ada", "laptop")
		laptop.receive()
		laptop.leave()
		r.insert("one")
		phone, lines := r.device("ada", "phone")
		same(t, lines, "one")
		phone.receive()
		phone.leave()
		r.insert("two")
		_, lines = r.device("ada", "phone")
		same(t, lines, "two")
		_, lines = r.device("ada", "laptop")
		same(t, lines, "one", "two")
		_, lines = r.device("eve", "laptop")
		same(t, lines, "one", "two")
		for range 2 {
			v := r.visit("ada", "#messages")
			if got := said(v.backlog); len(got) != 2 || v.session.AskReceipt() {
				t.Errorf("without a device: %q", got)
			}
		}
	})
}

// What a device has sent it has; what was sent from elsewhere it is shown.
func TestResumeOwnMessages(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		v, _ := r.device("ada", "laptop")
		v.receive()
		v.send("#messages", "shown by the client itself")
		if v.session.AskReceipt() {
			t.Error("the client is asked for what it has shown by itself")
		}
		if _, err := v.session.Send(t.Context(), ircd.Outgoing{Target: "#messages", Text: "echoed", Echo: true}); err != nil {
			t.Fatal(err)
		}
		same(t, v.texts())
		v.leave()
		r.visit("ada", "#messages").send("#messages", "from elsewhere")
		v, lines := r.device("ada", "laptop")
		same(t, lines, "echoed", "from elsewhere")
		v.receive()
		v.leave()
		_, lines = r.device("ada", "laptop")
		same(t, lines)
	})
}

// Leaving a channel and entering it again is nothing to forget for.
func TestResumeAfterPart(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		r.insert("old")
		v, _ := r.device("ada", "laptop")
		r.insert("one")
		same(t, v.texts(), "one")
		for _, want := range [][]string{{}, {"two"}, {}} {
			if err := v.session.Part(t.Context(), "#messages"); err != nil {
				t.Fatal(err)
			}
			if len(want) > 0 {
				r.insert(want[0])
			}
			answer, err := v.session.Join(t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
			if err != nil {
				t.Fatal(err)
			}
			lines := v.texts()
			for _, m := range answer.Backlog {
				lines = append(lines, m.Text)
			}
			same(t, lines, want...)
		}
	})
}

// Rows become visible later than the date they carry, or without an event at all:
// what was shown after them does not pass them.
func TestResumeOutOfOrder(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		// Keys that do not count: a missing one is found a second later at the soonest.
		r.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, UUIDKey: true})
		v, _ := r.device("ada", "laptop")
		r.insert("one")
		same(t, v.texts(), "one")
		r.fake.LoseEvents(true)
		r.insert("lost")
		r.fake.LoseEvents(false)
		time.Sleep(10 * time.Millisecond)
		r.insert("two")
		same(t, v.texts(), "two")
		v.receive()
		v.leave()
		r.fake.Insert("messages", r.person("bob"), map[string]any{"text": "late", "date_created": time.Now().Add(-30 * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")})
		r.restart()
		v, lines := r.device("ada", "laptop")
		same(t, lines, "late", "lost")
		v.receive()
		v.leave()
		_, lines = r.device("ada", "laptop")
		same(t, lines)
	})
}

// Of more than max_messages the latest are shown, and the rest is named.
func TestResumeMuch(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		r.insert("old")
		v, _ := r.device("ada", "laptop")
		v.receive()
		v.leave()
		for i := range 20 {
			r.insert(fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		v, lines := r.device("ada", "laptop")
		same(t, lines, numbered("%d", 20)...)
		v.leave()
		r.insert("20")
		v, lines = r.device("ada", "laptop")
		same(t, lines, append([]string{"NOTICE You have missed more than 20 messages since 2000-01-01 00:00 UTC: *CHATHISTORY AFTER #messages timestamp=2000-01-01T00:00:00.000Z 500"}, numbered("%d", 21)[1:]...)...)
		v.receive()
		v.leave()
		_, lines = r.device("ada", "laptop")
		same(t, lines)
	})
}

// More than a position tells apart is still shown once.
func TestResumeBusy(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		v, _ := r.device("ada", "laptop")
		for i := range 1200 {
			r.insert(fmt.Sprint(i))
			time.Sleep(time.Millisecond)
			if i%100 == 0 {
				v.texts()
			}
			if i%500 == 0 {
				v.receive()
			}
		}
		v.texts()
		v.receive()
		v.leave()
		r.insert("next")
		r.restart()
		_, lines := r.device("ada", "laptop")
		same(t, lines, "next")
	})
}
