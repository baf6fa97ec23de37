package ircd

import (
	"time"
)

// form is how a client sees messages: what it negotiated, and where it is. Two
// clients of one form are sent the same bytes for one message.
type form struct {
	caps capSet // of those in formCaps
	zone *time.Location
	// old messages carry their time in the text if the client has no
	// server-time.
	old bool
	day string // of now, for old: messages of the day are stamped without it
}

// formCaps are the capabilities that change a message's lines.
const formCaps = capServerTime | capMessageTags | capAccountTag

const (
	dayFormat    = "2006-01-02"
	stampToday   = "[15:04] "
	stampEarlier = "[" + dayFormat + " 15:04] "
)

// render makes the lines of a message. It is the only place that does, so the
// live message, the echo and the backlog look the same. Text of several lines
// becomes several messages, and a line that is too long with its real prefix is
// split; only the first one carries the msgid, for it names the whole.
func render(m *Message, f form) []line {
	source := prefixOf(m.From)
	command, open, end := "PRIVMSG", "", ""
	switch m.Kind {
	case Notice:
		command = "NOTICE"
	case Action:
		open, end = ctcpAction+" ", ctcpMark
	}
	if f.old && !f.caps.has(capServerTime) {
		open += stamp(m.Time, f)
	}
	room := maxBody - len(":"+source+" "+command+" "+m.Target+" :"+open+end)
	var lines []line
	for _, text := range textLines(CleanText(m.Text)) {
		for _, part := range splitText(text, room) {
			lines = append(lines, line{
				Tags:     messageTags(m, f.caps, len(lines) == 0),
				Source:   source,
				Command:  command,
				Params:   []string{m.Target, open + part + end},
				Trailing: true,
			})
		}
	}
	return lines
}

// messageTags are the tags of one line of a message, in a stable order.
func messageTags(m *Message, caps capSet, first bool) []tag {
	var tags []tag
	if caps.has(capServerTime) {
		tags = append(tags, tag{"time", m.Time.UTC().Format(timeFormat)})
	}
	if caps.has(capMessageTags) && first && m.ID != "" {
		tags = append(tags, tag{"msgid", m.ID})
	}
	if caps.has(capAccountTag) && m.From.ID != "" {
		tags = append(tags, tag{"account", m.From.ID})
	}
	return tags
}

// stamp is the time of an old message as it stands in the text.
func stamp(t time.Time, f form) string {
	t = t.In(f.zone)
	if t.Format(dayFormat) == f.day {
		return t.Format(stampToday)
	}
	return t.Format(stampEarlier)
}

// form returns how the client sees messages now.
func (c *conn) form(old bool) form {
	zone := c.srv.opts.Location
	f := form{caps: c.caps & formCaps, zone: zone, old: old}
	if old {
		f.day = time.Now().In(zone).Format(dayFormat)
	}
	return f
}
