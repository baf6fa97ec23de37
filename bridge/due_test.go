package bridge_test

import (
	"fmt"
	"slices"
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

// outages are the ways in which a JOIN finds that Directus gives no messages. Each returns how it ends.
var outages = map[string]func(*remembering) func(){
	"no answers": func(r *remembering) func() {
		r.fake.OnREST(func(q directustest.RESTRequest) (v directustest.RESTVerdict) {
			if strings.HasPrefix(q.Path, "/items/") {
				v.Status, v.Code = 500, "INTERNAL_SERVER_ERROR"
			}
			return v
		})
		return func() { r.fake.OnREST(nil) }
	},
	"down": func(r *remembering) func() {
		r.fake.Down()
		return r.fake.Up
	},
}

// Whoever joins during an outage is shown, once Directus is back, all that was written from the JOIN on, each message once
// and in order, though it is more than a backlog holds.
func TestMuchWrittenWhileTheBacklogIsDue(t *testing.T) {
	const old, meanwhile = 10, 150
	for outage, begin := range outages {
		for _, backlog := range []int{0, 3, 1000} {
			devices := []string{"", "laptop"}
			if backlog == 3 {
				devices = append(devices, "bot", "bot-relay")
			}
			for _, device := range devices {
				for _, others := range []bool{false, true} {
					t.Run(fmt.Sprint(outage, backlog, device, others), func(t *testing.T) {
						ircdtest.Bubble(t, func(t *testing.T) {
							ch := messages("messages")
							ch.Backlog = backlog
							r := newRemembering(t, nil, ch)
							for i := range old {
								r.insert(fmt.Sprint("old ", i))
							}
							time.Sleep(time.Minute)
							if others { // whose feed is shared, and has read the collection
								r.visit("bob", "#messages")
							}
							v := r.login("ada", device)
							end := begin(r)
							time.Sleep(10 * time.Second)
							v.join("#messages")
							time.Sleep(10 * time.Second)
							for i := range meanwhile {
								r.insert(fmt.Sprint("new ", i))
							}
							time.Sleep(3 * time.Second)
							end()
							var got []string
							for range 120 {
								time.Sleep(time.Second)
								got = append(got, v.texts()...)
							}
							before := 0
							got = slices.DeleteFunc(got, func(text string) bool {
								old := strings.HasPrefix(text, "old")
								if old {
									before++
								}
								return old
							})
							if want := numbered("new %d", meanwhile); !slices.Equal(got, want) {
								t.Errorf("shown are %d: %.200q", len(got), got)
							}
							if before != 0 && (v.session.Bot() || before != min(old, backlog)) {
								t.Errorf("%d that were written before", before)
							}
						})
					})
				}
			}
		}
	}
}

// A device that comes for the first time in an outage, and leaves before it has been shown anything, has missed what was
// written since then.
func TestDeviceThatLeavesBeforeItsBacklog(t *testing.T) {
	for outage, begin := range outages {
		for _, backlog := range []int{0, 3, 1000} {
			for _, written := range []int{15, 50} { // of which 20 are shown at most
				for _, restarted := range []bool{false, true} {
					t.Run(fmt.Sprint(outage, backlog, written, restarted), func(t *testing.T) {
						ircdtest.Bubble(t, func(t *testing.T) {
							ch := messages("messages")
							ch.Backlog = backlog
							r := newRemembering(t, nil, ch)
							for i := range 10 {
								r.insert(fmt.Sprint("old ", i))
							}
							time.Sleep(time.Minute)
							v := r.login("ada", "laptop")
							end := begin(r)
							time.Sleep(10 * time.Second)
							v.join("#messages")
							time.Sleep(10 * time.Second)
							for i := range written {
								r.insert(fmt.Sprint("new ", i))
							}
							time.Sleep(time.Minute)
							same(t, v.texts())
							v.leave()
							end()
							if restarted {
								r.restart()
							}
							v, got := r.device("ada", "laptop")
							time.Sleep(time.Minute) // the link of before may wait for Directus
							got = append(got, v.texts()...)
							var want []string
							if missed := min(max(backlog-written, 0), 10); written <= 20 || backlog > 20 {
								want = append(numbered("old %d", 10)[10-missed:], numbered("new %d", written)...)
							} else {
								want = append(got[:min(1, len(got))], numbered("new %d", written)[written-20:]...)
								if len(got) > 0 && !strings.HasPrefix(got[0], "NOTICE You have missed more than 20 messages") {
									t.Errorf("not told what is left out: %.200q", got)
								}
							}
							same(t, got, want...)
						})
					})
				}
			}
		}
	}
}

// What is written while a backlog is due is in it though the clock of Directus is set back, and dates it before the JOIN.
func TestClockSetBackWhileTheBacklogIsDue(t *testing.T) {
	for _, backlog := range []int{0, 3} {
		t.Run(fmt.Sprint(backlog), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				ch := messages("messages")
				ch.Backlog = backlog
				r := newRemembering(t, nil, ch)
				r.insert("old")
				time.Sleep(time.Minute)
				r.visit("bob", "#messages")
				v := r.login("ada", "")
				end := outages["down"](r)
				time.Sleep(10 * time.Second)
				v.join("#messages")
				time.Sleep(10 * time.Second)
				r.fake.SetClock(-30 * time.Second)
				r.insert("new 0")
				time.Sleep(20 * time.Second)
				for i := range 4 {
					r.insert(fmt.Sprint("new ", 1+i))
				}
				time.Sleep(3 * time.Second)
				end()
				var got []string
				for range 120 {
					time.Sleep(time.Second)
					got = append(got, v.texts()...)
				}
				got = slices.DeleteFunc(got, func(text string) bool { return text == "old" })
				if want := numbered("new %d", 5); !slices.Equal(got, want) {
					t.Errorf("shown are %q", got)
				}
			})
		})
	}
}

