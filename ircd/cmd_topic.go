package ircd

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

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

// cmdRename gives a channel another name (https://ircv3.net/specs/extensions/channel-rename). That
// it has it, the client is told by a Renaming.
func (c *conn) cmdRename(ctx context.Context, m *irc.Message) error {
	ch, err := c.joinedChannel(ctx, m.Param(0), irc.ERR_NOTONCHANNEL, notJoined)
	if err != nil {
		return err
	}
	name := m.Param(1)
	switch {
	case !c.features().Rooms:
		return failReply("CANNOT_RENAME", "Channels get their names from the configuration of the server", ch.name, name)
	case !wire.IsChannel(name):
		return failReply("CANNOT_RENAME", "That is not a channel name", ch.name, name)
	}
	if err := c.has.rooms.RenameChannel(ctx, ch.name, name, m.Param(2)); err != nil {
		return refused(err, irc.ERR_CHANOPRIVSNEEDED, ch.name)
	}
	return nil
}

// showRenaming gives a channel that the client is in another name. A client that knows no RENAME
// is sent a PART and a JOIN. The others in the channel are told too, each at its own time.
func (c *conn) showRenaming(ev *Renaming) {
	ch := c.channels[wire.Fold(ev.Old)]
	if ch == nil {
		return
	}
	knows := c.caps.has(capChannelRename)
	old := ch.name
	c.removeChannel(ch)
	ch.name = ev.New
	c.addChannel(ch)
	reason := cmp.Or(ev.Reason, "The room is called "+ev.New+" now")
	switch {
	case knows:
		l := &wire.Line{Source: c.srv.service, Command: "RENAME", Params: []string{old, ev.New, reason}, Trailing: true}
		if ev.By == (User{}) {
			c.send(l)
		} else {
			c.sendBy(ev.By, l)
		}
		return
	case wire.Fold(old) == wire.Fold(ev.New):
		return
	}
	l := partLine(c.user, old, reason)
	c.sendBy(c.user, &l)
	c.showJoin(ev.New, time.Time{})
	if ch.topic != "" {
		c.reply(irc.RPL_TOPIC, ev.New, ch.topic)
	}
	if !c.caps.has(capNoImplicitNames) {
		c.sendNames(ev.New, c.srv.roster.Names(ch.key, c.nameOf))
	}
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
