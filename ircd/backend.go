// Package ircd is an IRC server for a chat whose accounts, channels and messages live
// somewhere else. It speaks the protocol (RFC 1459, RFC 2812, IRCv3) and keeps what exists
// only on IRC: connections, presence and away states. For everything else it asks a
// Backend.
//
// To understand the package, read this file, event.go and errors.go, which are the whole
// boundary, and then conn.go, which runs one connection. cmd_ files handle commands,
// render_ files turn events into lines, show_ files decide who is shown what, limit_ files
// bound what clients can cost.
//
// The packages below it know nothing of sessions and connections: wire turns bytes into
// lines and back, presence knows who is connected, transport carries the bytes.
package ircd

import (
	"context"
	"iter"
	"time"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/presence"
)

// A Backend opens sessions. Its methods are called from many goroutines.
type Backend interface {
	// Login checks credentials and opens a session. It is called on the connection's
	// goroutine before 001: when AUTHENTICATE completes (so that 903 or 904 can follow)
	// or, with PASS, once NICK and USER have arrived. No further line of the connection
	// is handled until it returns.
	//
	// A refusal is a *LoginError. Any other error is logged, and the client is sent a
	// fixed text.
	Login(ctx context.Context, cred Credentials) (Session, error)
	// Features says what the chat supports. It is called by NewServer and Configure.
	// Clients ask for capabilities before they log in, when there is no session yet, so
	// this decides what they are offered.
	//
	// A Session may support less: see HistoryReader and the other optional interfaces.
	// Its client is told so when it logs in (CAP DEL), and ISUPPORT and error replies go
	// by what both the chat and the session have.
	Features() Features
	// Now is the time by the clock that dates the messages. The server uses it for every
	// time that clients see, so that its own lines sort correctly among the messages
	// even if the machine's clock is wrong. It is called for each line and must not
	// block.
	Now() time.Time
}

// Features are what not every chat supports.
type Features struct {
	// Private: messages between two users.
	Private bool
	// Replies: a message can refer to another one, in some channel at least.
	Replies bool
	// Reactions: a message can be reacted to, in some channel at least; see Reactor.
	Reactions bool
	// History: clients can query past messages; see HistoryReader.
	History bool
	// ReadMarkers: the chat records how far a user has read; see MarkerKeeper.
	ReadMarkers bool
	// Topics: users may change topics, in some channel at least; see TopicSetter.
	Topics bool
	// Rooms: channels come and go, and users may rename them; see RoomKeeper.
	Rooms bool
	// Created and TopicTimes: LIST can be asked for channels by when they were made, and by when
	// their topics were set; see ChannelDater.
	Created, TopicTimes bool
}

// Credentials are what a client sent to log in. They are never logged.
type Credentials struct {
	// Account is the SASL authentication identity; empty when the client used
	// PASS.
	Account string
	// Secret is the SASL password, or the raw rest of the PASS line, spaces
	// included.
	Secret string
	// OTP is the one-time code from the OTP command; empty at first.
	OTP string
	// Nick is the nick that the client asked for; it may be empty with SASL.
	Nick string
	// Remote is the address of the client without the port, for rate limits
	// only. It is empty where the transport has none.
	Remote string
}

