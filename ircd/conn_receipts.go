package ircd

import (
	"context"
	"slices"
	"strconv"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// receiptPause is the least time between two PINGs that ask for a receipt.
	receiptPause = 500 * time.Millisecond
	// maxPings is how many PINGs are remembered. A client that has left so many
	// unanswered is not asked any more.
	maxPings = 16
	// lastPatience is how long a client is waited for at the end of the server.
	lastPatience = 500 * time.Millisecond
)

// receipts finds out what the client has received: a PONG proves that all has
// arrived that was sent before its PING. What is written to a socket proves
// nothing. It is owned by loop.
type receipts struct {
	pings  []ping           // unanswered, oldest first; at most maxPings
	open   bool             // one of them asks for a receipt
	pause  <-chan time.Time // until then none is asked for; nil: it may be
	serial uint64
}

// ping is a PING that was sent.
type ping struct {
	token   string
	receipt bool
}

// ping sends a PING. The colon is for sic and ii, which answer nothing of use
// without it.
func (c *conn) ping(p ping) {
	if r := &c.receipts; len(r.pings) < maxPings {
		r.pings = append(r.pings, p)
	}
	c.send(&wire.Line{Command: "PING", Params: []string{p.token}, Trailing: true})
}

// askReceipt asks the client whether it has what it was shown, if the session wants
// to know. One question at a time, and not too many, do for all that is shown.
func (c *conn) askReceipt() {
	r := &c.receipts
	if !c.registered || r.open || r.pause != nil || len(r.pings) >= maxPings || !c.session.AskReceipt() {
		return
	}
	r.serial++
	r.open, r.pause = true, time.After(receiptPause)
	c.pacing.asked.Add(1)
	c.ping(ping{"seen-" + strconv.FormatUint(r.serial, 10), true})
}

// lastReceipt asks once more at the end of the server and waits for the answer: what
// has arrived is not to be shown again after a restart. Nothing else is handled any
// more; reason is why.
func (c *conn) lastReceipt(reason string) {
	c.receipts.pause = nil
	c.askReceipt()
	if !c.receipts.open {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastPatience)
	defer cancel()
	for c.flush(ctx) == nil && c.receipts.open {
		select {
		case in, ok := <-c.lines:
			if !ok {
				return
			}
			c.took(in)
			if m, err := wire.Parse(in.text); err == nil && m.Command == "PONG" {
				_ = c.cmdPong(ctx, m) // has nothing to refuse
			} else {
				c.refuse(in, reason)
			}
			c.askReceipt()
		case <-ctx.Done():
			return
		}
	}
}

// cmdPong takes the answer to a PING, and to those before it.
func (c *conn) cmdPong(_ context.Context, m *irc.Message) error {
	r := &c.receipts
	n := r.answeredBy(m.Params)
	for _, p := range r.pings[:n] {
		if p.receipt {
			r.open = false
			c.session.Received()
		}
	}
	if r.pings = r.pings[n:]; len(r.pings) == 0 {
		r.pings = nil
	}
	return nil
}

// answeredBy is how many PINGs a PONG answers. Where the token does not come back
// it is the one that was sent first.
func (r *receipts) answeredBy(params []string) int {
	for _, param := range slices.Backward(params) {
		if i := slices.IndexFunc(r.pings, func(p ping) bool { return p.token == param }); i >= 0 {
			return i + 1
		}
	}
	if bare := len(params) == 0 || params[len(params)-1] == "" || params[len(params)-1] == "(null)"; !bare {
		return 0 // sent unasked
	}
	return min(1, len(r.pings))
}
