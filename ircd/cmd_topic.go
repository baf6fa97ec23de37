package ircd

import (
	"context"
	"fmt"
	"strconv"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// topicLen is the longest topic, in bytes (TOPICLEN), that fits into every line that shows
// it, for any reader and channel.
func (s *settings) topicLen() int {
	const (
		most = 390 // what clients are used to
		// list is the longest of those lines, with a large number of users.
		list = " 322  " + "  100000 :"
	)
	return min(most, wire.MaxBody-len(":"+s.Name+list)-wire.NickLen-wire.ChannelLen)
}

// cmdTopic shows or changes the topic of a channel.
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
	if in := c.channels[wire.Fold(ch.Name)]; in != nil && in.topicBy != (User{}) && !in.topicAt.IsZero() {
		c.replyPlain(wire.RPL_TOPICWHOTIME, in.name, prefixOf(in.topicBy), strconv.FormatInt(in.topicAt.Unix(), 10))
	}
	return nil
}

// setTopic changes a topic, or removes it if the text is empty. A topic that is too long is
// refused, since truncating it would lose text for everybody.
func (c *conn) setTopic(ctx context.Context, name, text string) error {
	ch, err := c.joinedChannel(ctx, name, irc.ERR_NOTONCHANNEL, notJoined)
	if err != nil {
		return err
	}
	if !c.features().Topics {
		return errorReply(irc.ERR_CHANOPRIVSNEEDED, "Topics cannot be changed here", ch.name)
	}
	text = wire.CleanText(text)
	if most := c.set.topicLen(); len(text) > most {
		return errorReply(wire.ERR_UNKNOWNERROR, fmt.Sprintf("The topic is not changed: it has %d bytes, the maximum is %d", len(text), most), "TOPIC", ch.name)
	}
	t, err := c.has.topics.SetTopic(ctx, ch.name, text)
	if err != nil {
		return refused(err, irc.ERR_CHANOPRIVSNEEDED, ch.name)
	}
	err = c.poll(ctx) // earlier events are shown first
	set := *t         // the event may be shared
	set.By = c.user
	c.showTopic(ch, &set)
	return err
}

// showTopic records a topic and shows who set it; if that is not known, the service.
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
