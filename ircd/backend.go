// Package ircd is an IRC server for a chat whose accounts, channels and
// messages live somewhere else. It speaks the protocol (RFC 1459, RFC 2812,
// IRCv3) and keeps what exists only on IRC: connections, presence, away
// states. Everything else it asks of a Backend.
//
// To understand the package read this file, which is the whole boundary, then
// conn.go, which runs one connection.
package ircd

import (
	"context"
	"time"

	"directus-ircd/ircd/presence"
)

// A Backend opens sessions. Its methods are called from many goroutines.
type Backend interface {
	// Login checks credentials and opens a session. It is called on the
	// goroutine of the connection, before 001: when AUTHENTICATE completes (so
	// that 903 or 904 can follow) or, with PASS, once NICK and USER are in. No
	// further line of that connection is handled until it returns.
	//
	// A refusal is a *LoginError; any other error is logged and told as a
	// fixed text.
	Login(ctx context.Context, cred Credentials) (Session, error)
	// Features says what sessions may have, before there is one: clients ask for
	// capabilities before they log in. What the chat lacks is not offered to them. It
	// is called by NewServer and Configure.
	//
	// A Session may have less than that, see HistoryReader and the other optional
	// interfaces. Its client is then told so when it has logged in (CAP DEL), and its
	// ISUPPORT names only what the session has.
	Features() Features
	// Now is the time by the clock that dates the messages. The server tells it
	// wherever it tells a time, so that what it says stands among them in the right
	// place, whatever the machine's own clock shows. It is asked for each line and must
	// not wait.
	Now() time.Time
}

// Features are the parts of a chat that not every one has.
type Features struct {
	// Private: messages between two users.
	Private bool
	// Replies: a message can refer to another one, in some channel at least.
	Replies bool
	// Reactions: a message can be reacted to, in some channel at least; see Reactor.
	Reactions bool
	// History: what was said can be read again; see HistoryReader.
	History bool
	// ReadMarkers: how far a user has read is kept; see MarkerKeeper.
	ReadMarkers bool
	// Topics: users may change topics, in some channel at least; see TopicSetter.
	Topics bool
}

// Credentials are what a client gave to log in. They are never logged.
type Credentials struct {
	// Account is the SASL authentication identity; empty when the client used
	// PASS.
	Account string
	// Secret is the SASL password, or the raw rest of the PASS line, spaces
	// included.
	Secret string
	// OTP is the one-time code given by the OTP command; empty at first.
	OTP string
	// Nick is the nick that the client asked for; it may be empty under SASL.
	Nick string
	// Remote is the address of the client without the port, for rate limits
	// only. It is empty where the transport has none.
	Remote string
}

