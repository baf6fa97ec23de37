package bridge_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/ircdtest"
)

// stayer is a client that is shown a backlog, and does what the IRC side does: it joins again what it is let into, and comes
// back when it is told to.
type stayer struct {
	*visitor
	r       *remembering
	device  string
	got     []string // of this connection
	had     []string // by a device, of the connections before
	cut     bool     // it was told that some is left out
	leaves  int
	refused bool // the JOIN is to be sent again
	begun   time.Time
	resting func() // is called before what follows the first part of a backlog is asked for
}

func (r *remembering) stayer(device string) *stayer {
	return &stayer{visitor: r.login("ada", device), r: r, device: device, resting: func() {}}
}

func (c *stayer) join() {
	c.t.Helper()
	answer, err := c.session.Join(c.t.Context(), "#messages", ircd.JoinOptions{Backlog: true})
	if c.refused = err != nil; c.refused {
		return
	}
	if strings.Contains(answer.Notice, "CHATHISTORY") {
		c.cut = true
	}
	c.take(&ircd.Backlog{Messages: answer.Backlog}, &ircd.Rest{More: answer.More})
}

// look shows what there is.
func (c *stayer) look() {
	c.t.Helper()
	if c.refused {
		c.join()
	}
	events, err := c.poll()
	if err != nil {
		c.t.Fatal(err)
	}
	c.take(events...)
	c.receive()
}

func (c *stayer) take(events ...ircd.Event) {
	c.t.Helper()
	for _, ev := range events {
		switch ev := ev.(type) {
		case *ircd.Message:
			c.got = append(c.got, short(ev.Text))
		case *ircd.Backlog:
			for _, m := range ev.Messages {
				c.got = append(c.got, short(m.Text))
			}
		case *ircd.ServiceNotice:
			if strings.Contains(ev.Text, "CHATHISTORY") {
				c.cut = true
			}
		case *ircd.Admission:
			c.join()
		case *ircd.Rest:
			if ev.More != nil {
				c.resting()
			}
			for ev.More != nil {
				part, err := ev.More(c.t.Context())
				if err != nil {
					c.comeBack()
					return
				}
				if len(part) == 0 {
					break
				}
				c.take(part...)
			}
		}
	}
}

// comeBack ends the connection and begins another.
func (c *stayer) comeBack() {
	c.t.Helper()
	c.leaves++
	c.visitor.leave()
	if c.device != "" {
		c.had = append(c.had, c.got...)
	}
	c.got, c.visitor = nil, c.r.login("ada", c.device)
	c.join()
}

// check wants all lines up to a number, each once.
func (c *stayer) check(n int) {
	c.t.Helper()
	got := slices.Concat(c.had, c.got)
	slices.SortFunc(got, byNumber)
	want := numbered("line %d", n)
	if c.cut && len(got) > 0 {
		want = want[max(0, slices.Index(want, got[0])):]
	}
	if c.device != "" && c.leaves > 0 { // what it has not proven to have it is shown again
		got = slices.Compact(got)
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("%d are shown, in %d connections, of %d: %.1000q", len(got), 1+c.leaves, len(want), different(got, want))
	}
}

func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// different are the elements of one list that are not in the other as often.
func different(got, want []string) (list []string) {
	times := map[string]int{}
	for _, g := range got {
		times[g]++
	}
	for _, w := range want {
		times[w]--
	}
	for _, text := range slices.SortedFunc(maps.Keys(times), byNumber) {
		if n := times[text]; n != 0 && len(list) < 20 {
			list = append(list, fmt.Sprintf("%s %+d", text, n))
		}
	}
	return list
}

// partFaults are what may happen, for a while, from when a client asks for the second part of a backlog.
var partFaults = map[string]struct {
	verdict    directustest.RESTVerdict
	begin, end func(r *remembering, user string)
}{
	"refused": {verdict: directustest.RESTVerdict{Status: 500, Code: "INTERNAL_SERVER_ERROR"}},
	"frozen":  {verdict: directustest.RESTVerdict{Delay: partFaultTime}},
	"down": {
		begin: func(r *remembering, _ string) { r.fake.Down() },
		end:   func(r *remembering, _ string) { r.fake.Up() },
	},
	"late and cut": {
		verdict: directustest.RESTVerdict{Delay: 3 * time.Second},
		begin: func(r *remembering, _ string) {
			r.fake.HoldEvents()
			time.AfterFunc(time.Second, r.fake.Cut)
		},
		end: func(r *remembering, _ string) { r.fake.ReleaseEvents(true) },
	},
	"forbidden": {
		begin: func(r *remembering, user string) { r.fake.Deny(user, "messages", "read") },
		end:   func(r *remembering, user string) { r.fake.Allow(user, "messages", "read") },
	},
}

const partFaultTime = 20 * time.Second

