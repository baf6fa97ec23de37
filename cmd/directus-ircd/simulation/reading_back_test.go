package simulation

import (
	"strings"
	"testing"
	"time"
)

// A client that was taken out of a channel, and is back in it, has what it was shown before; one that has left by itself, and
// joins again, begins anew.
func TestJudgeOfAClientThatIsBack(t *testing.T) {
	for _, back := range []bool{true, false} {
		w := simulate(t, small(tagged, "12.4.0", true,
			step{"web", 1, 0, 7, time.Second}, step{"say", 0, 0, 3, time.Second}, step{"web", 1, 0, 9, time.Minute},
		))
		if len(w.failures) > 0 {
			report(t, w)
			return
		}
		c, ch := w.clients[0], w.scenario.settings.channels[0]
		first := &c.visits[0]
		first.end = w.rest.Add(-time.Minute)
		again := visit{channel: first.channel, epoch: first.epoch + 1, stay: first.stay, begin: first.end, back: back}
		c.visits = append(c.visits[:1], again)
		var own token
		for _, s := range c.sights {
			if w.book.author(s.token.n) == c.spec.person {
				own = s.token
				continue
			}
			s.epoch, s.past, s.at = again.epoch, true, again.begin
			c.sights = append(c.sights, s)
		}
		newReading(w, c, ch, c.sights, w.rows(ch)).judge()
		lost := strings.Contains(strings.Join(w.failures, "\n"), "lost: "+c.name+" was not shown m")
		if own.n == 0 || lost == back {
			t.Errorf("back %v, own message %v: %q", back, own, w.failures)
		}
	}
}
