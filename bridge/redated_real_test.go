package bridge_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// Directus finds by its key what a device has missed and was given an old date before it came back.
func TestRealDeviceMissesWhatWasDatedByHand(t *testing.T) {
	dx := directustest.Start(t)
	state, err := bridge.OpenState(t.TempDir(), logger(t))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, dx, func(o *bridge.Options) {
		o.State, o.Resume = state, &bridge.Resume{MaxAge: time.Hour, MaxMessages: 500}
	})
	ada := dx.CreateUser("Ada", "")
	device := func() *ircdtest.Client {
		c := ircdtest.Dial(t, s.address)
		c.LoginSASL("x", ada.Email+"/laptop", ada.Password, "server-time")
		c.Send("JOIN #messages")
		return c
	}
	c := device()
	office(dx, "had")
	c.Expect("* PRIVMSG #messages :had")
	c.Send("QUIT")
	c.Closed()
	key := dx.AddItem(ada, map[string]any{"text": "missed"})
	office(dx, "last")
	dx.Do(http.MethodPatch, "/items/"+dx.Collection+"/"+key, nil, map[string]any{"date_created": "2001-02-03T04:05:06.000Z"}, nil)
	c = device()
	if line := c.Expect("* PRIVMSG #messages :missed"); !strings.Contains(line, "time=2001-02-03T04:05:06.000Z") {
		t.Errorf("its date is not that: %s", line)
	}
	c.Expect("* PRIVMSG #messages :last")
}
