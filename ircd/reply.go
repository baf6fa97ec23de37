package ircd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// send queues one line, as part of the response if there is one (see reply_label.go). All
// output goes through it, except lines in batches and renderings.
func (c *conn) send(l *wire.Line) {
	start := len(c.out1)
	c.write(l)
	c.place(start)
}

// sendBy is send for a line about something that a user does.
func (c *conn) sendBy(u User, l *wire.Line) {
	l.Source = prefixOf(u)
	at := time.Time{}
	if !wire.HasTag(l.Tags, "time") {
		at = c.srv.now()
	}
	l.Tags = append(actorTags(u, c.by(u, form{caps: c.caps}), at), l.Tags...)
	c.send(l)
}

// actorTags are the tags of a line about something that a user does: the time unless it is
// zero, the account (IRCv3 account-tag), and bot. They go before client-only tags.
func actorTags(u User, f form, at time.Time) []wire.Tag {
	var tags []wire.Tag
	if f.caps.has(capServerTime) && !at.IsZero() {
		tags = append(tags, wire.Tag{Key: "time", Value: at.UTC().Format(wire.TimeFormat)})
	}
	if f.caps.has(capAccountTag) && u.Account != "" {
		tags = append(tags, wire.Tag{Key: "account", Value: u.Account})
	}
	return append(tags, f.botTag()...)
}

// write queues one line outside of any response. With server-time it adds the time, except
// to CAP and to lines without a source (PING, ERROR, AUTHENTICATE).
func (c *conn) write(l *wire.Line) {
	if c.caps.has(capServerTime) && l.Source != "" && l.Command != "CAP" && !wire.HasTag(l.Tags, "time") {
		l.Tags = append(l.Tags, wire.Tag{Key: "time", Value: c.srv.now().UTC().Format(wire.TimeFormat)})
	}
	c.ownOutput()
	c.out1 = wire.Append(c.out1, l)
	c.srv.count.linesOut.Add(1)
	c.traceLine(l.Command, l.Params...)
}

// numeric makes a numeric whose last parameter is not text.
func (c *conn) numeric(numeric string, params ...string) *wire.Line {
	return &wire.Line{Source: c.srv.source, Command: numeric, Params: append([]string{c.nick}, params...)}
}

// reply sends a numeric whose last parameter is text, with a colon.
func (c *conn) reply(numeric string, params ...string) {
	l := c.numeric(numeric, params...)
	l.Trailing = true
	c.send(l)
}

// replyPlain sends a numeric whose last parameter is not text: a colon before modes (324)
// or a timestamp (329) breaks HexChat, EPIC and others.
func (c *conn) replyPlain(numeric string, params ...string) {
	c.send(c.numeric(numeric, params...))
}

// replyList sends a numeric whose last parameter is a list of words, on as many lines as
// it takes, and on one line if there are none.
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

// notice sends a NOTICE from the server to the client.
func (c *conn) notice(text string) {
	c.send(&wire.Line{Source: c.srv.source, Command: "NOTICE", Params: []string{c.nick, text}, Trailing: true})
}

// prefixOf is a user's mask, the source of lines about what the user does.
func prefixOf(u User) string { return u.Nick + "!" + u.Username + "@" + u.Host }

// errorReply makes an *Error with a numeric. params go before the text.
func errorReply(numeric, text string, params ...string) *Error {
	return &Error{Numeric: numeric, Params: params, Text: text, Code: codes[numeric]}
}

// failReply makes an *Error that has a code and no numeric. params are the context.
func failReply(code, text string, params ...string) *Error {
	return &Error{Code: code, Params: params, Text: text}
}

// What clients are told of errors whose text is for the log only.
const (
	internalError = "internal error, see the log of the server"
	codeInternal  = "INTERNAL_ERROR"
	codeLater     = "TEMPORARILY_UNAVAILABLE"
)

// refused turns the error of a Session into an *Error, unless it is one already: a fixed
// text with the given numeric and parameters, and the original error for the log.
func refused(err error, numeric string, params ...string) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Numeric: numeric, Params: params, Text: tooLate, Code: codeLater, Lost: true, Err: err}
	}
	return &Error{Numeric: numeric, Params: params, Text: internalError, Code: codeInternal, Lost: true, Err: err}
}

// failed turns the error of a Session into one that has a code and no numeric: with its own
// text, or with the given one if it has none for users.
func failed(ctx context.Context, err error, text string, codeOf func(*Error) string, params ...string) error {
	if end := ended(ctx); end != nil {
		return end
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Text: text, Err: err}
	}
	return &Error{Params: params, Text: e.Text, Code: codeOf(e), Err: e.Err}
}

