package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	irc "gopkg.in/irc.v4"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

const (
	// topicLife is how long a topic that was read is believed while nothing
	// watches it.
	topicLife = time.Minute
	// topicPatience is how long a JOIN or LIST waits for topics.
	topicPatience = 2 * time.Second
)

// topics knows the topics that are stored in Directus, as one user may read
// them.
type topics struct {
	account *directus.Account
	// turn is held by whoever changes a topic or looks at a change of one, so
	// that a change made here is known before its event is looked at, which may
	// come before the answer. Cap 1: full while it is held.
	turn chan struct{}

	mu    sync.Mutex
	known map[collection.TopicItem]knownTopic // guarded by mu
}

type knownTopic struct {
	text  string
	ok    bool // it could be read
	until time.Time
}

// takeTurn waits for the turn; give ends it.
func (t *topics) takeTurn(ctx context.Context) (give func(), err error) {
	select {
	case t.turn <- struct{}{}:
		return func() { <-t.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// text returns the topic of a channel: the stored one, or the configured one
// where that cannot be read.
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

func (t *topics) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = nil
}

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

// changed notes a topic that was stored and reports whether that is news.
func (t *topics) changed(item collection.TopicItem, text string) bool {
	t.mu.Lock()
	k, found := t.known[item]
	t.mu.Unlock()
	t.remember(item, text, true)
	return !found || !k.ok || k.text != text
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
	return collection.Scalar(items[0][item.Field]), nil
}

// SetTopic implements ircd.Session.
func (s *session) SetTopic(ctx context.Context, name, text string) (*ircd.Topic, error) {
	c := s.plan.channels[wire.Fold(name)]
	switch {
	case c == nil:
		return nil, noSuchChannel(name)
	case c.TopicItem == nil:
		return nil, cannotSetTopic(c.Name, "The topic of this channel is set in the configuration of the server", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	give, err := s.member.topics.takeTurn(ctx)
	if err != nil {
		return nil, tryAgain(err)
	}
	defer give()
	item := *c.TopicItem
	var stored map[string]json.RawMessage
	err = s.member.account.UpdateItem(ctx, item.Collection, item.ID, map[string]any{item.Field: text}, []string{item.Field}, &stored)
	switch {
	case collection.IsForbidden(err):
		return nil, cannotSetTopic(c.Name, "Directus does not allow you to change the topic", err)
	case failedAt(err):
		return nil, cannotSetTopic(c.Name, "The topic is not changed: "+failureText, err)
	case unanswered(err):
		return nil, tryAgain(err)
	case err != nil:
		return nil, cannotSetTopic(c.Name, "Directus refused this topic"+because(err), err)
	}
	if raw, ok := stored[item.Field]; ok {
		text = collection.Scalar(raw)
	}
	s.member.topics.changed(item, text)
	topic := &ircd.Topic{Channel: c.Name, Text: text, By: s.User(), Time: s.member.account.Now()}
	s.member.tell(s, "topic "+c.Name, topic)
	for _, other := range s.plan.channels { // those that have the same topic
		if other != c && other.TopicItem != nil && *other.TopicItem == item {
			s.member.tell(nil, "topic "+other.Name, &ircd.Topic{Channel: other.Name, Text: text, By: topic.By, Time: topic.Time})
		}
	}
	return topic, nil
}

func cannotSetTopic(channel, text string, err error) *ircd.Error {
	return &ircd.Error{
		Numeric: irc.ERR_CHANOPRIVSNEEDED, Params: []string{channel},
		Code: "CANNOT_SET_TOPIC", Text: text, Err: err,
	}
}
