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
	// receiptPause is the minimum time between two PINGs that ask for a receipt.
	receiptPause = 500 * time.Millisecond
	// maxPings is how many unanswered PINGs are remembered. A client with that many is
	// not asked for receipts.
	maxPings = 16
	// lastPatience is how long a shutdown waits for a client's last receipt.
	lastPatience = 500 * time.Millisecond
)

// receipts tracks what the client has received. A PONG proves that everything sent before
// its PING has arrived; a successful write to the socket proves nothing. loop owns it.
type receipts struct {
	pings  []ping           // unanswered, oldest first; at most maxPings
	open   bool             // one of them asks for a receipt
	pause  <-chan time.Time // readable when the next one may be asked for; nil: now
	serial uint64           // of the last PING that asks for one
}

// ping is a PING that was sent.
type ping struct {
	token   string
	receipt bool
}

// ping sends a PING. sic and ii need the colon to answer it correctly.
func (c *conn) ping(p ping) {
	if r := &c.receipts; len(r.pings) < maxPings {
		r.pings = append(r.pings, p)
	}
	c.send(&wire.Line{Command: "PING", Params: []string{p.token}, Trailing: true})
}

// askReceipt asks the client for a receipt if the session wants one. One question at a
// time, at most every receiptPause, covers everything sent before.
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

// lastReceipt asks once more when the server shuts down and waits for the answer, so that
// what has arrived is not shown again after a restart. Messages that arrive meanwhile are
// refused with reason.
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
		case <-c.lines.more():
			in, open := c.lines.take()
			if !open {
				return
			}
			c.took(in)
			if m, err := wire.Parse(in.text); err == nil && m.Command == "PONG" {
				_ = c.cmdPong(ctx, m) // always nil
			} else {
				c.refuse(in, reason)
			}
			c.askReceipt()
		case <-ctx.Done():
			return
		}
	}
}

// cmdPong handles the answer to a PING, which answers all PINGs before it too.
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

// answeredBy is how many PINGs a PONG answers. A PONG without a token answers the oldest.
func (r *receipts) answeredBy(params []string) int {
	for _, param := range slices.Backward(params) {
		if i := slices.IndexFunc(r.pings, func(p ping) bool { return p.token == param }); i >= 0 {
			return i + 1
		}
	}
	if bare := len(params) == 0 || params[len(params)-1] == "" || params[len(params)-1] == "(null)"; !bare {
		return 0 // unsolicited
	}
	return min(1, len(r.pings))
}