// A Session is one client's view of the chat. All methods, Poll and Close included, are
// called on behalf of that client alone and never concurrently, so an implementation
// needs no locks of its own.
//
// A ctx ends with the connection, or when a command has taken so long that later ones
// would wait too long. A method then returns at once, except that Send, Redact and other
// changes may take 3 s to find out what became of them.
//
// An *Error is sent to the client as it is. Any other error is logged, and the client is
// told "internal error".
type Session interface {
	// User is the identity that the backend assigns, the same for all sessions of one
	// user. It never changes, except that a Profile event may change the Realname.
	User() User
	// Bot reports that the login was marked as that of a program, which must not take old
	// messages for new ones.
	Bot() bool
	// AutoJoin returns the channels to join after the welcome, in order.
	AutoJoin() []string
	// Start is called once, after the welcome. From then on Poll returns private
	// messages, their backlog first, and news about the user.
	Start(ctx context.Context, opts JoinOptions) error
	// Channels lists the channels for LIST, which may take as long as the client takes to read
	// them. What is listed is what there was when it was called.
	Channels(ctx context.Context) (iter.Seq[ChannelInfo], error)
	// Join enters a channel, whose events Poll returns from then on. The name may differ
	// in case from the canonical one in the result. It is not called for a channel that
	// the session is in. The error is a *Moved for a name that the channel had before.
	Join(ctx context.Context, channel string, opts JoinOptions) (*Channel, error)
	// Part leaves a channel. From then on Poll returns none of its events, and no
	// Admission to it if the session had been removed from it.
	Part(ctx context.Context, channel string) error
	// Send stores a message and returns it as stored. It returns only when the backend
	// has confirmed or refused, because the client takes its result for the truth. Poll
	// never returns a message that Send has returned. If the text corrects an earlier
	// message of the user, the result is the new version, with Edits set.
	Send(ctx context.Context, m Outgoing) (*Message, error)
	// Redact deletes a message by its msgid. Only its author and administrators may do
	// that, whatever the backend would allow. It returns what the client is shown; Poll
	// does not return that again.
	Redact(ctx context.Context, target, msgid, reason string) (*Redaction, error)

	// Lookup finds a user by nick, connected or not, as the session's user may know them
	// (see Knows). Both results are nil if there is no such user, or only a Stranger.
	Lookup(ctx context.Context, nick string) (*User, error)
	// Knows says what the session's user may know of another user, beyond what users who
	// share a channel see of each other. It answers from memory without blocking, so a
	// user whom Lookup has not found lately may be reported as a Stranger.
	Knows(id string) Acquaintance
	// WakeBy is called once, before all else: from then on the session rings when Poll may have
	// something.
	WakeBy(p *bell.Pull)
	// Poll returns the news since the last call, oldest first, without waiting for any.
	// It may have to fetch some, such as a late backlog; if ctx ends meanwhile, that is
	// left for the next call. An error ends the connection: the Text of an *Error or
	// *LoginError is given as the reason, any other error is logged, and the client is
	// told "internal error".
	Poll(ctx context.Context) ([]Event, error)
	// AskReceipt reports whether the session wants to know that the client has received
	// what other methods have returned since the last call. If so, the client is asked,
	// and AskReceipt is not called again until it has answered.
	AskReceipt() bool
	// Received says that the client has received everything that was returned before
	// the last AskReceipt.
	Received()
	// Close ends the session and, until ctx ends, waits for what it has started. No method
	// is called after it.
	Close(ctx context.Context) error
}

// The following interfaces are optional for a Session. Their methods are called under the
// same rules as those of Session. The server checks for them once, when Login has returned
// the session. It uses an interface only if both the session implements it and Features
// says that the chat supports it.

// A Newscaster is a Session whose news can mostly be had without waiting.
type Newscaster interface {
	// News is Poll for a session with which all is well. It does not wait. ok is false if Poll
	// has to be called; then it has done nothing. The events are overwritten by the next call.
	News() (events []Event, ok bool)
}

// A Reactor is a Session whose user can react to messages.
type Reactor interface {
	// React adds a reaction to a message, or removes the user's own. It returns what the
	// client is shown, or nil if nothing has changed; Poll does not return that again.
	React(ctx context.Context, r Reacting) (*Reaction, error)
}

// A TopicSetter is a Session whose user can change topics.
type TopicSetter interface {
	// SetTopic changes the topic of a channel that the client is in and returns it as
	// stored. All other sessions, including the user's own, learn of it through Poll.
	SetTopic(ctx context.Context, channel, topic string) (*Topic, error)
}

// A RoomKeeper is a Session whose user can rename channels and let others in.
type RoomKeeper interface {
	// RenameChannel gives a channel that the client is in another name, for a reason, which may be
	// empty. All sessions, this one included, learn of it by a Renaming through Poll.
	RenameChannel(ctx context.Context, channel, name, reason string) error
	// Invite makes a user a member of a channel that the client is in, who need not be
	// connected. It does nothing, and member is false, where channels have no members and the
	// user may be able to join. An error says why the user is not, and cannot join.
	Invite(ctx context.Context, channel string, guest User) (member bool, err error)
}

// A ChannelDater is a Session that may know when channels were made, or their topics set.
type ChannelDater interface {
	// DatesChannels says which of the times of a ChannelInfo are known. It is called once, before
	// the welcome, and may have to ask.
	DatesChannels(ctx context.Context) (created, topics bool)
}

// A HistoryReader is a Session that can query past messages (CHATHISTORY).
type HistoryReader interface {
	// History reads a page of the messages of a channel, joined or not, or of those
	// exchanged with a user.
	History(ctx context.Context, q HistoryQuery) (*HistoryPage, error)
	// Targets lists the channels and users whose latest message was between two times,
	// both excluded, with the time of that message. They are sorted by that time, oldest
	// first; if there are more than limit, those are listed that are nearest to from.
	// gamja passes the later of the times as from.
	Targets(ctx context.Context, from, to time.Time, limit int) ([]HistoryTarget, error)
}

// A MarkerKeeper is a Session that knows how far its user has read (MARKREAD).
type MarkerKeeper interface {
	// ReadMarker returns up to when the user has read a target; the zero time if that is
	// not known, or if there is no such target.
	ReadMarker(ctx context.Context, target string) (*ReadMarker, error)
	// SetReadMarker moves the marker forward, never back, and returns its new value. The
	// user's other sessions learn of it through Poll.
	SetReadMarker(ctx context.Context, target string, at time.Time) (*ReadMarker, error)
}

