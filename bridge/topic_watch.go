package bridge

import (
	"context"
	"slices"

	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// topicWatch follows the topics that are stored in one collection, for all
// sessions of a user, by one subscription.
type topicWatch struct {
	member   *member
	channels []*channel // those with a topic in the collection
	sub      *directus.Subscription
}

// watchTopics follows the topic of a channel from now on, if it is stored in
// Directus and not followed yet.
func (m *member) watchTopics(c *channel, all map[string]*channel) {
	if c.TopicItem == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watched[c.Name] == *c.TopicItem || m.ctx.Err() != nil {
		return
	}
	collection := c.TopicItem.Collection
	w := &topicWatch{member: m}
	fields, ids := []string{"id"}, []string{}
	for _, c := range all {
		if c.TopicItem == nil || c.TopicItem.Collection != collection || m.watched[c.Name] == *c.TopicItem {
			continue
		}
		m.watched[c.Name] = *c.TopicItem
		w.channels = append(w.channels, c)
		fields, ids = append(fields, c.TopicItem.Field), append(ids, c.TopicItem.ID)
	}
	slices.Sort(fields)
	w.sub = m.rt.Subscribe(collection, directus.SubscriptionQuery{
		Fields: slices.Compact(fields), Filter: directus.Filter{"id": map[string]any{"_in": ids}},
		Events: []directus.EventKind{directus.EventUpdate},
	})
	m.begin(func() error { w.run(m.ctx); return nil })
}

// run tells of changes until ctx ends. An event is a doorbell only: the item is
// read again, so that a gap and an event are one.
func (w *topicWatch) run(ctx context.Context) {
	defer w.sub.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.sub.Wake():
		}
		w.sub.Drain()
		give, err := w.member.topics.takeTurn(ctx)
		if err != nil {
			return
		}
		w.look(ctx)
		give()
	}
}

// look tells of the topics that are not those known.
func (w *topicWatch) look(ctx context.Context) {
	news := map[TopicItem]*string{} // several channels may have one topic
	for _, c := range w.channels {
		if !w.member.watches(c) {
			continue // its topic is something else by now
		}
		text, known := news[*c.TopicItem]
		if !known {
			text = w.renew(ctx, c)
			news[*c.TopicItem] = text
		}
		if text != nil {
			w.member.tell(nil, "topic "+c.Name, &ircd.Topic{Channel: c.Name, Text: *text})
		}
	}
}

func (m *member) watches(c *channel) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.watched[c.Name] == *c.TopicItem
}

// renew reads the topic of a channel; nil if it cannot be read or is no news.
func (w *topicWatch) renew(ctx context.Context, c *channel) *string {
	text, err := w.member.topics.read(ctx, *c.TopicItem)
	if err != nil {
		w.member.log.Debug().Err(err).Str("channel", c.Name).Msg("topic")
		return nil
	}
	if !w.member.topics.changed(*c.TopicItem, text) {
		return nil
	}
	return &text
}
