package faults

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	irc "gopkg.in/irc.v4"
)

// A pair are two users one of whose static token the other is given for a while. Only the first has clients: what they
// write and read is the first one's, or nothing.
type pair struct {
	token         string
	owner, finder *person
}

// addPair makes a pair of a daemon. The finder is a guest.
func (w *world) addPair(d *daemon, names [2]string) {
	w.t.Helper()
	p := &pair{token: rand.Text()}
	for i, to := range []**person{&p.owner, &p.finder} {
		u := w.dx.CreateUser(names[i], "")
		*to = newPerson(d, u, i == 0)
		(*to).token = p.token
	}
	w.dx.UpdateUser(p.finder.user, map[string]any{"role": guestRole, "token": nil})
	w.dx.UpdateUser(p.owner.user, map[string]any{"token": p.token})
	w.pairs = append(w.pairs, p)
	w.addReader("token", p.owner, tagged)
	w.addWriter(p.owner, true, capsOf[tagged]).pace = slowPace
}

// moveTokens gives the tokens to others until the sessions that were opened with them have ended, looks at what the
// token is good for then, and gives them back.
func moveTokens(ctx context.Context, w *world) {
	for _, p := range w.pairs {
		p.owner.keepOut()
		w.dx.UpdateUser(p.owner.user, map[string]any{"token": nil})
		w.dx.UpdateUser(p.finder.user, map[string]any{"token": p.token})
	}
	from := time.Now()
	limited, cancel := context.WithTimeout(ctx, recheck+recovery)
	defer cancel()
	for _, p := range w.pairs {
		if err := p.owner.awaitEnd(limited, 2); err != nil {
			w.fail("token moved: %v", err)
			continue
		}
		w.book.met(sessionMoved)
		if took := time.Since(from); took > recheck+healthy {
			w.fail("token moved: the session of %s went on for %v", p.owner.user.FirstName, took)
		}
		w.probe(limited, p)
	}
	w.book.do(func() {
		for _, p := range w.pairs {
			w.book.windows = append(w.book.windows, window{"", p.owner, from.Add(recheck + healthy), time.Now()})
		}
	})
	for _, p := range w.pairs {
		w.dx.UpdateUser(p.finder.user, map[string]any{"token": nil})
		w.dx.UpdateUser(p.owner.user, map[string]any{"token": p.token})
		p.owner.letIn()
	}
}

// probe logs in with a token that was moved: that is its finder, who is a guest.
func (w *world) probe(ctx context.Context, p *pair) {
	c, err := connect(ctx, p.finder, "", nil)
	if err != nil {
		w.fail("token moved: its new user cannot log in: %v", err)
		return
	}
	defer c.close()
	w.book.named(p.finder.daemon, c.nick, p.finder.user.ID, w)
	if c.nick != p.finder.user.FirstName {
		w.blameNow("wrong person: the token that %s was given logs in as %s", p.finder.user.FirstName, c.nick)
	}
	if err := c.send("JOIN #staff", "PING :end"); err != nil {
		return
	}
	for {
		m, err := c.next(ctx, replyTimeout)
		switch {
		case err != nil:
			w.note("token moved: %v", err)
			return
		case m.Command == "PONG" && m.Trailing() == "end":
			return
		case m.Command == irc.RPL_ENDOFNAMES && m.Params[1] == "#staff", slices.Contains(m.Params, "#staff") && m.Command == "PRIVMSG":
			w.blameNow("leaked: who was given a token of the staff is shown %s", strings.Join(m.Params, " "))
		}
	}
}
