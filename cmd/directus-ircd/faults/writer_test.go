package faults

import (
	"context"
	"fmt"
	"strings"
	"time"

	irc "gopkg.in/irc.v4"

	"directus-ircd/ircd/ircdtest"
)

// pace is how long a writer waits before its next message, or as long as the last one took, so that whatever is slow is
// not swamped.
const pace = 100 * time.Millisecond

// slowPace is that of writers of whom a few messages are enough.
const slowPace = time.Second

// truthTimeout is how long it may take until a writer over IRC knows what became of a message. The daemon promises 16 s
// on a machine that has time for it: under the race detector, beside other tests, it was seen to take 49 s.
const truthTimeout = 90 * time.Second

// ircWriter is a client that sends, and sends again what was surely not sent. It stops when its world stops writing, as
// soon as it knows of its last message.
type ircWriter struct {
	client
	echo bool          // it knows that a message was stored by its echo; else by the absence of an error
	pace time.Duration // between two messages
	n    int
	redo bool // the message n was refused
	last key  // the message n; guarded by the book's mu
}

func (w *ircWriter) run(ctx context.Context) {
	ctx, done := context.WithCancel(ctx)
	defer done()
	w.keep(ctx, func(c *connection) error {
		for {
			if w.world.writing.Err() != nil {
				done()
				return nil
			}
			begin := time.Now()
			if err := w.step(ctx, c); err != nil {
				return err
			}
			pause(ctx, max(w.pace, min(time.Since(begin), 10*w.pace)))
		}
	})
}

// step sends one message and waits for the truth about it.
func (w *ircWriter) step(ctx context.Context, c *connection) error {
	if !w.redo {
		w.n++
	}
	w.redo = false
	k := key{w.name, w.n}
	channel := channelOf(k)
	if k.barred() {
		channel = marked
	}
	w.world.book.ask(k, channel)
	w.world.book.do(func() { w.last = k })
	begin := time.Now()
	o, err := w.say(ctx, c, k, channel)
	w.world.book.know(k, o)
	if took := time.Since(begin); took > truthTimeout {
		w.world.fail("%s: the truth about %v took %v", w.name, k, took)
	}
	w.redo = o == refused && !k.barred()
	return err
}

func (w *ircWriter) say(ctx context.Context, c *connection, k key, channel string) (outcome, error) {
	barrier := ircdtest.Barrier(w.n) // a PING may be answered before its turn
	if err := c.send("PRIVMSG "+channel+" :"+k.text(), barrier); err != nil {
		return unheard, err
	}
	told, echoed := pending, false
	for {
		m, err := c.next(ctx, replyTimeout)
		if err != nil {
			if told != pending {
				return told, err
			}
			if echoed {
				return stored, err
			}
			return unheard, err
		}
		switch {
		case m.Command == irc.ERR_UNKNOWNCOMMAND && m.Params[1] == barrier:
			return w.conclude(k, told, echoed)
		case m.Command == "PRIVMSG" && m.Prefix.Name == c.nick:
			if got, ok := parseKey(m.Trailing()); ok && got == k {
				echoed = true
			}
		case isRefusal(m, channel):
			told = refused
			if strings.Contains(m.Trailing(), "perhaps") {
				told = perhaps
			}
			w.world.note("%s: %v: %s", w.name, k, m.Trailing())
			w.world.book.do(func() {
				w.world.book.words[w.name] = append(w.world.book.words[w.name], fmt.Sprintf("%v %v: %s", w.world.since(), k, m.Trailing()))
			})
			if strings.Contains(m.Trailing(), saidNo) {
				w.world.book.do(func() { w.world.book.letters[k].why = true })
				w.world.book.met(refusedHere)
			}
			if strings.Contains(m.Trailing(), "join") {
				if err := c.send("JOIN " + channel); err != nil {
					return told, err
				}
			}
		}
	}
}

// isRefusal recognises the replies to a PRIVMSG.
func isRefusal(m *irc.Message, channel string) bool {
	switch m.Command {
	case irc.ERR_CANNOTSENDTOCHAN, irc.ERR_NOSUCHCHANNEL, irc.ERR_NOTONCHANNEL:
		return len(m.Params) > 2 && m.Params[1] == channel
	}
	return false
}

func (w *ircWriter) conclude(k key, told outcome, echoed bool) (outcome, error) {
	switch {
	case told == perhaps && echoed: // as the daemon says then: it is shown if it was sent
		return stored, nil
	case told != pending && echoed:
		w.world.fail("%s: %v was shown as stored and refused", w.name, k)
	case told == pending && w.echo && !echoed:
		w.world.fail("%s: neither echo nor error for %v", w.name, k)
		return unheard, nil
	case told == pending:
		return stored, nil
	}
	return told, nil
}