// Whatever happens while a backlog of several parts is read and others write, it is shown as a whole, each message once and in
// order. Only a device that loses the right to read it has to come back.
func TestFaultsInABacklogOfParts(t *testing.T) {
	for name, fault := range partFaults {
		for _, as := range []struct {
			due    bool
			device string
		}{{}, {due: true}, {device: "laptop"}} {
			t.Run(fmt.Sprint(name, as), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					c := newPartsChat(t, as.due, as.device)
					var ill atomic.Bool
					c.r.fake.OnREST(func(q directustest.RESTRequest) (v directustest.RESTVerdict) {
						if ill.Load() && strings.HasPrefix(q.Path, "/items/") {
							return fault.verdict
						}
						return v
					})
					c.resting = func() {
						c.resting = func() {}
						ill.Store(true)
						if fault.begin != nil {
							fault.begin(c.r, c.id)
						}
						user := c.id
						time.AfterFunc(partFaultTime, func() {
							ill.Store(false)
							if fault.end != nil {
								fault.end(c.r, user)
							}
						})
					}
					c.stay(as.due)
					if !as.due && !slices.IsSortedFunc(c.got, byNumber) {
						t.Errorf("in another order: %q", c.got)
					}
					c.check(partsOld + partsLive)
					if c.leaves > 0 && (name != "forbidden" || as.device == "") || ill.Load() {
						t.Errorf("sent away %d times, ill %v", c.leaves, ill.Load())
					}
				})
			})
		}
	}
}

const partsOld, partsLive = 60, 40

// short is a text without what makes it long.
func short(text string) string {
	text, _, _ = strings.Cut(text, " long")
	return text
}

// newPartsChat is a client before a channel with a backlog of several parts, of which the JOIN has shown nothing if it is due.
func newPartsChat(t *testing.T, due bool, device string) *stayer {
	ch := messages("messages")
	ch.Backlog = 2 * partsOld
	// As little memory as there may be: a part is small, and the race detector has a tenth of the bytes to look at.
	r := newRemembering(t, func(o *bridge.Options) { o.Edits.Merge, o.PageMemory = time.Second, 1 }, ch)
	r.most = ch.Backlog
	for i := range partsOld {
		r.insert(fmt.Sprint("line ", i, strings.Repeat(" long", 300)))
		time.Sleep(200 * time.Millisecond)
	}
	c := r.stayer(device)
	if due {
		end := outages["no answers"](r)
		c.join()
		time.Sleep(10 * time.Second)
		end()
	}
	return c
}

// stay joins, unless that is done, and is there for a while in which others write.
func (c *stayer) stay(joined bool) {
	c.begun = time.Now()
	for i := range partsLive {
		time.AfterFunc(time.Duration(i)*500*time.Millisecond, func() { c.r.insert(fmt.Sprint("line ", partsOld+i)) })
	}
	if !joined {
		c.join()
	}
	wake := &bell.Pull{Bell: bell.New()}
	c.session.WakeBy(wake)
	for time.Since(c.begun) < 2*time.Minute {
		select {
		case <-wake.Bell:
			wake.Rung()
		case <-time.After(5 * time.Second):
		}
		time.Sleep(100 * time.Millisecond) // a JOIN that is refused rings
		c.look()
	}
}

// Of a channel that is configured otherwise while its reader loses the right to read it, the old feed may have read less than
// a backlog has shown, and less than there is: who comes back is shown all that they were not shown, and no more.
func TestExileMovedInFrontOfItsFeed(t *testing.T) {
	for _, own := range []bool{false, true} {
		for _, device := range []string{"", "laptop"} {
			t.Run(fmt.Sprint(own, device), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					change := func(o *bridge.Options) { o.OwnFeeds, o.Recheck = own, 10*time.Second }
					r := newRemembering(t, change)
					c := r.stayer(device)
					r.insert("line 0")
					if r.visit("bob", "#messages"); own {
						c.join()
					}
					time.Sleep(10 * time.Second)
					r.fake.LoseEvents(true)
					r.insert("line 1")
					if time.Sleep(10 * time.Second); !own {
						c.join() // which shows what the feed of bob has not read
					}
					r.fake.Deny(c.id, "messages", "read")
					if !own {
						time.Sleep(20 * time.Second) // until the daemon finds that
					}
					changed := messages("messages")
					changed.Filter = map[string]any{"id": map[string]any{"_gte": 0}}
					r.configure(change, changed)
					time.AfterFunc(30*time.Second, func() {
						r.insert("line 2")
						r.fake.LoseEvents(false)
						r.fake.Cut()
						r.fake.Allow(c.id, "messages", "read")
					})
					for begun := time.Now(); time.Since(begun) < 10*time.Minute; time.Sleep(time.Second) {
						synctest.Wait()
						c.look()
					}
					c.check(3)
				})
			})
		}
	}
}
