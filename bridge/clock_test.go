package bridge_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// apart are how far the clock of Directus may be ahead of the machine's.
var apart = []time.Duration{-24 * time.Hour, -10 * time.Minute, -90 * time.Second, 0, 90 * time.Second, 10 * time.Minute, 24 * time.Hour}

// However far the machine's clock is from that of Directus: what is said now is new, its
// changes are shown, and it can be marked as read.
func TestClocksApart(t *testing.T) {
	for _, ahead := range apart {
		t.Run(ahead.String(), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{Ahead: ahead}, nil)
				a, bob := c.visit("ada", "#messages"), c.person("bob")
				id := c.fake.Insert("messages", bob, map[string]any{"text": "now"})
				said := time.Now().Add(ahead)
				synctest.Wait()
				events, err := a.poll()
				if err != nil || len(events) != 1 {
					t.Fatalf("shown %v, %v", events, err)
				}
				if m := events[0].(*ircd.Message); m.Replayed {
					t.Error("what is said now is shown as old")
				}
				if m, err := a.session.SetReadMarker(t.Context(), "#messages", said); err != nil || !m.Time.Equal(said) {
					t.Errorf("marked as read up to %v, %v, want %v", m, err, said)
				}
				c.fake.Update("messages", id, map[string]any{"text": "then"})
				same(t, a.later(time.Minute), "bob changes "+id+".* in #messages: [edited] <bob> then")
				c.fake.Remove("messages", id)
				same(t, a.news(), "bob deletes "+id+".* in #messages: then", "bob deletes "+id+".*.e* in #messages: ")
				if off := c.backend.Now().Sub(time.Now().Add(ahead)).Abs(); off > 1100*time.Millisecond { // a Date header has whole seconds, and may be 50 ms late
					t.Errorf("told a time that is %v off", off)
				}
			})
		})
	}
}

// A device is shown nothing twice, and its age is measured by the clock of Directus.
func TestClocksApartOfDevices(t *testing.T) {
	for _, ahead := range apart {
		t.Run(ahead.String(), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRememberingAt(t, directustest.FakeOptions{Ahead: ahead}, nil)
				v, _ := r.device("ada", "phone")
				for i := range 10 {
					r.insert(fmt.Sprint("seen ", i))
					time.Sleep(10 * time.Second)
				}
				if got := v.texts(); len(got) != 10 {
					t.Fatalf("shown %q", got)
				}
				v.receive()
				v.leave()
				r.restart()
				r.insert("missed")
				v, lines := r.device("ada", "phone")
				same(t, lines, "missed")
				v.receive()
				v.leave()
				r.stop()
				time.Sleep(90 * time.Minute) // it may be away for two hours
				r.start()
				v, lines = r.device("ada", "phone")
				same(t, lines)
				v.leave()
			})
		})
	}
}

// When the clock of Directus is set back, what is said then is as new as ever.
func TestClockOfDirectusIsSetBack(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChatAt(t, directustest.FakeOptions{}, nil)
		a, bob := c.visit("ada", "#messages"), c.person("bob")
		say := func(text string) string { return c.fake.Insert("messages", bob, map[string]any{"text": text}) }
		for i := range 300 { // more than are remembered
			say(fmt.Sprint("before ", i))
			time.Sleep(time.Second)
		}
		a.news()
		c.fake.SetClock(-time.Hour)
		c.visit("eve", "#messages") // Directus is asked something
		id := say("after")
		same(t, a.news(), "bob says in #messages: after")
		say("more")
		a.news()
		c.fake.Remove("messages", id)
		same(t, a.news(), "bob deletes "+id+".* in #messages: after")
	})
}

// A device that comes back while the clock of Directus is set back is shown what it has missed since, and nothing twice.
func TestDevicesWhileClockOfDirectusIsSetBack(t *testing.T) {
	for _, back := range []time.Duration{2 * time.Minute, time.Hour} {
		t.Run(back.String(), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRemembering(t, nil)
				v, _ := r.device("ada", "phone")
				for i := range 60 {
					r.insert(fmt.Sprint("before ", i))
					time.Sleep(15 * time.Second)
					v.texts()
					v.receive()
				}
				time.Sleep(10 * time.Minute) // until the collection was read again
				r.insert("last before")
				same(t, v.texts(), "last before")
				v.receive()
				r.fake.SetClock(-back)
				r.visit("eve", "#messages") // Directus is asked something
				r.insert("after")
				same(t, v.texts(), "after")
				v.receive()
				v.leave()
				r.restart()
				r.insert("missed")
				v, lines := r.device("ada", "phone")
				same(t, lines, "missed")
				v.leave()
			})
		})
	}
}
