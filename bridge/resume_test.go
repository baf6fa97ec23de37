package bridge_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
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
func newRemembering(t *testing.T, change func(*bridge.Options), channels ...bridge.Channel) *remembering {
	r := &remembering{dir: t.TempDir(), most: 20}
	r.chat = newChat(t, func(o *bridge.Options) {
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
	trails, err := bridge.OpenTrails(r.dir, 2*time.Hour, r.opts.Logger)
	if err != nil {
		r.t.Fatal(err)
	}
	opts := r.opts
	opts.Resume = &bridge.Resume{Trails: trails, MaxMessages: r.most}
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
	v.session, err = r.backend.Login(r.t.Context(), ircd.Credentials{Account: name + "@example.com/" + device, Secret: name})
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := v.session.Join(r.t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
	if err != nil {
		r.t.Fatal(err)
	}
	lines := []string{}
	if answer.Notice != "" {
		lines = append(lines, "NOTICE "+answer.Notice)
	}
	for _, m := range answer.Backlog {
		lines = append(lines, m.Text)
	}
	return v, append(lines, v.texts()...)
}

// texts are the news as far as they are messages.
func (v *visitor) texts() []string {
	v.t.Helper()
	synctest.Wait()
	events, err := v.session.Poll(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	lines := []string{}
	for _, ev := range events {
		switch ev := ev.(type) {
		case *ircd.Message:
			lines = append(lines, ev.Text)
		case *ircd.Backlog:
			for _, m := range ev.Messages {
				lines = append(lines, m.Text)
			}
		case *ircd.ServiceNotice:
			if strings.Contains(ev.Text, "missed") {
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
		// Keys that do not count: a missing one is found when the collection is read.
		r.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, UUIDKey: true})
		v, _ := r.device("ada", "laptop") // the collection is not read again for 150 s
		r.insert("one")
		same(t, v.texts(), "one")
		r.fake.LoseEvents(true)
		r.insert("lost")
		r.fake.LoseEvents(false)
		time.Sleep(2 * time.Minute)
		r.insert("two")
		same(t, v.texts(), "two")
		v.receive()
		v.leave()
		r.fake.Insert("messages", r.person("bob"), map[string]any{"text": "late", "date_created": time.Now().Add(-30 * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")})
		r.restart()
		v, lines := r.device("ada", "laptop")
		same(t, lines, "lost", "late")
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

// More than a trail tells apart is still shown once.
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

// A device that was away for too long is a new one; one that is here does not age.
func TestResumeAge(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		r.insert("old")
		v, _ := r.device("ada", "laptop")
		v.receive()
		time.Sleep(6 * time.Hour)
		same(t, v.texts())
		v.leave()
		time.Sleep(110 * time.Minute)
		r.insert("new")
		v, lines := r.device("ada", "laptop")
		same(t, lines, "new")
		v.receive()
		v.leave()
		time.Sleep(130 * time.Minute)
		_, lines = r.device("ada", "laptop")
		same(t, lines, "old", "new")
	})
}

// A channel without a backlog, or without any message, is resumed all the same.
func TestResumeWithoutBacklog(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		channel := messages("messages")
		channel.Backlog = 0
		r := newRemembering(t, nil, channel)
		r.insert("old")
		time.Sleep(2 * time.Minute)
		v, lines := r.device("ada", "laptop")
		same(t, lines)
		v.leave()
		time.Sleep(2 * time.Minute)
		r.insert("new")
		_, lines = r.device("ada", "laptop")
		same(t, lines, "new")
	})
}

// What is shown before what was missed does not pass it.
func TestResumeWhileDirectusFails(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		keeper := r.visit("ada", "#messages") // keeps the feed
		v, _ := r.device("ada", "laptop")
		v.receive()
		v.leave()
		r.insert("missed")
		keeper.news()
		r.fake.OnREST(func(q directustest.RESTRequest) directustest.RESTVerdict {
			if strings.HasSuffix(q.Path, "/items/messages") {
				return directustest.RESTVerdict{Status: 503}
			}
			return directustest.RESTVerdict{}
		})
		v, lines := r.device("ada", "laptop")
		same(t, lines)
		r.insert("live")
		same(t, v.texts(), "live")
		v.receive()
		v.leave()
		r.fake.OnREST(nil)
		v, lines = r.device("ada", "laptop")
		same(t, lines, "missed", "live")
		v.receive()
		v.leave()
		_, lines = r.device("ada", "laptop")
		same(t, lines)
	})
}

// Private messages are one trail.
func TestResumePrivate(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, func(o *bridge.Options) { o.Private = &privateMessages })
		enter := func() (*visitor, []string) {
			v, lines := r.device("ada", "laptop")
			if err := v.session.Start(t.Context(), ircd.JoinOptions{Backlog: true}); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				lines = append(lines, v.texts()...)
			}
			return v, lines
		}
		tell := func(text string) {
			r.fake.Insert("private_messages", r.person("bob"), map[string]any{"text": text, "recipient": r.person("ada")})
		}
		tell("old")
		v, lines := enter()
		same(t, lines, "old")
		v.receive()
		tell("live")
		same(t, v.texts(), "live")
		v.receive()
		v.leave()
		tell("missed")
		r.restart()
		v, lines = enter()
		same(t, lines, "missed")
		v.receive()
		v.leave()
		_, lines = enter()
		same(t, lines)
	})
}

