// Package ircd is an IRC server for a chat whose accounts, channels and
// messages live somewhere else. It speaks the protocol (RFC 1459, RFC 2812,
// IRCv3) and keeps what exists only on IRC: connections, presence, away
// states. Everything else it asks of a Backend.
//
// To understand the package read this file, which is the whole boundary, then
// conn.go, which runs one connection.
package ircd

import "context"

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
// connection does. An *Error is told to the client as it is; any other error is
// logged and told as "internal error".
type Session interface {
	// User is the identity that the backend imposes, the same for all the
	// sessions of one user and constant for the life of the session.
	User() User
	// AutoJoin names the channels to join after the welcome, in order.
	AutoJoin() []string
	// Channels lists the channels for LIST.
	Channels(ctx context.Context) ([]ChannelInfo, error)
	// Join enters a channel: from here on Poll returns its events. The name
	// may differ in case from the canonical one, which the result carries. It
	// is not called for a channel already joined.
	Join(ctx context.Context, channel string, opts JoinOptions) (*Channel, error)
	// Part leaves a channel; Poll returns no more of its events.
	Part(ctx context.Context, channel string) error
	// Send stores a message and returns it as stored. It returns only once the
	// backend has confirmed or refused: what it returns is the truth that the
	// client is told. Poll never returns a message that Send has returned.
	Send(ctx context.Context, m Outgoing) (*Message, error)
	// Lookup finds a user who need not be connected, as far as this session's
	// user may see them. The error is nil and the user nil if there is none.
	Lookup(ctx context.Context, nick string) (*User, error)
	// Wake is the doorbell: readable when Poll may have something. It holds
	// one token and never blocks the ringer.
	Wake() <-chan struct{}
	// Poll returns the news since the last call, oldest first, without
	// waiting for any. An error ends the connection. Of an *Error or a
	// *LoginError the Text is told as the reason; any other is logged and told
	// as "internal error".
	Poll(ctx context.Context) ([]Event, error)
	// Close ends the session and waits for what it started, for as long as ctx
	// lasts. No method is called after it.
	Close(ctx context.Context) error
}

// User is a person as IRC shows them.
type User struct {
	// ID is opaque, stable and unique; it is shown as the account name
	// (account-tag, extended-join, WHOIS 330). Never an e-mail address.
	ID string
	// Nick is unique among all users known at one time and valid by IsNick.
	Nick string
	// Username is the part of the mask between "!" and "@".
	Username string
	// Host is the part of the mask behind "@"; never an address.
	Host string
	// Realname is free text: the name as people write it.
	Realname string
}

// JoinOptions say what the client can use of a Join.
type JoinOptions struct {
	// Backlog asks for the channel's latest messages. It is false for clients
	// that fetch history by themselves.
	Backlog bool
}

// Channel is what Join answers.
type Channel struct {
	// Name is the canonical name, as written in every line about the channel.
	Name string
	// Topic may be empty.
	Topic string
	// Backlog holds the latest messages, oldest first. Where it cannot be had
	// yet, it is empty and a Backlog event follows through Poll.
	Backlog []*Message
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
	// Target is a channel name as the client wrote it.
	Target string
	Kind   Kind
	// Text is valid UTF-8 without CR and NUL. It may hold line breaks ("\n")
	// and mIRC formatting; for an Action it is without the CTCP wrapping.
	Text string
}
