package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// What an event alone tells of, as it is dated before all that is read, is shown though the collection has to be read when the
// event comes, and in front of what was written after it.
func TestToldOfWhileTheCollectionIsRead(t *testing.T) {
	for _, when := range []string{"while it is subscribed to", "while it is read", "just before it is read"} {
		t.Run(when, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{}, nil)
				a, bob := c.visit("ada", "#messages"), c.person("bob")
				say := func(text string, back time.Duration) {
					c.fake.SetClock(-back)
					c.fake.Insert("messages", bob, map[string]any{"text": text})
				}
				time.Sleep(5 * time.Minute)
				say("before", 0)
				time.Sleep(time.Minute)
				a.news()
				switch when {
				case "while it is subscribed to":
					c.fake.OnFrame(func(f directustest.FakeFrame) (v directustest.FrameVerdict) {
						if event, _ := f.Message["event"].(string); f.Type == "subscribe" && event == "delete" {
							v.Delay = 5 * time.Second
						}
						return v
					})
				default:
					c.fake.OnREST(func(q directustest.RESTRequest) (v directustest.RESTVerdict) {
						if q.Path == "/items/messages" {
							v.Delay = 5 * time.Second
						}
						return v
					})
				}
				c.fake.Cut()
				time.Sleep(3 * time.Second)
				if when == "just before it is read" { // a second time
					c.fake.Cut()
					time.Sleep(1500 * time.Millisecond)
				}
				want := []string{}
				for i := range 3 {
					say(fmt.Sprint("first ", i), time.Hour)
					want = append(want, fmt.Sprint("bob says in #messages: first ", i))
				}
				say("second", 0)
				same(t, a.later(time.Minute), append(want, "bob says in #messages: second")...)
				same(t, a.later(15*time.Minute))
			})
		})
	}
}