// A file that cannot be read is put aside, whatever is wrong with it.
func TestDamagedTrails(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		for i := range 20 {
			r.insert(fmt.Sprint(i))
			v, _ := r.device("ada", fmt.Sprint("device", i))
			v.receive()
			v.leave()
		}
		r.stop()
		file := filepath.Join(r.dir, "resume.db")
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
			t.Errorf("the file has the mode %v, %v", info.Mode(), err)
		}
		if strings.Contains(string(whole), "@example.com") {
			t.Error("the file holds e-mail addresses")
		}
		random := rand.New(rand.NewPCG(1, 2))
		damages := map[string][]byte{"text": []byte("no database"), "short": whole[:5000], "half": whole[:len(whole)/2], "zeros": make([]byte, len(whole))}
		for i := range 8 {
			spoilt := slices.Clone(whole)
			for j := range 200 {
				spoilt[(i*1000+random.IntN(4096)+j)%len(spoilt)] = byte(random.Int())
			}
			damages[fmt.Sprint("spoilt ", i)] = spoilt
		}
		for name, damage := range damages {
			if err := os.WriteFile(file, damage, 0o600); err != nil {
				t.Fatal(err)
			}
			r.start()
			v, lines := r.device("ada", "new")
			if len(lines) == 0 {
				t.Errorf("%s: no backlog", name)
			}
			v.receive()
			v.leave()
			r.restart()
			if v, lines = r.device("ada", "new"); len(lines) != 0 {
				t.Errorf("%s: shown again: %q", name, lines)
			}
			v.leave()
			r.stop()
		}
	})
}

// Two daemons do not write one file.
func TestTrailsInUse(t *testing.T) {
	dir := t.TempDir()
	trails, err := bridge.OpenTrails(dir, time.Hour, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bridge.OpenTrails(dir, time.Hour, logger(t)); err != bridge.ErrTrailsInUse {
		t.Errorf("a second daemon: %v", err)
	}
	trails.Close()
	again, err := bridge.OpenTrails(dir, time.Hour, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// Whatever happens, a device that takes a line for received when it is asked has
// each line once.
func TestResumeExactlyOnce(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testExactlyOnce(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func testExactlyOnce(t *testing.T, random *rand.Rand) {
	r := newRemembering(t, func(o *bridge.Options) { o.Logger = zerolog.Nop() })
	r.most = 1000
	r.restart()
	keeper := r.visit("ada", "#messages")
	sent, fresh, have := 0, []string{}, []string{}
	v, _ := r.device("ada", "laptop")
	asked := 0 // of fresh
	chance := func(percent int) bool { return random.IntN(100) < percent }
	for range 300 {
		for range random.IntN(4) {
			item := map[string]any{"text": fmt.Sprint(sent)}
			if chance(20) {
				item["date_created"] = time.Now().Add(-time.Duration(random.IntN(50)) * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")
			}
			r.fake.LoseEvents(chance(5))
			r.fake.Insert("messages", r.person("bob"), item)
			r.fake.LoseEvents(false)
			sent++
		}
		switch {
		case chance(10):
			time.Sleep(time.Duration(random.IntN(100)) * time.Second)
		case chance(10):
			r.fake.Cut()
			time.Sleep(10 * time.Second)
		}
		if v != nil {
			fresh = append(fresh, v.texts()...)
			if asked == 0 && chance(50) && v.session.AskReceipt() {
				asked = len(fresh)
			}
			if asked > 0 && chance(50) {
				v.session.Received()
				have, fresh, asked = append(have, fresh[:asked]...), fresh[asked:], 0
			}
		}
		switch {
		case v != nil && chance(10):
			v.leave()
			v, fresh, asked = nil, nil, 0
		case v == nil && chance(50):
			v, fresh = r.device("ada", "laptop")
		case v == nil && chance(20):
			keeper.leave()
			r.restart()
			keeper = r.visit("ada", "#messages")
		}
		keeper.news()
	}
	if v == nil {
		v, fresh = r.device("ada", "laptop")
	}
	time.Sleep(20 * time.Minute) // until the collection was read again
	fresh = append(fresh, v.texts()...)
	have = append(have, fresh...)
	count := map[string]int{}
	for _, text := range have {
		count[text]++
	}
	for i := range sent {
		if n := count[fmt.Sprint(i)]; n != 1 {
			t.Errorf("message %d of %d was received %d times", i, sent, n)
		}
	}
}
