package simulation

import (
	"sync"
	"time"

	"directus-ircd/directus/directustest"
)

type fakeUser = directustest.FakeUser

// spells are faults that last for a number of requests, or for a time.
type spells struct {
	mu    sync.Mutex
	rest  spell[directustest.RESTVerdict]  // guarded by mu
	frame spell[directustest.FrameVerdict] // guarded by mu
	slow  time.Time                        // until when creates take long; guarded by mu
	thaw  time.Time                        // until when Directus processes nothing; guarded by mu
}

type spell[V any] struct {
	verdict V
	left    int // requests
	until   time.Time
}

// next is the verdict on the next request; the zero verdict where there is no spell.
func (s *spell[V]) next() (v V) {
	if s.left == 0 || time.Now().After(s.until) {
		return v
	}
	s.left--
	return s.verdict
}

// cast begins a spell on REST calls, or on the frames of sockets.
func (w *world) cast(rest *directustest.RESTVerdict, frame *directustest.FrameVerdict, requests int, d time.Duration) {
	w.spells.mu.Lock()
	defer w.spells.mu.Unlock()
	until := time.Now().Add(d)
	if rest != nil {
		w.spells.rest = spell[directustest.RESTVerdict]{*rest, requests, until}
	}
	if frame != nil {
		w.spells.frame = spell[directustest.FrameVerdict]{*frame, requests, until}
	}
}

// haunt makes the fake Directus go by the spells.
func (w *world) haunt() {
	w.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
		w.spells.mu.Lock()
		defer w.spells.mu.Unlock()
		if frozen := time.Until(w.spells.thaw); frozen > 0 {
			return directustest.RESTVerdict{Delay: frozen}
		}
		if r.Method == "POST" && time.Now().Before(w.spells.slow) {
			return directustest.RESTVerdict{Delay: slowness}
		}
		return w.spells.rest.next()
	})
	w.fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
		if f.Type != "items" && f.Type != "subscribe" {
			return directustest.FrameVerdict{}
		}
		w.spells.mu.Lock()
		defer w.spells.mu.Unlock()
		if frozen := time.Until(w.spells.thaw); frozen > 0 {
			return directustest.FrameVerdict{Delay: frozen}
		}
		if f.Action == "create" && time.Now().Before(w.spells.slow) {
			return directustest.FrameVerdict{Delay: slowness}
		}
		return w.spells.frame.next()
	})
}

// healthy ends all faults.
func (w *world) healthy() {
	w.spells.mu.Lock()
	w.spells.rest.left, w.spells.frame.left = 0, 0
	w.spells.thaw, w.spells.slow = time.Time{}, time.Time{}
	w.spells.mu.Unlock()
	w.fake.Up()
	w.fake.Database(true)
	w.fake.LoseEvents(false)
	w.fake.ReleaseEvents(false)
	w.fake.RepeatEvents(false)
	w.fillDisk(false)
}

// slowness is how long creates take while they take long.
const slowness = 5 * time.Second

// dawdle makes creates take long until a moment.
func (w *world) dawdle(until time.Time) {
	w.spells.mu.Lock()
	defer w.spells.mu.Unlock()
	w.spells.slow = until
}

// freeze keeps Directus from doing anything until a moment: it takes what it is sent, and answers nothing.
func (w *world) freeze(until time.Time) {
	w.spells.mu.Lock()
	w.spells.thaw = until
	w.spells.mu.Unlock()
	w.wires.stopReading(until)
}

// setClock sets Directus' clock, and with it the difference from the daemon's.
func (w *world) setClock(ahead time.Duration) {
	w.chronicle.setClock(ahead)
	w.fake.SetClock(ahead)
}

// spread is a time up to most.
func spread(n int, most time.Duration) time.Duration { return most * time.Duration(n%64) / 64 }

// later undoes a fault after a while.
func (w *world) later(d time.Duration, undo func()) { time.AfterFunc(d, undo) }

func restFault(v directustest.RESTVerdict) func(*world, step) bool {
	return func(w *world, s step) bool {
		v := v
		if v.Delay > 0 {
			v.Delay = spread(s.b, v.Delay)
		}
		w.cast(&v, nil, 1+s.a%8, spread(s.c, 20*time.Second))
		return true
	}
}

func frameFault(v directustest.FrameVerdict) func(*world, step) bool {
	return func(w *world, s step) bool {
		v := v
		if v.Delay > 0 {
			v.Delay = spread(s.b, v.Delay)
		}
		w.cast(nil, &v, 1+s.a%4, spread(s.c, 20*time.Second))
		return true
	}
}

