package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	irc "gopkg.in/irc.v4"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/bell"
)

const (
	// topicLife is how long a topic that was read is cached.
	topicLife = time.Minute
	// topicPatience is how long a JOIN or LIST waits for one topic.
	topicPatience = 2 * time.Second
	// maxTopic is how many bytes of a stored topic are kept: several times what a line has room
	// for, once for each user.
	maxTopic = 4 << 10
)

// topics caches the topics stored in Directus that one user may read. It is safe for
// concurrent use.
type topics struct {
	account *directus.Account
	setters *topicSetters // of all users
	// turn is a mutex with a deadline, held while a topic is changed and while a
	// topicWatch reads topics. The event of a change may come before the answer to it; so
	// the watch waits until the change is cached, and does not report it again.
	turn *semaphore.Weighted

	mu    sync.Mutex
	known map[collection.TopicItem]knownTopic // guarded by mu
}

type knownTopic struct {
	text  string
	ok    bool      // the topic could be read
	until time.Time // when to read it again
}

// text returns the topic of a channel: the stored one, or the configured one if there is none
// or it cannot be read.
func (t *topics) text(ctx context.Context, c *collection.Channel) string {
	if c.TopicItem == nil {
		return c.Topic
	}
	t.mu.Lock()
	k, found := t.known[*c.TopicItem]
	t.mu.Unlock()
	if !found || time.Now().After(k.until) {
		text, err := t.read(ctx, *c.TopicItem)
		if err != nil && !collection.IsForbidden(err) && found {
			text, err = k.text, nil // better an old one than none
		}
		k = t.remember(*c.TopicItem, text, err == nil)
	}
	if !k.ok {
		return c.Topic
	}
	return k.text
}

// forget empties the cache, when the user's rights have changed.
func (t *topics) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = nil
}

// forgetTopics empties the cache of topics, as the user's rights have changed. The watches then
// tell which topics the user may read now.
func (m *member) forgetTopics() {
	m.topics.forget()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.watches {
		w.again.Ring()
	}
}

// remember caches a topic; ok says that it could be read.
func (t *topics) remember(item collection.TopicItem, text string, ok bool) knownTopic {
	k := knownTopic{text, ok, time.Now().Add(topicLife)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[collection.TopicItem]knownTopic{}
	}
	t.known[item] = k
	return k
}

// changed caches a topic and reports whether it differs from the one known before.
func (t *topics) changed(item collection.TopicItem, text string) bool {
	t.mu.Lock()
	k, found := t.known[item]
	t.mu.Unlock()
	t.remember(item, text, true)
	return !found || !k.ok || k.text != text
}

// hidden caches that a topic may not be read, and reports whether that is new.
func (t *topics) hidden(item collection.TopicItem) bool {
	t.mu.Lock()
	k, found := t.known[item]
	t.mu.Unlock()
	t.remember(item, "", false)
	return !found || k.ok
}

func (t *topics) read(ctx context.Context, item collection.TopicItem) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, topicPatience)
	defer cancel()
	var items []map[string]json.RawMessage
	err := t.account.Items(ctx, item.Collection, directus.Query{
		Fields: []string{item.Field}, Filter: directus.Eq("id", item.ID), Limit: 1,
	}, &items)
	if err != nil {
		return "", fmt.Errorf("read a topic: %w", err)
	}
	if len(items) == 0 {
		return "", &directus.Error{Status: http.StatusForbidden, Code: directus.CodeForbidden, Message: "no such item, or not for this user"}
	}
	return text.Clip(collection.Scalar(items[0][item.Field]), maxTopic), nil
}

// topicSetters remembers who set each stored topic last over IRC, as Directus does not say
// who changed an item. Any goroutine may use it.
type topicSetters struct {
	mu   sync.Mutex                            // a leaf lock
	last map[collection.TopicItem]topicSetting // guarded by mu; at most one for each topic that was configured
}

type topicSetting struct {
	text, user string // the user by id
	at         time.Time
	until      time.Time // when the same text may well be from somebody else
}

// note records a setting. It has to be known before the change is made, whose event may come
// before the answer.
func (t *topicSetters) note(item collection.TopicItem, by topicSetting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[collection.TopicItem]topicSetting{}
	}
	t.last[item] = by
}

// withdraw forgets a setting that was refused.
func (t *topicSetters) withdraw(item collection.TopicItem, by topicSetting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last[item] == by {
		delete(t.last, item)
	}
}

// of returns who set a topic to a text; the zero value if that is not known.
func (t *topicSetters) of(item collection.TopicItem, text string) topicSetting {
	t.mu.Lock()
	defer t.mu.Unlock()
	if by := t.last[item]; by.text == text && time.Now().Before(by.until) {
		return by
	}
	return topicSetting{}
}