// Private messages are read after the login: those of an outage that begins with it are shown all the same.
func TestMuchWrittenInPrivateWhileTheBacklogIsDue(t *testing.T) {
	const meanwhile = 60
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, func(o *bridge.Options) {
			o.Private = &collection.Private{Collection: "private_messages", Backlog: 5, Fields: collection.Fields{
				Text: "text", Author: "user_created", Date: "date_created", Nonce: "nonce", Recipient: "recipient",
			}}
		})
		v := r.login("ada", "")
		end := outages["no answers"](r)
		if err := v.session.Start(t.Context(), ircd.JoinOptions{Backlog: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		for i := range meanwhile {
			r.fake.Insert("private_messages", r.person("bob"), map[string]any{"text": fmt.Sprint("new ", i), "recipient": v.id})
		}
		time.Sleep(3 * time.Second)
		end()
		var got []string
		for range 120 {
			time.Sleep(time.Second)
			got = append(got, v.texts()...)
		}
		if want := numbered("new %d", meanwhile); !slices.Equal(got, want) {
			t.Errorf("shown are %d: %.200q", len(got), got)
		}
	})
}

// login is visit without any channel; the device may have no name.
func (r *remembering) login(name, device string) *visitor {
	r.t.Helper()
	v := &visitor{t: r.t, id: r.person(name)}
	account := name + "@example.com"
	if device != "" {
		account += "/" + device
	}
	var err error
	if v.session, err = full(r.backend.Login(r.t.Context(), ircd.Credentials{Account: account, Secret: name})); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { v.leave() })
	return v
}

// join enters a channel of which no backlog can be read.
func (v *visitor) join(channel string) {
	v.t.Helper()
	answer, err := v.session.Join(v.t.Context(), channel, ircd.JoinOptions{Backlog: true, Bot: v.session.Bot()})
	if err != nil {
		v.t.Fatal(err)
	}
	if len(answer.Backlog) > 0 {
		v.t.Errorf("%d messages were read", len(answer.Backlog))
	}
}

