package ircd

import "time"

// An Event is news that a Session's Poll returns. The set is closed: it is all
// the types of this file. Events are immutable and may be shared between
// sessions, so that one message for a thousand clients is one value.
//
// What was said in a channel has its Target; what was said between two users has
// none, and From and To instead. Its window is then the name of the other one.
type Event interface{ event() }

// Message is something said in a channel or to a user, as stored.
type Message struct {
	// ID is the msgid: opaque, without spaces, unique on the network.
	ID string
	// Time is when the message was stored, by the backend's clock.
	Time time.Time
	// From is the author.
	From User
	// By is who made this version of the message, where Edits is set; zero: not known.
	By User
	// Target is the canonical name of the channel; empty for a private message.
	Target string
	// To is the recipient of a private message.
	To   User
	Kind Kind
	// Text may hold line breaks ("\n") and is of any length.
	Text string
	// Replayed marks a message that was stored some time before it is shown:
	// clients without server-time get its time in the text.
	Replayed bool
	// Edits is the msgid of the message that this one is a new version of;
	// empty for others. The text then says by itself what has changed.
	Edits string
	// ReplyTo is the msgid of the message that this one answers; empty if none.
	ReplyTo string
	// Quote tells clients that cannot show ReplyTo what is answered; nil if
	// that is not known.
	Quote *Quote
}

// Quote is the message that another one answers.
type Quote struct {
	// Nick is its author's.
	Nick string
	// Text is its beginning, on one line.
	Text string
	// Time is when it was stored.
	Time time.Time
}

// Redaction says that a message was deleted.
type Redaction struct {
	// MsgID is the message's.
	MsgID string
	// Time is when it was deleted; zero: now.
	Time time.Time
	// From is the author of the message.
	From User
	// By is who deleted it; zero: not known. Only of an author's own deletion is Text
	// repeated to anybody.
	By User
	// Target and To are those of the message.
	Target string
	To     User
	// Reason may be empty.
	Reason string
	// Said is when the message was stored, and Text its beginning on one line,
	// for clients that have nothing but the text to tell it by. Zero and empty
	// where they are not known.
	Said time.Time
	Text string
}

// Reaction is a short answer that belongs to a message.
type Reaction struct {
	// ID is a msgid of its own.
	ID   string
	Time time.Time
	From User
	// Target and To are those of the message.
	Target string
	To     User
	// MsgID is the message's.
	MsgID string
	// Text is what the reaction says, an emoji as a rule.
	Text string
	// Removed is the msgid that the reaction had which was taken back; empty if this is a
	// new one. By is who took it back; zero: not known.
	Removed string
	By      User
}

// Topic says that the topic of a channel has changed.
type Topic struct {
	Channel string
	Text    string
	// By is who did it; zero where the backend does not tell.
	By   User
	Time time.Time
}

// ReadMarker says up to when the user has read a target.
type ReadMarker struct {
	// Target is the canonical name of a channel, or a nick.
	Target string
	// Time is zero if nothing is known.
	Time time.Time
}

// Profile says that the user of the session is called otherwise from now on. All
// sessions of a user are told; the nick stays.
type Profile struct {
	Realname string
}

// Acquaintances says that the user of the session may have got to know others, or be a
// stranger to them now: see Session.Knows.
type Acquaintances struct{}

// Backlog carries the latest messages of a channel that Join could not deliver
// at once, or of the private conversation with a user.
type Backlog struct {
	// Channel is its canonical name, or the nick of the user.
	Channel  string
	Messages []*Message
}

// Rest brings what follows the Backlog in front of it, as further Backlog events.
// It belongs to one session alone.
type Rest struct{ More More }

// ServiceNotice is the daemon speaking to this client: an outage, a recovery,
// a message that could not be shown.
type ServiceNotice struct {
	// Target is the channel in whose window it is shown; empty for the
	// client's own.
	Target string
	Text   string
}

// Removal says that the session is out of a channel, though its client has not
// asked for it.
type Removal struct {
	// Channel is its canonical name.
	Channel string
	// Reason is told to the client. Others see the user leave without one.
	Reason string
	// Closed says that all sessions leave it, so that nobody is told of another.
	Closed bool
}

// Admission asks the client's connection to join a channel, though its client has
// not asked for it. What stands in the way is told to nobody; the session may ask for it
// again.
type Admission struct{ Channel string }

func (*Message) event()       {}
func (*Redaction) event()     {}
func (*Reaction) event()      {}
func (*Topic) event()         {}
func (*ReadMarker) event()    {}
func (*Profile) event()       {}
func (*Acquaintances) event() {}
func (*Backlog) event()       {}
func (*Rest) event()          {}
func (*ServiceNotice) event() {}
func (*Removal) event()       {}
func (*Admission) event()     {}
