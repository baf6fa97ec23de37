package ircd

import "time"

// An Event is news that a Session's Poll returns. The set is closed: Message,
// Backlog and ServiceNotice. Events are immutable and may be shared between
// sessions, so that one message for a thousand clients is one value.
type Event interface{ event() }

// Message is something said in a channel, as stored.
type Message struct {
	// ID is the msgid: opaque, without spaces, unique on the network.
	ID string
	// Time is when the message was stored, by the backend's clock.
	Time time.Time
	// From is the author.
	From User
	// Target is the canonical name of the channel.
	Target string
	Kind   Kind
	// Text may hold line breaks ("\n") and is of any length.
	Text string
	// Replayed marks a message that was stored some time before it is shown:
	// clients without server-time get its time in the text.
	Replayed bool
}

// Backlog carries the latest messages of a channel that Join could not deliver
// at once.
type Backlog struct {
	Channel  string
	Messages []*Message
}

// ServiceNotice is the daemon speaking to this client: an outage, a recovery,
// a message that could not be shown.
type ServiceNotice struct {
	// Target is the channel in whose window it is shown; empty for the
	// client's own.
	Target string
	Text   string
}

func (*Message) event()       {}
func (*Backlog) event()       {}
func (*ServiceNotice) event() {}
