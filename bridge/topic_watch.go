package bridge

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// topicWatch follows the topics that are stored in one collection, for all
// sessions of a user, by one subscription.
type topicWatch struct {
	member *member
	query  directus.SubscriptionQuery
	sub    *directus.Subscription
	ctx    context.Context
	cancel context.CancelFunc // ends run
	// channels are those with a topic in the collection; guarded by the member's mu.
	channels []*collection.Channel
}

// watchTopics follows the topics that are stored in the collection in which that of a
// channel is, from now on. all are the channels that are configured now.
func (m *member) watchTopics(c *collection.Channel, all map[string]*collection.Channel) {
	if c.TopicItem == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watch(c.TopicItem.Collection, all)
}

// renewTopicWatches goes on with what is followed for the channels that are configured
// now.
func (m *member) renewTopicWatches(all map[string]*collection.Channel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for where := range m.watches {
		m.watch(where, all)
	}
}

// watch follows the topics in a collection by one subscription: another one takes its
// place when there are other items to be followed, none when there are none. The first
// look of each finds what has changed in between. The caller holds mu.
func (m *member) watch(where string, all map[string]*collection.Channel) {
	if m.ctx.Err() != nil {
		return
	}
	channels, query := topicsIn(where, all)
	if w := m.watches[where]; w != nil {
		w.channels = channels
		if reflect.DeepEqual(w.query, query) {
			return
		}
		w.cancel()
		delete(m.watches, where)
	}
	if len(channels) == 0 {
		return
	}
	w := &topicWatch{member: m, query: query, channels: channels, sub: m.rt.Subscribe(where, query)}
	w.ctx, w.cancel = context.WithCancel(m.ctx)
	m.watches[where] = w
	m.begin(func() error { w.run(w.ctx); return nil })
}

// topicsIn lists the channels with a topic in a collection, and what is to be asked to
// follow them.
func topicsIn(where string, all map[string]*collection.Channel) ([]*collection.Channel, directus.SubscriptionQuery) {
	var channels []*collection.Channel
	fields, ids := []string{"id"}, []string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if c := all[name]; c.TopicItem != nil && c.TopicItem.Collection == where {
			channels = append(channels, c)
			fields, ids = append(fields, c.TopicItem.Field), append(ids, c.TopicItem.ID)
		}
	}
	slices.Sort(fields)
	slices.Sort(ids)
	return channels, directus.SubscriptionQuery{
		Fields: slices.Compact(fields), Filter: directus.Filter{"id": map[string]any{"_in": slices.Compact(ids)}},
		Events: []directus.EventKind{directus.EventUpdate},
	}
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
	news := map[collection.TopicItem]*string{} // several channels may have one topic
	for _, c := range w.member.watched(w) {
		text, known := news[*c.TopicItem]
		if !known {
			text = w.renew(ctx, c)
			news[*c.TopicItem] = text
		}
		if text != nil && w.member.watchesTopic(c) {
			w.member.tell(nil, "topic "+c.Name, &ircd.Topic{Channel: c.Name, Text: *text})
		}
	}
}

// watched are the channels of a watch.
func (m *member) watched(w *topicWatch) []*collection.Channel {
	m.mu.Lock()
	defer m.mu.Unlock()
	return w.channels
}

// watchesTopic reports whether the topic of a channel is still where it was, whichever
// watch follows it by now.
func (m *member) watchesTopic(c *collection.Channel) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.watches[c.TopicItem.Collection]
	return w != nil && slices.ContainsFunc(w.channels, func(o *collection.Channel) bool { return o.Name == c.Name && *o.TopicItem == *c.TopicItem })
}

// renew reads the topic of a channel; nil if it cannot be read or is no news.
func (w *topicWatch) renew(ctx context.Context, c *collection.Channel) *string {
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
