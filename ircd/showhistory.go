package ircd

import "context"

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
	return c.showEvents(ctx, c.openHistory(nil, "chathistory", window), events)
}

// openHistory opens the batch of a history; it is none for clients without
// batches.
func (c *conn) openHistory(tags []tag, kind string, params ...string) batch {
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

// showEvents shows a part of a history in the batch for it, and closes that.
func (c *conn) showEvents(ctx context.Context, b batch, events []Event) error {
	f := c.form(true)
	for _, ev := range events {
		c.showIn(b, ev, f)
		if err := c.flushLong(ctx); err != nil {
			return err
		}
	}
	c.closeHistory(b)
	return nil
}

// showIn shows one event of a history in an open batch, or in none. It is the
// only place that does.
func (c *conn) showIn(b batch, ev Event, f form) {
	switch ev := ev.(type) {
	case *Message:
		c.sendAll(b, newRendering(render(c.srv.sourced(ev), c.by(ev.source(), f))))
	case *Reaction:
		lines := renderReaction(ev, c.by(ev.From, f))
		for i := range lines {
			lines[i].Tags = append(lines[i].Tags, tag{Key: tagContext})
		}
		c.sendAll(b, newRendering(lines))
	}
}

// finish tells the backend that a client has been given a page, or never will be.
func finish(done func()) {
	if done != nil {
		done()
	}
}
