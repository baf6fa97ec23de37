package bridge_test

import (
	"fmt"
	"slices"
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
				time.Sleep(5 * time.Second)
				r.insert("then")
				same(t, v.texts(), "then")
				v.leave()
			})
		})
	}
}

// A device is shown nothing twice, and all that it has missed, when the clock of Directus was set back by less than a minute.
func TestDevicesWhenClockOfDirectusIsCorrected(t *testing.T) {
	for _, after := range []time.Duration{0, 10 * time.Second, time.Minute} {
		t.Run(after.String(), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRemembering(t, nil)
				v, _ := r.device("ada", "phone")
				for i := range 20 {
					r.insert(fmt.Sprint("before ", i))
					time.Sleep(15 * time.Second)
					v.texts()
					v.receive()
				}
				v.leave()
				r.restart()
				v, lines := r.device("ada", "phone")
				same(t, lines)
				r.fake.SetClock(-50 * time.Second)
				r.visit("eve", "#messages") // Directus is asked something
				r.insert("after")
				same(t, v.texts(), "after")
				v.receive()
				v.leave()
				r.restart()
				r.insert("missed")
				time.Sleep(after)
				v, lines = r.device("ada", "phone")
				same(t, lines, "missed")
				v.leave()
			})
		})
	}
}

// What is written while the clock of Directus is set back is shown though its event is lost, whether the clock stays there or
// is set right before anybody looks.
func TestLostEventWhileClockOfDirectusIsSetBack(t *testing.T) {
	for _, again := range []bool{false, true} {
		for _, back := range []time.Duration{30 * time.Second, 2 * time.Minute, 9 * time.Minute} {
			t.Run(fmt.Sprint(back, again), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					c := newChatAt(t, directustest.FakeOptions{}, nil)
					a, bob := c.visit("ada", "#messages"), c.person("bob")
					set := func(ahead time.Duration) {
						c.fake.SetClock(ahead)
						c.visit("eve", "#messages") // Directus is asked something
					}
					for i := range 12 {
						c.fake.Insert("messages", bob, map[string]any{"text": fmt.Sprint("before ", i)})
						time.Sleep(time.Minute)
					}
					if n := len(a.news()); n != 12 {
						t.Fatalf("shown %d", n)
					}
					set(-back)
					c.fake.LoseEvents(true)
					c.fake.Insert("messages", bob, map[string]any{"text": "lost"})
					c.fake.LoseEvents(false)
					if again {
						time.Sleep(time.Second)
						set(0)
					}
					same(t, a.later(8*time.Minute), "bob says in #messages: lost")
					same(t, a.later(8*time.Minute)) // it is read again, once
				})
			})
		}
	}
}

// What is written while the clock of Directus is set back, and is not told of, is shown in the order in which it was written, also
// as the clock catches up.
func TestLostEventsAsTheClockOfDirectusCatchesUp(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChatAt(t, directustest.FakeOptions{}, nil)
		a, bob := c.visit("ada", "#messages"), c.person("bob")
		for i := range 10 {
			c.fake.Insert("messages", bob, map[string]any{"text": fmt.Sprint("before ", i)})
			time.Sleep(30 * time.Second)
		}
		a.news()
		c.fake.Cut() // the collection is read to the end
		a.later(5 * time.Second)
		c.fake.SetClock(-150 * time.Second)
		c.visit("eve", "#messages") // Directus is asked something
		c.fake.LoseEvents(true)
		var want []string
		for i := range 7 {
			c.fake.Insert("messages", bob, map[string]any{"text": fmt.Sprint("lost ", i)})
			want = append(want, fmt.Sprintf("bob says in #messages: lost %d", i))
			time.Sleep(20 * time.Second)
		}
		c.fake.LoseEvents(false)
		c.fake.Cut()
		same(t, a.later(5*time.Second), want...)
	})
}

// Who joins behind messages of the future, or of a time that the clock of Directus does not show any more, is shown what is
// written from then on, also where the collection has to be read for it: the oldest message of the backlog is no border then.
func TestLostEventBehindABacklogOfTheFuture(t *testing.T) {
	for _, dates := range []directustest.DateKind{directustest.Milliseconds, directustest.WholeSeconds} {
		for _, which := range []string{"dated by hand", "set back before", "set back after"} {
			t.Run(fmt.Sprint(dates, which), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					c := newChatAt(t, directustest.FakeOptions{}, nil)
					c.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text"}, Dates: dates})
					a, bob := c.visit("ada", "#messages"), c.person("bob")
					for i := range 60 { // more than the backlog has
						item := map[string]any{"text": fmt.Sprint("before ", i)}
						if which == "dated by hand" {
							item["date_created"] = time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
						}
						c.fake.Insert("messages", bob, item)
						time.Sleep(time.Second)
					}
					a.news()
					setBack := func(when string) {
						if when == which {
							c.fake.SetClock(-175 * time.Second)
							c.visit("eve") // Directus is asked something
						}
					}
					time.Sleep(2 * time.Minute)
					setBack("set back before")
					v := c.visit("ada", "#messages")
					if n := len(v.backlog); n >= 60 || n == 0 {
						t.Fatalf("a backlog of %d", n)
					}
					setBack("set back after")
					c.fake.LoseEvents(true)
					c.fake.Insert("messages", bob, map[string]any{"text": "lost"})
					c.fake.LoseEvents(false)
					same(t, v.later(8*time.Minute), "bob says in #messages: lost")
				})
			})
		}
	}
}

// A device that was shown a backlog of the future is shown what was written before that has come.
func TestDeviceBehindABacklogOfTheFuture(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		for range 60 { // more than the backlog has
			r.fake.Insert("messages", r.person("bob"), map[string]any{
				"text": "of the future", "date_created": time.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339),
			})
		}
		v, lines := r.device("ada", "phone")
		if n := len(lines); n >= 60 || n == 0 {
			t.Fatalf("a backlog of %d", n)
		}
		v.receive()
		v.leave()
		time.Sleep(10 * time.Minute)
		r.insert("missed")
		time.Sleep(time.Hour)
		v, lines = r.device("ada", "phone")
		if !slices.Contains(lines, "missed") {
			t.Errorf("shown %q", lines)
		}
		v.leave()
	})
}