// A Session is one client's view of the chat. Every method, Poll and Close
// included, is called from that client's own goroutine and never concurrently,
// so an implementation needs no locks of its own. A ctx ends when the
// connection does, or when a command has taken so long that those behind it would
// wait for too long; a method returns at once then, but for 3 s that Send, Redact
// and other changes may take to find out what became of them. An *Error is told
// to the client as it is; any other error is logged and told as "internal error".
type Session interface {
	// User is the identity that the backend imposes, the same for all the
	// sessions of one user. Only a Profile event changes it, and of it only the
	// Realname.
	User() User
	// AutoJoin names the channels to join after the welcome, in order.
	AutoJoin() []string
	// Start is called once, after the welcome: from here on Poll returns
	// private messages, and news of the user. The backlog of private messages
	// follows through Poll.
	Start(ctx context.Context, opts JoinOptions) error
	// Channels lists the channels for LIST.
	Channels(ctx context.Context) ([]ChannelInfo, error)
	// Join enters a channel: from here on Poll returns its events. The name
	// may differ in case from the canonical one, which the result carries. It
	// is not called for a channel already joined.
	Join(ctx context.Context, channel string, opts JoinOptions) (*Channel, error)
	// Part leaves a channel; Poll returns no more of its events, nor an Admission if
	// the session was removed from it.
	Part(ctx context.Context, channel string) error
	// Send stores a message and returns it as stored. It returns only once the
	// backend has confirmed or refused: what it returns is the truth that the
	// client is told. Poll never returns a message that Send has returned. A
	// text that corrects an earlier message of the user's comes back as the
	// message with its Edits set.
	Send(ctx context.Context, m Outgoing) (*Message, error)
	// Redact deletes a message by its msgid. Only its author and
	// administrators may, whatever the backend would allow. It returns what
	// the client is shown; Poll does not return that again.
	Redact(ctx context.Context, target, msgid, reason string) (*Redaction, error)

	// Lookup finds a user who need not be connected, and is called as this session's
	// user may know them: Knows says how well that is. The error is nil and the user
	// nil if there is none but for strangers.
	Lookup(ctx context.Context, nick string) (*User, error)
	// Knows says what this session's user may know of a user, beyond what those see of
	// each other who share a channel. It answers from memory, at once: a user whom
	// Lookup has not found lately may be a Stranger for that reason.
	Knows(id string) Acquaintance
	// Wake is the doorbell: readable when Poll may have something. It holds
	// one token and never blocks the ringer.
	Wake() <-chan struct{}
	// Poll returns the news since the last call, oldest first, without
	// waiting for any. What it has to ask for, a late backlog, is left for the next
	// call if ctx ends. An error ends the connection. Of an *Error or a
	// *LoginError the Text is told as the reason; any other is logged and told
	// as "internal error".
	Poll(ctx context.Context) ([]Event, error)
	// AskReceipt reports whether something that the other methods have returned
	// since the last call is worth to be known as received. The client is asked
	// then; it is not called again until there was an answer.
	AskReceipt() bool
	// Received says that the client has all that had been returned by the last
	// AskReceipt.
	Received()
	// Close ends the session and waits for what it started, for as long as ctx
	// lasts. No method is called after it.
	Close(ctx context.Context) error
}

// The interfaces that follow are optional parts of a Session, called as its methods are.
// The server looks for them once, when Login has returned the session, and not again. A
// session that lacks one has no such part, whatever Features says; one that has it, where
// Features denies the part, is not asked for it.

// A Reactor is a Session whose user can react to messages.
type Reactor interface {
	// React adds a reaction to a message, or removes the user's own. It
	// returns what the client is shown, nil if nothing has changed; Poll does
	// not return that again.
	React(ctx context.Context, r Reacting) (*Reaction, error)
}

// A TopicSetter is a Session whose user can change topics.
type TopicSetter interface {
	// SetTopic changes the topic of a channel that the client is in and returns
	// it as stored. The others, this user's other sessions included, are told
	// through Poll.
	SetTopic(ctx context.Context, channel, topic string) (*Topic, error)
}

// A HistoryReader is a Session that can read what was said at any time (CHATHISTORY).
type HistoryReader interface {
	// History reads a page of what was said in a channel, joined or not, or
	// with a user.
	History(ctx context.Context, q HistoryQuery) (*HistoryPage, error)
	// Targets lists the channels and users with whom something was said between
	// two times, both excluded, with the time of the latest: oldest first, at
	// most limit, the latest ones if there are more.
	Targets(ctx context.Context, from, to time.Time, limit int) ([]HistoryTarget, error)
}

// A MarkerKeeper is a Session that knows how far its user has read (MARKREAD).
type MarkerKeeper interface {
	// ReadMarker returns up to when the user has read a target; zero if that is
	// not known.
	ReadMarker(ctx context.Context, target string) (*ReadMarker, error)
	// SetReadMarker moves it forward and returns it as it then is. The user's
	// other sessions are told through Poll.
	SetReadMarker(ctx context.Context, target string, at time.Time) (*ReadMarker, error)
}

// User is a person as IRC shows them.
type User = presence.User

// JoinOptions say what the client can use of a Join.
type JoinOptions struct {
	// Backlog asks for the channel's latest messages, or for those that the
	// client has missed. It is false for clients that fetch history by themselves.
	Backlog bool
}