func (s *session) SetTopic(ctx context.Context, name, wanted string) (*ircd.Topic, error) {
	c := s.channelNamed(name)
	switch {
	case c == nil:
		return nil, noSuchChannel(name)
	case c.TopicItem == nil && c.Room != "":
		return nil, cannotSetTopic(s.nameOf(c), "The rooms have no topic: the configuration of the server names no field for it", nil)
	case c.TopicItem == nil:
		return nil, cannotSetTopic(c.Name(), "The topic of this channel is set in the configuration of the server", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := s.member.topics.turn.Acquire(ctx, 1); err != nil {
		return nil, tryAgain(err)
	}
	defer s.member.topics.turn.Release(1)
	item, setters := *c.TopicItem, s.member.topics.setters
	by := topicSetting{text: wanted, user: s.person.ID, at: s.member.account.Now(), until: time.Now().Add(topicLife)}
	setters.note(item, by)
	var stored map[string]json.RawMessage
	err := change{
		do: func(ctx context.Context) error {
			return s.member.account.UpdateItem(ctx, item.Collection, item.ID, map[string]any{item.Field: wanted}, []string{item.Field}, &stored)
		},
		done: func(ctx context.Context) (bool, error) {
			now, err := s.member.topics.read(ctx, item)
			return now == wanted, err
		},
	}.confirm(ctx)
	if err != nil {
		told, passing := settingTopic.told(err)
		if passing {
			return nil, tryLater(told, err)
		}
		setters.withdraw(item, by)
		return nil, cannotSetTopic(c.Name(), told, err)
	}
	if raw, ok := stored[item.Field]; ok {
		by.text = text.Clip(collection.Scalar(raw), maxTopic)
		setters.note(item, by)
	}
	s.member.topics.changed(item, by.text)
	topic := &ircd.Topic{Channel: s.nameOf(c), Text: by.text, By: s.User(), Time: by.at}
	if j := s.joined[c.Key()]; c.Room != "" && j != nil {
		j.topic = by.text // other sessions learn of it by the list of rooms
		return topic, nil
	}
	s.member.tell(s, "topic "+c.Name(), topic)
	for _, other := range s.plan.channels { // channels with the same topic item
		if other != c && other.TopicItem != nil && *other.TopicItem == item {
			s.member.tell(nil, "topic "+other.Name(), &ircd.Topic{Channel: other.Name(), Text: by.text, By: topic.By, Time: topic.Time})
		}
	}
	return topic, nil
}

func cannotSetTopic(channel, text string, err error) *ircd.Error {
	return reply(irc.ERR_CHANOPRIVSNEEDED, "CANNOT_SET_TOPIC", text, err, channel)
}

// topicWatch follows the topics in one collection with one subscription, for all sessions of
// a user.
type topicWatch struct {
	member *member
	query  directus.SubscriptionQuery
	sub    *directus.Subscription
	again  bell.Bell // the user's rights have changed
	ctx    context.Context
	cancel context.CancelFunc // ends run
	// channels are all with a topic in the collection; guarded by member.mu.
	channels []*collection.Channel
}

// watchTopics starts following the topics in the collection that stores the topic of a
// channel, if one does. all are the configured channels by name.
func (m *member) watchTopics(c *collection.Channel, all map[string]*collection.Channel) {
	if c.TopicItem == nil || c.Room != "" { // the list of rooms brings their topics
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watch(c.TopicItem.Collection, all)
}

// renewTopicWatches adapts all topic watches to a new configuration, of which all are the
// channels by name.
func (m *member) renewTopicWatches(all map[string]*collection.Channel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for where := range m.watches {
		m.watch(where, all)
	}
}

// watch makes, replaces or ends the topicWatch of a collection, according to the channels
// with topics in it. A new watch begins with a look, which finds changes made while there was
// none. The caller holds mu.
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
	w := &topicWatch{member: m, query: query, channels: channels, sub: m.rt.Subscribe(where, query), again: bell.New()}
	w.ctx, w.cancel = context.WithCancel(m.ctx)
	m.watches[where] = w
	m.begin(func() error { w.run(w.ctx); return nil })
}

// topicsIn lists the channels with a topic in a collection, and the query of a subscription
// that follows these topics.
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

// run reports changes of topics until ctx ends. The subscription is only a doorbell: the
// topics are read after each event, and likewise after a gap.
func (w *topicWatch) run(ctx context.Context) {
	defer w.sub.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.sub.Wake():
		case <-w.again:
		}
		w.sub.Drain()
		if w.member.topics.turn.Acquire(ctx, 1) != nil {
			return
		}
		w.look(ctx)
		w.member.topics.turn.Release(1)
	}
}

// look reads the topics and tells the sessions about those that have changed.
func (w *topicWatch) look(ctx context.Context) {
	news := map[collection.TopicItem]bool{} // read once, as several channels may share one
	for _, c := range w.member.watched(w) {
		changed, known := news[*c.TopicItem]
		if !known {
			changed = w.renew(ctx, c)
			news[*c.TopicItem] = changed
		}
		if changed && w.member.watchesTopic(c) {
			w.member.tell(nil, "topic "+c.Name(), w.member.topicOf(c, w.member.topics.text(ctx, c)))
		}
	}
}

// topicOf makes the event of a stored topic. Who set it is told if everybody in the channel
// sees that user there.
func (m *member) topicOf(c *collection.Channel, text string) *ircd.Topic {
	t := &ircd.Topic{Channel: c.Name(), Text: text}
	if by := m.topics.setters.of(*c.TopicItem, text); by.user != "" {
		if u, seen := m.names.Met(by.user, c); seen {
			t.By, t.Time = u, by.at
		}
	}
	return t
}

func (m *member) watched(w *topicWatch) []*collection.Channel {
	m.mu.Lock()
	defer m.mu.Unlock()
	return w.channels
}

// watchesTopic reports whether any watch still follows the topic of a channel: the
// configuration may have changed since c was taken from it.
func (m *member) watchesTopic(c *collection.Channel) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.watches[c.TopicItem.Collection]
	return w != nil && slices.ContainsFunc(w.channels, func(o *collection.Channel) bool { return o.Name() == c.Name() && *o.TopicItem == *c.TopicItem })
}

// renew reads the topic of a channel into the cache, and reports whether it differs from the one
// known before.
func (w *topicWatch) renew(ctx context.Context, c *collection.Channel) (changed bool) {
	text, err := w.member.topics.read(ctx, *c.TopicItem)
	switch {
	case collection.IsForbidden(err):
		return w.member.topics.hidden(*c.TopicItem)
	case err != nil:
		w.member.log.Debug().Err(err).Str("channel", c.Name()).Msg("read the topic")
		return false
	}
	return w.member.topics.changed(*c.TopicItem, text)
}
