package ircd

import (
	"context"
	"fmt"
	"strconv"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// topicLen is how long a topic may be, in bytes (TOPICLEN): so that it fits into
// each line that shows it, whoever reads it in whatever channel.
func (s *settings) topicLen() int {
	const (
		most = 390 // what clients are used to
		// list is the longest of those lines, with as many users as it may show.
		list = " 322  " + "  100000 :"
	)
	return min(most, wire.MaxBody-len(":"+s.Name+list)-wire.NickLen-wire.ChannelLen)
}

// cmdTopic shows the topic of a channel, or has the backend change it.
func (c *conn) cmdTopic(ctx context.Context, m *irc.Message) error {
	if len(m.Params) > 1 {
		return c.setTopic(ctx, m.Param(0), m.Param(1))
	}
	ch, err := c.findChannel(ctx, m.Param(0))
	switch {
	case err != nil:
		return err
	case ch.Topic == "":
		c.reply(irc.RPL_NOTOPIC, ch.Name, "No topic is set")
		return nil
	}
	c.reply(irc.RPL_TOPIC, ch.Name, ch.Topic)
	if joined := c.channels[wire.Fold(ch.Name)]; joined != nil {
		c.sendTopicSetter(joined)
	}
	return nil
}

// sendTopicSetter tells who set the topic of a channel, where that is known.
func (c *conn) sendTopicSetter(ch *joinedChannel) {
	if ch.topicBy != (User{}) && !ch.topicAt.IsZero() {
		c.replyPlain(wire.RPL_TOPICWHOTIME, ch.name, prefixOf(ch.topicBy), strconv.FormatInt(ch.topicAt.Unix(), 10))
	}
}

// setTopic changes a topic, or removes it if the text is empty. What does not
// fit is refused: the rest would be lost where it is stored.
func (c *conn) setTopic(ctx context.Context, name, text string) error {
	ch := c.channels[wire.Fold(name)]
	if ch == nil {
		known, err := c.findChannel(ctx, name)
		if err != nil {
			return err
		}
		return errorReply(irc.ERR_NOTONCHANNEL, "You are not in that channel", known.Name)
	}
	if !c.features().Topics {
		return errorReply(irc.ERR_CHANOPRIVSNEEDED, "Topics cannot be changed here", ch.name)
	}
	text = wire.CleanText(text)
	if most := c.set.topicLen(); len(text) > most {
		return errorReply(wire.ERR_UNKNOWNERROR, fmt.Sprintf("The topic is not changed: it has %d bytes, and there is room for %d", len(text), most), "TOPIC", ch.name)
	}
	t, err := c.has.topics.SetTopic(ctx, ch.name, text)
	if err != nil {
		return refused(err, irc.ERR_CHANOPRIVSNEEDED, ch.name)
	}
	err = c.poll(ctx) // what was stored before is shown before
	set := *t         // the event may be shared
	set.By = c.user
	c.showTopic(ch, &set)
	return err
}

// showTopicEvent shows that the topic of a channel has changed.
func (c *conn) showTopicEvent(t *Topic) {
	if ch := c.channels[wire.Fold(t.Channel)]; ch != nil {
		c.showTopic(ch, t)
	}
}

// showTopic notes a topic and shows who set it: somebody, or else the service.
func (c *conn) showTopic(ch *joinedChannel, t *Topic) {
	ch.topic, ch.topicBy, ch.topicAt = t.Text, t.By, t.Time
	l := &wire.Line{Source: c.srv.service, Command: "TOPIC", Params: []string{ch.name, t.Text}, Trailing: true}
	if c.caps.has(capServerTime) && !t.Time.IsZero() {
		l.Tags = append(l.Tags, wire.Tag{Key: "time", Value: t.Time.UTC().Format(wire.TimeFormat)})
	}
	if t.By == (User{}) {
		c.send(l)
	} else {
		c.sendBy(t.By, l)
	}
}
