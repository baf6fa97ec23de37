package ircd

import (
	"context"
	"time"

	"directus-ircd/ircd/wire"
)

// tagContext marks events that belong to the message before them and do not count.
const tagContext = "draft/chathistory-context"

// newsAge is up to which age what was written after the client came is news for it, in whatever
// way it comes. Later ones are told with their time, as catching up is.
const newsAge = time.Minute

// newsSince is from when on what comes in a late backlog of a window is news: it was written when
// the client was there, while the window was still being prepared. To a client without server-time
// it must look live, or a bot would take no "[12:03] !help" for a command. Dates in Directus may be
// whole seconds.
func (c *conn) newsSince(window string) time.Time {
	came := c.start
	if ch := c.channels[wire.Fold(window)]; ch != nil {
		came = ch.since
	}
	since := c.srv.dateOf(came).Truncate(time.Second)
	if oldest := c.srv.now().Add(-newsAge); oldest.After(since) {
		return oldest
	}
	return since
}

// showBacklog shows messages from before the client came, in the form of an answer to
// CHATHISTORY. Those from news on are shown as live ones are; the zero time means none. A client
// that has enabled chathistory meanwhile fetches them itself.
func (c *conn) showBacklog(ctx context.Context, window string, messages []*Message, news time.Time) error {
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
	return c.showEvents(ctx, c.openHistory(nil, "chathistory", window), &HistoryPage{Events: events}, news)
}

// showRest shows the further parts of a backlog.
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

// nextPart reads the next part of a history; it has no events at the end, and when the client
// is gone. It first waits until the client has read everything before, so that a client that
// does not read costs no more than its queue. There is no way to tell a client that a part is
// missing, so a part that cannot be read ends the connection: the client reconnects and asks
// again.
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
		return nil, &closing{text: "The rest of the history could not be read: reconnect to see it", cause: "history"}
	}
	return events, nil
}

// written waits until all output is written. It returns false if a write has failed.
func (c *conn) written(ctx context.Context) (bool, error) {
	if err := c.flush(ctx); err != nil {
		return false, err
	}
	return c.out.awaitIdle(Lasting(ctx))
}

// openHistory opens the batch of a history; for clients without batch it opens none.
func (c *conn) openHistory(tags []wire.Tag, kind string, params ...string) batch {
	if !c.caps.has(capBatch) {
		return batch{}
	}
	return c.openAnswer(tags, kind, params...)
}

// showEvents shows a history in its batch, first part and rest, and closes the batch. For news see
// showBacklog.
func (c *conn) showEvents(ctx context.Context, b batch, page *HistoryPage, news time.Time) error {
	f := c.form(true)
	events := page.Events
	for {
		for i, ev := range events {
			m, ok := ev.(*Message)
			f.old = !ok || news.IsZero() || m.Time.Before(news)
			if err := c.showIn(ctx, b, ev, f); err != nil {
				return err
			}
			events[i] = nil // release its text
			if err := c.flushLong(ctx); err != nil {
				return err
			}
		}
		var err error
		if events, err = c.nextPart(ctx, page.More); err != nil {
			return err
		}
		if len(events) == 0 {
			c.closeBatch(b)
			return nil
		}
	}
}

// showIn shows one event of a history, in an open batch or in none.
func (c *conn) showIn(ctx context.Context, b batch, ev Event, f form) error {
	switch ev := ev.(type) {
	case *Message:
		return c.sendLong(ctx, b, c.srv.rendered(ev, c.formFor(ev, f)))
	case *Reaction:
		lines := renderReaction(ev, c.by(ev.From, f))
		for i := range lines {
			lines[i].Tags = append(lines[i].Tags, wire.Tag{Key: tagContext})
		}
		c.sendAll(b, newRendering(lines))
	}
	return nil
}
