package ircd

import (
	"context"

	"directus-ircd/ircd/wire"
)

// tagContext marks what belongs to the message before it and does not count.
const tagContext = "draft/chathistory-context"

// showBacklog shows the messages that were stored before the client came, in the
// same form as an answer to CHATHISTORY. The client has not asked for it, and if it
// has learned to ask since, it does so.
func (c *conn) showBacklog(ctx context.Context, window string, messages []*Message) error {
	if c.caps.has(capChathistory) {
		return nil
	}
	events := make([]Event, 0, len(messages))
	for _, m := range messages {
		if c.follows(m.Target, m.From, m.To) {
			events = append(events, m)
		}
	}
	if len(events) == 0 {
		return nil
	}
	defer c.aside()()
	return c.showEvents(ctx, c.openHistory(nil, "chathistory", window), events, nil)
}

// showRest shows the parts of a backlog that follow the first.
func (c *conn) showRest(ctx context.Context, more More) error {
	if c.caps.has(capChathistory) {
		return nil
	}
	for {
		events, err := c.nextPart(ctx, more)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, ev := range events {
			if err := c.showEvent(ctx, ev); err != nil {
				return err
			}
		}
	}
}

// nextPart is the next part of a history, none at the end, or where nobody reads any more.
// It is read when the client has taken all that it was sent: who does not read is to cost
// no more than what is in its queue. The client cannot be told that a part is missing, so
// one that cannot be read ends the connection: it comes back and asks again.
func (c *conn) nextPart(ctx context.Context, more More) ([]Event, error) {
	if more == nil {
		return nil, nil
	}
	if alive, err := c.written(ctx); err != nil || !alive {
		return nil, err
	}
	events, err := more(Lasting(ctx))
	if end := ended(ctx); end != nil {
		return nil, end
	}
	if err != nil {
		c.log.Warn().Err(err).Msg("read the rest of a history")
		return nil, &closing{text: "The rest of the history could not be read: come back to see it", cause: "history"}
	}
	return events, nil
}

// whenWritten waits until the client has taken all that it was sent, and gives what asks
// for a page then the time of a command: who does not read holds none, and a client that is
// gone asks for none. alive is false for that.
func (c *conn) whenWritten(ctx context.Context) (asking context.Context, cancel context.CancelFunc, alive bool, err error) {
	if alive, err = c.written(ctx); err != nil || !alive {
		return nil, nil, false, err
	}
	asking, cancel = withPatience(Lasting(ctx))
	return asking, cancel, true, nil
}

// written waits until the client has taken all that it was sent. It is false where that
// has failed.
func (c *conn) written(ctx context.Context) (bool, error) {
	if err := c.flush(ctx); err != nil {
		return false, err
	}
	return c.out.awaitIdle(Lasting(ctx))
}

// openHistory opens the batch of a history; it is none for clients without
// batches.
func (c *conn) openHistory(tags []wire.Tag, kind string, params ...string) batch {
	if !c.caps.has(capBatch) {
		return batch{}
	}
	return c.openAnswer(tags, kind, params...)
}

// closeHistory closes what openHistory has opened.
func (c *conn) closeHistory(b batch) {
	if b.id != "" {
		c.closeBatch(b)
	}
}

// showEvents shows a history, and what follows its first part, in the batch for it, and
// closes that.
func (c *conn) showEvents(ctx context.Context, b batch, events []Event, more More) error {
	f := c.form(true)
	for {
		for i, ev := range events {
			if err := c.showIn(ctx, b, ev, f); err != nil {
				return err
			}
			events[i] = nil // it may be long
			if err := c.flushLong(ctx); err != nil {
				return err
			}
		}
		var err error
		if events, err = c.nextPart(ctx, more); err != nil {
			return err
		}
		if len(events) == 0 {
			c.closeHistory(b)
			return nil
		}
	}
}

// showIn shows one event of a history in an open batch, or in none. It is the
// only place that does.
func (c *conn) showIn(ctx context.Context, b batch, ev Event, f form) error {
	switch ev := ev.(type) {
	case *Message:
		return c.sendLong(ctx, b, newRendering(render(c.srv.sourced(ev), c.by(ev.source(), f))))
	case *Reaction:
		lines := renderReaction(ev, c.by(ev.From, f))
		for i := range lines {
			lines[i].Tags = append(lines[i].Tags, wire.Tag{Key: tagContext})
		}
		c.sendAll(b, newRendering(lines))
	}
	return nil
}
