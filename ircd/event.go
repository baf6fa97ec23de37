package ircd

import "time"

// An Event is news that Session.Poll returns. Its types are exactly those of this file.
// Events are immutable and may be shared between sessions, so that a message for a
// thousand clients is one value.
//
// Events about a channel have a Target. Those about private messages have From and To
// instead; clients show them in a window named after the other user.
type Event interface{ event() }

// Message is a message in a channel or to a user, as stored.
type Message struct {
	// ID is the msgid: opaque, without spaces, unique on the network.
	ID string
	// Time is when the message was stored, by the backend's clock.
	Time time.Time
	// From is the author.
	From User
	// By is who made this version of the message, if Edits is set; zero if not known.
	By User
	// Target is the canonical name of the channel; empty for a private message.
	Target string
	// To is the recipient of a private message.
	To   User
	Kind Kind
	// Text may hold line breaks ("\n") and is of any length.
	Text string
	// Replayed marks a message that is shown some time after it was stored. Clients
	// without server-time get its time in the text.
	Replayed bool
	// Edits is the msgid of the message that this is a new version of; empty for all
	// others. The text then begins with EditMark and says by itself what has changed.
	Edits string
	// ReplyTo is the msgid of the message that this one replies to; empty if none.
	ReplyTo string
	// Quote is what is replied to or, for a new version, what it has in common with the one
	// before, for clients that cannot show ReplyTo and Edits; nil if not known.
	Quote *Quote
}

// EditMark begins the text of a new version of a message. It is in front so that readers know at
// once what the line is.
const EditMark = "[edited] "

// Quote is a message that another one refers to.
type Quote struct {
	// Nick is the author's.
	Nick string
	// Text is the beginning of the message, on one line.
	Text string
	// Time is when the message was stored.
	Time time.Time
}

// Redaction says that a message was deleted.
type Redaction struct {
	// MsgID is the msgid of the deleted message.
	MsgID string
	// Time is when it was deleted; zero means now.
	Time time.Time
	// From is the author of the message.
	From User
	// By is who deleted it; zero if not known. Text is repeated to others only if that
	// was the author.
	By User
	// Target and To are those of the message.
	Target string
	To     User
	// Reason may be empty.
	Reason string
	// Said is when the message was stored, and Text its beginning on one line, by which
	// users of clients without msgids recognize it. They are zero and empty if not known.
	Said time.Time
	Text string
}

// Reaction is a reaction to a message, such as an emoji.
type Reaction struct {
	// ID is the reaction's own msgid.
	ID   string
	Time time.Time
	From User
	// Target is that of the message. In a private conversation it is empty, and To is the
	// other user than From, whoever of them has sent the message.
	Target string
	To     User
	// MsgID is the msgid of the message reacted to.
	MsgID string
	// Text is usually an emoji.
	Text string
	// Removed is set if a reaction was taken back: it is the msgid that the reaction
	// had. By is then who took it back; zero if not known.
	Removed string
	By      User
}

// Topic says that the topic of a channel has changed.
type Topic struct {
	Channel string
	Text    string
	// By is who changed it; zero if not known.
	By   User
	Time time.Time
}

// ReadMarker says up to when the user has read a target.
type ReadMarker struct {
	// Target is the canonical name of a channel, or a nick.
	Target string
	// Time is zero if it is not known.
	Time time.Time
}

// Profile says that the real name of the session's user has changed. All sessions of the
// user get it.
type Profile struct {
	Realname string
}

// Acquaintances says that answers of Session.Knows may have changed.
type Acquaintances struct{}

// Backlog carries the latest messages of a channel, if Join could not return them at once,
// or of the conversation with a user.
type Backlog struct {
	// Channel is the channel's canonical name, or the user's nick.
	Channel  string
	Messages []*Message
}

// Rest reads what follows the Backlog event before it, as further Backlog events. It
// belongs to one session and is not shared.
type Rest struct{ More More }

// ServiceNotice is a message from the daemon to this client: about an outage, a recovery,
// or a message that could not be shown.
type ServiceNotice struct {
	// Target is the channel in whose window it is shown; empty if in none.
	Target string
	Text   string
}

// Removal says that the session has been removed from a channel.
type Removal struct {
	// Channel is the channel's canonical name.
	Channel string
	// Reason is for the client only: others see the user leave without a reason.
	Reason string
	// Closed says that all sessions leave the channel, so that nobody is told of others.
	Closed bool
}

// Renaming says that a channel has got another name. Everything else about it stays: the members,
// the msgids, and what was read.
type Renaming struct {
	// Old is the canonical name that the client knows, and New the one from now on, under which
	// later events come. They may differ in case only.
	Old, New string
	// By is who has renamed it, and Reason what they gave for it; both are empty if that is not known.
	By     User
	Reason string
}

// Invitation says that there is a channel that the user may join, which is new to the user.
type Invitation struct{ Channel string }

// Admission asks the connection to join a channel on behalf of its client. If that fails,
// nobody is told; the session may ask again.
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
func (*Renaming) event()      {}
func (*Invitation) event()    {}
