package bridge_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/ircd/ircdtest"
)

// Whatever happens, a device that takes a line for received when it is asked has
// each line once.
func TestResumeExactlyOnce(t *testing.T) {
	for seed := range uint64(3) {
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
			time.Sleep(time.Duration(random.IntN([]int{10, 20, 100}[random.IntN(3)])) * time.Second)
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
	time.Sleep(2 * time.Minute) // until what was stored without an event was found
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
