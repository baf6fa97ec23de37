package bridge_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/state"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

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

// Private messages are one position.
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
func TestDamagedState(t *testing.T) {
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
func TestStateInUse(t *testing.T) {
	dir := t.TempDir()
	kept, err := bridge.OpenState(dir, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bridge.OpenState(dir, logger(t)); err != state.ErrInUse {
		t.Errorf("a second daemon: %v", err)
	}
	kept.Close()
	again, err := bridge.OpenState(dir, logger(t))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// A message whose event was lost is found before more come behind it than are told apart, so that a device which then leaves
// has it, too. Keys that do not count up do not show that it is missing.
func TestLostEventInFrontOfMany(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		r.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text"}, UUIDKey: true})
		r.insert("known")
		v, _ := r.device("ada", "laptop")
		time.Sleep(time.Minute)
		r.fake.LoseEvents(true)
		r.insert("lost")
		r.fake.LoseEvents(false)
		found := 0
		note := func(lines []string) {
			for _, line := range lines {
				if line == "lost" {
					found++
				}
			}
		}
		for range 100 {
			for range 11 {
				r.insert("one of many")
			}
			time.Sleep(10 * time.Millisecond)
			note(v.texts())
			v.receive()
		}
		v.leave()
		v, lines := r.device("ada", "laptop")
		if note(lines); found != 1 {
			t.Errorf("shown %d times", found)
		}
		v.leave()
	})
}