// answer tells the client of the error of a command, or returns it if it ends the
// connection.
func (c *conn) answer(ctx context.Context, command string, err error) error {
	var end *closing
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &end):
		return err
	case errors.As(err, &e):
		// Sent even while the connection ends, because the client should know what
		// became of its message.
	case ended(ctx) != nil:
		return ended(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		e = &Error{Numeric: irc.RPL_TRYAGAIN, Text: tooLate, Code: codeLater, Lost: true, Err: err}
	default:
		e = &Error{Numeric: wire.ERR_UNKNOWNERROR, Params: []string{command}, Text: internalError, Code: codeInternal, Lost: true, Err: err}
	}
	if e.Err != nil {
		c.log.Warn().Str("cmd", command).Str("numeric", e.Numeric).Err(e.Err).Msg("command refused")
	}
	c.tellError(command, e)
	return nil
}

// definedBy names for commands the capability whose specification defines their FAIL. A
// client that has it is sent FAIL even without standard-replies.
var definedBy = map[string]capSet{
	"BATCH":       capMultiline,
	"CHATHISTORY": capChathistory,
	"MARKREAD":    capReadMarker,
	"REDACT":      capRedaction,
	"SETNAME":     capSetname,
}

// standardReply sends a FAIL, WARN or NOTE (IRCv3 standard-replies) about a command, or
// about none ("*"). The caller checks that the client understands it.
func (c *conn) standardReply(kind, command, code, text string, context ...string) {
	params := append([]string{command, code}, context...)
	c.send(&wire.Line{Source: c.srv.source, Command: kind, Params: append(params, text), Trailing: true})
}

// tellError tells the client of an error once: by its numeric if there is one, and otherwise
// by a FAIL or, if the client does not understand that, a NOTICE. A FAIL does not replace a
// numeric (IRCv3 standard-replies) but the one that says nothing, and those of commands whose
// specification defines FAIL.
func (c *conn) tellError(command string, e *Error) {
	if command == "NOTICE" {
		c.loseNotice(e)
		return
	}
	own := definedBy[command]
	fail := e.Numeric == "" && c.caps.has(own|capStandardReplies) ||
		c.caps.has(capStandardReplies) && (own != 0 || e.Numeric == wire.ERR_UNKNOWNERROR)
	switch {
	case fail && e.Code != "":
		context := e.Params
		if len(context) > 0 && context[0] == command {
			context = context[1:]
		}
		c.standardReply("FAIL", command, e.Code, e.Text, context...)
	case e.Numeric == irc.RPL_TRYAGAIN:
		c.reply(e.Numeric, slices.Concat([]string{command}, e.Params, []string{e.Text})...)
	case e.Numeric != "":
		c.reply(e.Numeric, append(slices.Clone(e.Params), e.Text)...)
	default:
		c.notice(command + ": " + e.Text)
	}
}

// loseNotice is tellError for a NOTICE, to which servers must not reply with an error either:
// two clients that answer each other would never come to an end (RFC 2812, section 3.3.2). A
// NOTICE that is refused vanishes, as on other servers. Of one that is lost for no fault of
// its sender, or perhaps is, the service tells in its window, which is no reply: it is said
// outside of any response, and once until a message is stored again.
func (c *conn) loseNotice(e *Error) {
	if !e.Lost || c.toldLost {
		return
	}
	c.toldLost = true
	defer c.aside()()
	target, _, _ := strings.Cut(strings.Join(e.Params, " "), " ")
	c.showService(&ServiceNotice{Target: target, Text: strings.TrimSuffix("A NOTICE to "+target, " to ") + " is lost (you are told of the first only): " + e.Text})
}

// invalidUTF8 tells a client, once, that it does not send UTF-8 (IRCv3 utf8-only). What it
// has sent is accepted anyway.
func (c *conn) invalidUTF8(command string) {
	if c.toldUTF8 || command == "NOTICE" {
		return
	}
	c.toldUTF8 = true
	const text = "Your client does not send UTF-8. Its text is read as Windows-1252: please set it to UTF-8."
	if c.caps.has(capStandardReplies) {
		c.standardReply("WARN", command, "INVALID_UTF8", text)
	} else {
		c.notice(text)
	}
}

// codes are the codes that go with a numeric whatever the command is.
var codes = map[string]string{
	"401": "NO_SUCH_NICK",
	"403": "NO_SUCH_CHANNEL",
	"404": "CANNOT_SEND",
}