// Channel is what Join answers.
type Channel struct {
	// Name is the canonical name, as written in every line about the channel.
	Name string
	// Topic may be empty.
	Topic string
	// At is the moment of the join by the backend's clock: later than every
	// message of the past and earlier than every one to come. Clients that page
	// by time begin at it.
	At time.Time
	// Backlog holds the latest messages, oldest first. Where it cannot be had
	// yet, it is empty and a Backlog event follows through Poll.
	Backlog []*Message
	// More is that of HistoryPage, for Backlog; it brings Backlog events.
	More More
	// Notice is what is to be said in front of the backlog; it may be empty.
	Notice string
}

// ChannelInfo is one row of LIST.
type ChannelInfo struct {
	Name  string
	Topic string
}

// Kind tells the ways of saying something apart.
type Kind int

// The kinds of a message.
const (
	Privmsg Kind = iota // PRIVMSG
	Notice              // NOTICE; errors are not replied to (RFC 2812, 3.3.2)
	Action              // PRIVMSG with CTCP ACTION
)

// Outgoing is a message that the client wants stored.
type Outgoing struct {
	// Target is the canonical name of a joined channel, or a nick.
	Target string
	// ReplyTo is the msgid of the message that this one answers; empty if none.
	ReplyTo string
	Kind    Kind
	// Text is valid UTF-8 without CR and NUL. It may hold line breaks ("\n")
	// and mIRC formatting; for an Action it is without the CTCP wrapping.
	Text string
	// Echo says that the client shows the message only when it gets it back.
	Echo bool
}

// Reacting is a reaction that the client wants added or removed.
type Reacting struct {
	// Target is a channel name or a nick, as the client wrote it.
	Target string
	// MsgID is the message's.
	MsgID string
	// Text is valid UTF-8 of one line, at most 64 bytes.
	Text   string
	Remove bool
}

// HistoryMode is the subcommand of CHATHISTORY that asks for a page.
type HistoryMode int

// The modes. Bounds are excluded, but for the reference of Around. Whatever the
// mode, a page is in the order of the backend, oldest first.
const (
	HistoryLatest  HistoryMode = iota // the newest, behind From if it is set
	HistoryBefore                     // the newest in front of From
	HistoryAfter                      // the oldest behind From
	HistoryBetween                    // between From and To, counted from From
	HistoryAround                     // From itself and as many on either side
)

// Position is a place in a history: a msgid, or a time to the millisecond. The
// zero Position is "*". It stays valid when the message that it names is gone.
type Position struct {
	MsgID string
	Time  time.Time
}

// HistoryQuery asks for a page.
type HistoryQuery struct {
	// Target is a channel or a nick, as the client wrote it.
	Target   string
	Mode     HistoryMode
	From, To Position
	// Limit is how many messages there may be at most; more than 0. Messages
	// that share their time with the last one are not cut off, so that a client
	// that pages by time misses none: there may be a few more. Of more than a
	// thousand that share one time, a client finds the rest by msgid only.
	Limit int
	// Reactions asks for the reactions to each message behind it; they do not
	// count.
	Reactions bool
}

// HistoryPage is the answer.
type HistoryPage struct {
	// Target is the canonical name of the channel, or the nick.
	Target string
	// Events are messages, and reactions if asked for. There are as many as asked for,
	// unless there are no more, or More brings the others: all of them, where it takes long
	// to find out which they are.
	Events []Event
	// End says that there are no more in the direction that the query counts
	// in.
	End bool
	// More reads what follows Events; nil: these are all.
	More More
}

// More reads the next part of what would take too much memory, or time, as a whole; none is
// the end. It is called, by the goroutine of the session, when the client has taken the part
// before, however long that takes. It may take long, and bounds each of its questions.
type More func(context.Context) ([]Event, error)

// HistoryTarget is a row of CHATHISTORY TARGETS.
type HistoryTarget struct {
	// Name is the canonical name of a channel, or a nick.
	Name string
	// Latest is the time of the last message.
	Latest time.Time
}
