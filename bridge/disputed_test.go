package bridge_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A message of which Directus says that it is there already, or that it is forbidden, is looked for through an outage of some
// seconds as any other in doubt: its sender notices nothing, and what is sent next is not refused.
func TestOutageBehindADispute(t *testing.T) {
	for name, post := range map[string]directustest.RESTVerdict{
		"not unique": {}, "forbidden": {Status: 403, Code: "FORBIDDEN"},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil)
				fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}})
				sender, _ := enter(t, fake, listener, "bob")
				creates := 0 // owned by the goroutine of the socket
				fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
					if f.Action == "create" {
						creates++
					}
					return directustest.FrameVerdict{Mute: f.Action == "create" && creates == 1}
				})
				var mu sync.Mutex
				var away time.Time // until then Directus answers nothing, from when it has refused
				fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					mu.Lock()
					defer mu.Unlock()
					if r.Method == "POST" && away.IsZero() && r.Path == "/items/messages" {
						away = time.Now().Add(3 * time.Second)
						return post
					}
					return directustest.RESTVerdict{Drop: time.Now().Before(away)}
				})
				sender.Send("PRIVMSG #messages :first", "PRIVMSG #messages :second")
				for _, line := range syncSlowly(sender) {
					if strings.Contains(line, " 404 ") {
						t.Error(line)
					}
				}
				if n := len(fake.Items("messages")); n != 2 {
					t.Errorf("%d are stored", n)
				}
			})
		})
	}
}