// What Directus told of just before a JOIN, and the client had not been shown as it was not in the channel, is in the backlog,
// also where that comes late.
func TestToldOfBeforeAJoinWhoseBacklogIsDue(t *testing.T) {
	for outage, begin := range outages {
		for _, device := range []string{"", "laptop"} {
			t.Run(fmt.Sprint(outage, device), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					r := newRemembering(t, nil, room("dev", nil), room("ops", nil))
					addRooms(r.fake)
					say := func(text string) {
						r.fake.Insert("rooms", r.person("bob"), map[string]any{"text": text, "room": "ops"})
						synctest.Wait()
					}
					v := r.login("ada", device)
					v.join("#dev") // which is read from the same collection
					v.join("#ops") // nothing is there, which a device knows from here on
					if err := v.session.Part(t.Context(), "#ops"); err != nil {
						t.Fatal(err)
					}
					for i := range 3 {
						say(fmt.Sprint("told ", i))
					}
					end := begin(r)
					v.join("#ops")
					say("missed") // or told of, where Directus is not down
					end()
					var got []string
					for range 120 {
						time.Sleep(time.Second)
						got = append(got, v.texts()...)
					}
					slices.Sort(got) // one that Directus tells of meanwhile is shown at once
					same(t, got, "missed", "told 0", "told 1", "told 2")
				})
			})
		}
	}
}

// Where a JOIN finds that nothing can be read, the backlog comes as soon as it can, and in front of what was written since.
func TestBacklogThatIsDueComesFirst(t *testing.T) {
	const n = 5
	rooms := []string{"dev", "ops"} // of one feed
	for _, device := range []string{"", "laptop"} {
		t.Run(device, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRemembering(t, nil, room("dev", nil), room("ops", nil))
				addRooms(r.fake)
				say := func(i int) {
					for _, room := range rooms {
						r.fake.Insert("rooms", r.person("bob"), map[string]any{"text": fmt.Sprint(room, " ", i), "room": room})
					}
				}
				for i := range n {
					say(i)
				}
				time.Sleep(time.Minute)
				v := r.login("ada", device)
				end := outages["no answers"](r)
				for _, room := range rooms {
					v.join("#" + room)
				}
				time.Sleep(time.Second)
				for i := range n {
					say(n + i)
				}
				end()
				var got []string
				for range 30 {
					got = append(got, v.texts()...)
					time.Sleep(time.Second)
				}
				for _, room := range rooms {
					of := slices.DeleteFunc(slices.Clone(got), func(text string) bool { return !strings.HasPrefix(text, room) })
					same(t, of, numbered(room+" %d", 2*n)...)
				}
			})
		})
	}
}

// A backlog that could not be read comes in front of what a feed has read that others have kept, some of which was written
// before the JOIN, whoever of them is back first.
func TestBacklogThatIsDueComesInFrontOfWhatIsRead(t *testing.T) {
	const n = 5
	for _, device := range []string{"", "laptop"} {
		for _, since := range []time.Duration{100 * time.Millisecond, 3 * time.Second, 20 * time.Second} {
			t.Run(fmt.Sprint(device, since), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					ch := messages("messages")
					ch.Backlog = n + 2
					r := newRemembering(t, nil, ch)
					say := func(from int) {
						for i := range n {
							r.insert(fmt.Sprint("m", from+i))
							time.Sleep(time.Second)
						}
					}
					say(0)
					time.Sleep(time.Minute)
					r.visit("bob", "#messages")
					v := r.login("ada", device)
					end := outages["down"](r)
					time.Sleep(time.Second)
					say(n)
					v.join("#messages")
					time.Sleep(since)
					end()
					var got []string
					for range 120 {
						got = append(got, v.texts()...)
						time.Sleep(time.Second)
					}
					same(t, got, numbered("m%d", 2*n)[n-2:]...)
				})
			})
		}
	}
}
