package ircd

import (
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// send queues one line, as a part of the answer to the request at hand (see
// label.go) if there is one. It is the only way to the client but for the lines in
// batches.
func (c *conn) send(l *wire.Line) {
	start := len(c.out1)
	c.write(l)
	c.place(start)
}

// sendBy is send for a line about what a user does.
func (c *conn) sendBy(u User, l *wire.Line) {
	l.Source = prefixOf(u)
	at := time.Time{}
	if !wire.HasTag(l.Tags, "time") {
		at = c.srv.now()
	}
	l.Tags = append(actorTags(u, c.by(u, form{caps: c.caps}), at), l.Tags...)
	c.send(l)
}

// actorTags are what is told of whoever does something, whatever it is: when, by
// which account (IRCv3 account-tag), and that it is a bot. They stand in front of
// the tags of clients. No time is told if it is zero.
func actorTags(u User, f form, at time.Time) []wire.Tag {
	var tags []wire.Tag
	if f.caps.has(capServerTime) && !at.IsZero() {
		tags = append(tags, wire.Tag{Key: "time", Value: at.UTC().Format(wire.TimeFormat)})
	}
	if f.caps.has(capAccountTag) && u.ID != "" {
		tags = append(tags, wire.Tag{Key: "account", Value: u.ID})
	}
	return append(tags, f.botTag()...)
}

// write queues one line as it is, and adds what every line has: with server-time,
// the time. Lines without a source (PING, ERROR, AUTHENTICATE) carry none, and
// neither do those of the negotiation itself.
func (c *conn) write(l *wire.Line) {
	if c.caps.has(capServerTime) && l.Source != "" && l.Command != "CAP" && !wire.HasTag(l.Tags, "time") {
		l.Tags = append(l.Tags, wire.Tag{Key: "time", Value: c.srv.now().UTC().Format(wire.TimeFormat)})
	}
	if c.out1 == nil {
		c.out1 = c.srv.spare.get()
	}
	c.out1 = wire.Append(c.out1, l)
	c.srv.count.linesOut.Add(1)
	c.trace(l)
}

// numeric makes a numeric whose last parameter is no text.
func (c *conn) numeric(numeric string, params ...string) *wire.Line {
	return &wire.Line{Source: c.srv.source, Command: numeric, Params: append([]string{c.nick}, params...)}
}

// reply sends a numeric whose last parameter is text and gets its colon.
func (c *conn) reply(numeric string, params ...string) {
	l := c.numeric(numeric, params...)
	l.Trailing = true
	c.send(l)
}

// replyPlain sends a numeric whose last parameter is no text. A colon before
// modes (324) or a timestamp (329) breaks HexChat, EPIC and others.
func (c *conn) replyPlain(numeric string, params ...string) {
	c.send(c.numeric(numeric, params...))
}

// replyList sends a numeric whose last parameter is a list of words, as often as
// it takes for all of them; once if there are none.
func (c *conn) replyList(numeric string, words []string, params ...string) {
	head := ":" + c.srv.source + " " + numeric + " " + c.nick + " :"
	for _, p := range params {
		head += p + " "
	}
	lists := wire.Pack(words, wire.MaxBody-len(head))
	if len(lists) == 0 {
		lists = []string{""}
	}
	for _, list := range lists {
		c.reply(numeric, append(slices.Clone(params), list)...)
	}
}

// notice sends a NOTICE of the server to the client itself.
func (c *conn) notice(text string) {
	c.send(&wire.Line{Source: c.srv.source, Command: "NOTICE", Params: []string{c.nick, text}, Trailing: true})
}

// prefixOf is the source of what a user says and does.
func prefixOf(u User) string { return u.Nick + "!" + u.Username + "@" + u.Host }

// errorReply makes the error of a command; params go before the text.
func errorReply(numeric, text string, params ...string) *Error {
	return &Error{Numeric: numeric, Params: params, Text: text, Code: codes[numeric]}
}

// internalError is what people are told of errors that are not for them.
const (
	internalError = "internal error, see the log of the server"
	codeInternal  = "INTERNAL_ERROR"
	codeLater     = "TEMPORARILY_UNAVAILABLE"
)

// refused makes an *Error of a Session's error: the one it is, or else a fixed
// text under the given numeric and parameters, with the error for the log.
func refused(err error, numeric string, params ...string) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Numeric: numeric, Params: params, Text: tooLate, Code: codeLater, Err: err}
	}
	return &Error{Numeric: numeric, Params: params, Text: internalError, Code: codeInternal, Err: err}
}

// answer tells the client the error of a command. It returns the error if that
// ends the connection.
func (c *conn) answer(ctx context.Context, command string, err error) error {
	var end *closing
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &end):
		return err
	case errors.As(err, &e):
		// Told even while the connection ends: what became of a message is worth
		// a line before ERROR.
	case ended(ctx) != nil:
		return ended(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		e = &Error{Numeric: irc.RPL_TRYAGAIN, Params: []string{command}, Text: tooLate, Code: codeLater, Err: err}
	default:
		e = &Error{Numeric: wire.ERR_UNKNOWNERROR, Params: []string{command}, Text: internalError, Code: codeInternal, Err: err}
	}
	if e.Err != nil {
		c.log.Warn().Str("cmd", command).Str("numeric", e.Numeric).Err(e.Err).Msg("command refused")
	}
	c.tellError(command, e)
	return nil
}

// definedBy names the capability whose specification defines FAIL for a command:
// a client that has it is sent that even without standard-replies.
var definedBy = map[string]capSet{
	"BATCH":       capMultiline,
	"CHATHISTORY": capChathistory,
	"MARKREAD":    capReadMarker,
	"REDACT":      capRedaction,
	"SETNAME":     capSetname,
}

// standardReply sends a FAIL, WARN or NOTE (IRCv3 standard-replies) about a
// command, or about none ("*"). Whether the client may be sent one is for the
// caller to know.
func (c *conn) standardReply(kind, command, code, text string, context ...string) {
	params := append([]string{command, code}, context...)
	c.send(&wire.Line{Source: c.srv.source, Command: kind, Params: append(params, text), Trailing: true})
}

// tellError tells an error as far as the client can be told: as its numeric, and
// as a FAIL with the code. One without a numeric is a FAIL alone, or a NOTICE
// where the client cannot expect that.
func (c *conn) tellError(command string, e *Error) {
	fail := e.Code != "" && c.caps.has(capStandardReplies)
	switch {
	case e.Numeric != "":
		c.reply(e.Numeric, append(slices.Clone(e.Params), e.Text)...)
	case e.Code != "" && c.caps.has(definedBy[command]):
		fail = true
	case !fail:
		c.notice(command + ": " + e.Text)
	}
	if !fail {
		return
	}
	context := e.Params
	if len(context) > 0 && context[0] == command {
		context = context[1:]
	}
	c.standardReply("FAIL", command, e.Code, e.Text, context...)
}

// invalidUTF8 tells a client, once, that it does not send UTF-8 (IRCv3
// utf8-only). What it sent is taken all the same.
func (c *conn) invalidUTF8(command string) {
	if c.toldUTF8 {
		return
	}
	c.toldUTF8 = true
	const text = "Your client does not send UTF-8. Its text is read as Windows-1252; please set it to UTF-8."
	if c.caps.has(capStandardReplies) {
		c.standardReply("WARN", command, "INVALID_UTF8", text)
	} else {
		c.notice(text)
	}
}

// codes are those of the errors that have one wherever they come from.
var codes = map[string]string{
	"401": "NO_SUCH_NICK",
	"403": "NO_SUCH_CHANNEL",
	"404": "CANNOT_SEND",
}