// faults are what breaks.
var faults = map[string]act{
	"all sockets cut": {weight: 2, fault: true, do: func(w *world, _ step) bool { w.fake.Cut(); return true }},
	"a user's sockets cut": {weight: 3, fault: true, do: func(w *world, s step) bool {
		w.fake.CutUser(w.people[s.a%len(w.people)].id)
		return true
	}},
	"cut at a byte": {weight: 5, fault: true, do: func(w *world, s step) bool {
		wire := w.wires.pick(s.a)
		if wire != nil {
			wire.cutAfter.Store(int64(s.c % 3000))
		}
		return wire != nil
	}},
	"path to Directus stopped": {weight: 2, fault: true, do: func(w *world, s step) bool {
		wire := w.wires.pick(s.a)
		if wire != nil {
			wire.stopReading(time.Now().Add(spread(s.c, 2*time.Minute)))
		}
		return wire != nil
	}},
	"client cut at a byte": {weight: 4, fault: true, do: func(w *world, s step) bool {
		c := w.client(s.a)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.wire == nil {
			return false
		}
		c.wire.cutAfter.Store(int64(s.c % 5000))
		return true
	}},
	"client reads nothing": {weight: 3, fault: true, do: func(w *world, s step) bool { w.client(s.a).loseSight(spread(s.c, 20*time.Second)); return true }},
	"client answers no PING": {weight: 2, fault: true, do: func(w *world, s step) bool {
		c := w.client(s.a)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.silent = append(c.silent, stay{begin: time.Now(), end: time.Now().Add(spread(s.c, 3*time.Minute))})
		return true
	}},
	"REST answer lost":      {weight: 3, fault: true, do: restFault(directustest.RESTVerdict{Lose: true})},
	"REST request lost":     {weight: 2, fault: true, do: restFault(directustest.RESTVerdict{Drop: true})},
	"REST late":             {weight: 2, fault: true, do: restFault(directustest.RESTVerdict{Delay: 12 * time.Second})},
	"REST never answered":   {weight: 1, fault: true, do: restFault(directustest.RESTVerdict{Hang: true})},
	"REST 429":              {weight: 2, fault: true, do: restFault(directustest.RESTVerdict{Status: 429, Code: "REQUESTS_EXCEEDED", RetryAfter: time.Second})},
	"REST 500":              {weight: 2, fault: true, do: restFault(directustest.RESTVerdict{Status: 500, Code: "INTERNAL_SERVER_ERROR"})},
	"REST 503 by a proxy":   {weight: 2, fault: true, do: restFault(directustest.RESTVerdict{Status: 503})},
	"frame answer lost":     {weight: 3, fault: true, do: frameFault(directustest.FrameVerdict{Mute: true})},
	"frame lost":            {weight: 2, fault: true, do: frameFault(directustest.FrameVerdict{Skip: true})},
	"frame late":            {weight: 2, fault: true, do: frameFault(directustest.FrameVerdict{Delay: 8 * time.Second})},
	"stored, then cut":      {weight: 3, fault: true, do: frameFault(directustest.FrameVerdict{Mute: true, Cut: true})},
	"cut before it is read": {weight: 2, fault: true, do: frameFault(directustest.FrameVerdict{Skip: true, Cut: true})},
	"events late": {weight: 3, fault: true, do: func(w *world, s step) bool {
		w.fake.HoldEvents()
		w.later(spread(s.c, 5*time.Second), func() { w.fake.ReleaseEvents(false) })
		w.disorder(5 * time.Second)
		return true
	}},
	"events in reverse": {weight: 3, fault: true, do: func(w *world, s step) bool {
		w.fake.HoldEvents()
		w.later(spread(s.c, time.Second), func() { w.fake.ReleaseEvents(true) })
		w.reversals = append(w.reversals, stay{begin: time.Now(), end: time.Now().Add(time.Second)})
		return true
	}},
	"events lost": {weight: 2, fault: true, do: func(w *world, s step) bool {
		w.fake.LoseEvents(true)
		w.later(spread(s.c, 5*time.Second), func() { w.fake.LoseEvents(false) })
		w.disorder(5 * time.Second)
		return true
	}},
	"Directus killed": {weight: 2, fault: true, do: func(w *world, s step) bool {
		w.fake.Down()
		w.later(spread(s.c, 40*time.Second), w.fake.Up)
		return true
	}},
	"database away": {weight: 2, fault: true, do: func(w *world, s step) bool {
		w.fake.Database(false)
		w.later(spread(s.c, 40*time.Second), func() { w.fake.Database(true) })
		return true
	}},
	"tokens expired": {weight: 2, fault: true, do: func(w *world, _ step) bool { w.fake.ExpireSockets(); return true }},
	"state wrecked": {weight: 1, fault: true, do: func(w *world, s step) bool {
		if s.c%4 != 0 {
			return false
		}
		w.stopDaemon()
		if err := w.wreck(); err != nil {
			w.t.Fatal(err)
		}
		w.wrecked = append(w.wrecked, w.lives)
		w.startDaemon()
		return true
	}},
}

// disorder notes that from now on, for a time, events come late, or not at all.
func (w *world) disorder(d time.Duration) {
	w.disorders = append(w.disorders, stay{begin: time.Now(), end: time.Now().Add(d)})
}
