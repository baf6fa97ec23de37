package simulation

import (
	"testing"
	"testing/synctest"
	"time"

	irc "gopkg.in/irc.v4"
)

// A probe is a PING of the client.
type probe struct {
	sent   time.Time
	behind bool // a storm of more than readAhead lines
}

const (
	// readAhead is how many lines the daemon reads ahead of the one that waits for Directus, to find a PING among them.
	readAhead = 64
	// stormEnd is the PING behind a storm of more lines.
	stormEnd = "storm"
)

// ponged takes the answer to a PING. One behind a storm is not noticed while lines in front of it wait for Directus, and may
// take twice as long.
func (c *client) ponged(name string) {
	if name == stormEnd {
		c.storms--
	}
	p, ok := c.probed[name]
	if delete(c.probed, name); !ok || c.stalledSince(p.sent) {
		return
	}
	took := time.Since(p.sent)
	if p.behind {
		took -= patience
	}
	c.slowest = max(c.slowest, took)
}

// The answer to a PING is late after 16 s, and behind a storm after 32 s. What follows the storm is not behind it.
func TestSlowestAnswer(t *testing.T) {
	for _, known := range []struct {
		storm, over bool
		took        time.Duration
		late        bool
	}{
		{took: patience}, {took: patience + 1, late: true},
		{storm: true, took: 2 * patience}, {storm: true, took: 2*patience + 1, late: true},
		{storm: true, over: true, took: patience + 1, late: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(&world{start: time.Now()}, 0, clientSpec{})
			c.out, c.nick, c.probed = make(chan string, 10), "ada", map[string]probe{}
			if known.storm && !c.flood("AWAY :again\r\nAWAY", readAhead+1) {
				t.Fatal("it has not sent the storm")
			}
			if known.over {
				c.take(irc.MustParseMessage(":irc.test PONG irc.test :" + stormEnd))
			}
			c.tend()
			time.Sleep(known.took)
			c.take(irc.MustParseMessage(":irc.test PONG irc.test :probe1"))
			if late := c.slowest > patience; late != known.late {
				t.Errorf("%+v: late is %v", known, late)
			}
		})
	}
}
