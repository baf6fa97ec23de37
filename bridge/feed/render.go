package feed

import (
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/ircd"
)

// rendering is a row with all that takes long to make of it: a hash of its content and its
// IRC messages. Both are made before mu is taken, so that a long text in Markdown or HTML
// keeps no session waiting. What depends on the state of the feed, as the display time, is
// set on a message under mu. A rendering belongs to one goroutine, and each of its messages
// is shown once at most.
type rendering struct {
	collection.Row
	content   uint64 // see ContentOf
	converted bool   // messages is filled
	messages  []renderedMessage
}

// renderedMessage is a row as a message in a channel that it matches.
type renderedMessage struct {
	channel *collection.Channel
	message *ircd.Message // nil: without text, so that it is not shown
}

// hash makes renderings without messages. It must be called without mu.
func (f *Feed) hash(rows []collection.Row) []*rendering {
	list := make([]*rendering, len(rows))
	for i, r := range rows {
		list[i] = &rendering{Row: r, content: f.Group.ContentOf(r)}
	}
	return list
}

// convert makes the messages of some renderings. It must be called without mu.
func (f *Feed) convert(list []*rendering, refs people.References) {
	for _, r := range list {
		r.converted = true
		for _, c := range f.Group.Covering(r.Row) {
			if c.Deleted(r.Row) {
				continue
			}
			m := people.ToMessage(r.Row, c, refs, false)
			if m.Text == "" {
				m = nil
			}
			r.messages = append(r.messages, renderedMessage{c, m})
		}
	}
}

// render makes renderings with their messages. It must be called without mu.
func (f *Feed) render(rows []collection.Row, refs people.References) []*rendering {
	list := f.hash(rows)
	f.convert(list, refs)
	return list
}

// in is the row as a message in a channel; nil where the channel does not match it, or the
// message has no text.
func (r *rendering) in(c *collection.Channel) *ircd.Message {
	for _, rendered := range r.messages {
		if rendered.channel == c {
			return rendered.message
		}
	}
	return nil
}