// User is a person as IRC shows them.
type User = presence.User

// JoinOptions say what the client wants of a Join or Start.
type JoinOptions struct {
	// Backlog asks for the latest messages, or for those that the client has missed. It
	// is false for clients that fetch history by themselves.
	Backlog bool
	// Bot leaves out the latest messages, while those that the client is known to have
	// missed stay.
	Bot bool
	// Next are the channels that the client has asked to join after this one, as it wrote them.
	Next []string
}

// Channel is the result of Join.
type Channel struct {
	// Name is the canonical name, as written in every line about the channel.
	Name string
	// Key tells the channel from all others, whatever their names become: who is in it is known
	// by it. It is the folded name of a channel that keeps that, as an empty one is; otherwise it
	// is no channel name.
	Key string
	// Topic may be empty.
	Topic string
	// At is the time of the join by the backend's clock: later than all past messages and
	// earlier than all to come. Clients that page by time start from it.
	At time.Time
	// Backlog holds the latest messages, oldest first. If it is not available yet, it is
	// empty and a Backlog event follows through Poll.
	Backlog []*Message
	// More reads what follows Backlog, as Backlog events; nil if there is nothing.
	More More
	// Notice is shown before the backlog; it may be empty.
	Notice string
}

// ChannelInfo is one row of LIST. The times are zero if they are not known.
type ChannelInfo struct {
	Name    string
	Key     string // as in Channel
	Topic   string
	Created time.Time // when the channel was made
	TopicAt time.Time // when the topic was set
}

// Kind is the kind of a message.
type Kind int

// The kinds of a message.
const (
	Privmsg Kind = iota // PRIVMSG
	Notice              // NOTICE
	Action              // PRIVMSG with CTCP ACTION
)

// Outgoing is a message from the client, to be stored.
type Outgoing struct {
	// Target is the canonical name of a joined channel, or a nick.
	Target string
	// ReplyTo is the msgid of the message that this one answers; empty if none.
	ReplyTo string
	Kind    Kind
	// Text is valid UTF-8 without CR and NUL. It may hold line breaks ("\n")
	// and mIRC formatting; for an Action it is without the CTCP wrapping.
	Text string
	// Echo says that the client shows its message only when it is sent back
	// (echo-message).
	Echo bool
}

// Reacting is a reaction from the client, to be added or removed.
type Reacting struct {
	// Target is a channel name or a nick, as the client wrote it.
	Target string
	// MsgID is the msgid of the message reacted to.
	MsgID string
	// Text is valid UTF-8 of one line, at most 64 bytes.
	Text   string
	Remove bool
}

// HistoryMode is the subcommand of CHATHISTORY that asks for a page.
type HistoryMode int

// The modes. Bounds are exclusive, except for the reference of Around. In all modes a page
// is in the order of the backend, oldest first.
const (
	HistoryLatest  HistoryMode = iota // the newest, after From if it is set
	HistoryBefore                     // the newest before From
	HistoryAfter                      // the oldest after From
	HistoryBetween                    // between From and To, counted from From
	HistoryAround                     // From itself, and as many on either side
)

// Position is a position in a history: a msgid, or a time in milliseconds. The zero
// Position is "*". A position stays valid when its message is deleted.
type Position struct {
	MsgID string
	Time  time.Time
}

// HistoryQuery is a request for a page.
type HistoryQuery struct {
	// Target is a channel or a nick, as the client wrote it.
	Target   string
	Mode     HistoryMode
	From, To Position
	// Limit is the maximum number of messages; more than 0. A page may have a few more:
	// messages with the same time as the last one are included, so that a client that
	// pages by time misses none. If more than a thousand share one time, the rest can be
	// reached by msgid only.
	Limit int
	// Reactions asks for the reactions to each message, which follow it and do not count
	// towards Limit.
	Reactions bool
}

// HistoryPage is the answer to a HistoryQuery.
type HistoryPage struct {
	// Target is the canonical name of the channel, or the nick.
	Target string
	// Events are messages, and reactions if asked for. If there are fewer than asked for,
	// there are no more, or More returns the others, which may be all of them.
	Events []Event
	// End says that there are no more messages in the direction of the query.
	End bool
	// More reads what follows Events; nil if the page ends there.
	More More
}

// More reads the next part of an answer that would take too much memory or time as a
// whole; no events mean the end. It is called on the session's goroutine once the client has
// read the previous part, however long that takes. It may take long itself, but bounds each
// request that it makes.
type More func(context.Context) ([]Event, error)

// HistoryTarget is a row of CHATHISTORY TARGETS.
type HistoryTarget struct {
	// Name is the canonical name of a channel, or a nick.
	Name string
	// Latest is the time of the latest message.
	Latest time.Time
}
