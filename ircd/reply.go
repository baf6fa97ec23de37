package ircd

import (
	"context"
	"errors"
	"slices"
	"time"

	irc "gopkg.in/irc.v4"
)

// timeFormat is the time tag (IRCv3 server-time): UTC, exactly milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z"

// send queues one line, as a part of the answer to the request at hand (see
// label.go) if there is one. It is the only way to the client but for the lines in
// batches.
func (c *conn) send(l *line) {
	start := len(c.out1)
	c.write(l)
	c.place(start)
}

// sendBy is send for a line about what a user does.
func (c *conn) sendBy(u User, l *line) {
	l.Source = prefixOf(u)
	at := time.Time{}
	if !hasTag(l.Tags, "time") {
		at = c.srv.now()
	}
	l.Tags = append(actorTags(u, c.by(u, form{caps: c.caps}), at), l.Tags...)
	c.send(l)
}

// actorTags are what is told of whoever does something, whatever it is: when, by
// which account (IRCv3 account-tag), and that it is a bot. They stand in front of
// the tags of clients. No time is told if it is zero.
func actorTags(u User, f form, at time.Time) []tag {
	var tags []tag
	if f.caps.has(capServerTime) && !at.IsZero() {
		tags = append(tags, tag{"time", at.UTC().Format(timeFormat)})
	}
	if f.caps.has(capAccountTag) && u.ID != "" {
		tags = append(tags, tag{"account", u.ID})
	}
	return append(tags, f.botTag()...)
}

// write queues one line as it is, and adds what every line has: with server-time,
// the time. Lines without a source (PING, ERROR, AUTHENTICATE) carry none, and
// neither do those of the negotiation itself.
func (c *conn) write(l *line) {
	if c.caps.has(capServerTime) && l.Source != "" && l.Command != "CAP" && !hasTag(l.Tags, "time") {
		l.Tags = append(l.Tags, tag{"time", c.srv.now().UTC().Format(timeFormat)})
	}
	if c.out1 == nil {
		c.out1 = c.srv.spare.get()
	}
	c.out1 = appendLine(c.out1, l)
	c.srv.count.linesOut.Add(1)
	c.trace(l)
}

func hasTag(tags []tag, key string) bool {
	for _, t := range tags {
		if t.Key == key {
			return true
		}
	}
	return false
}

// numeric makes a numeric whose last parameter is no text.
func (c *conn) numeric(numeric string, params ...string) *line {
	return &line{Source: c.srv.source, Command: numeric, Params: append([]string{c.nick}, params...)}
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
	lists := foldWords(words, maxBody-len(head))
	if len(lists) == 0 {
		lists = []string{""}
	}
	for _, list := range lists {
		c.reply(numeric, append(slices.Clone(params), list)...)
	}
}

// foldWords joins words with spaces into lists of at most limit bytes. A word
// that is longer stands alone.
func foldWords(words []string, limit int) []string {
	var lists []string
	var list []byte
	for _, w := range words {
		if len(list) > 0 && len(list)+1+len(w) > limit {
			lists = append(lists, string(list))
			list = list[:0]
		}
		if len(list) > 0 {
			list = append(list, ' ')
		}
		list = append(list, w...)
	}
	if len(list) > 0 {
		lists = append(lists, string(list))
	}
	return lists
}

// notice sends a NOTICE of the server to the client itself.
func (c *conn) notice(text string) {
	c.send(&line{Source: c.srv.source, Command: "NOTICE", Params: []string{c.nick, text}, Trailing: true})
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
		e = &Error{Numeric: ERR_UNKNOWNERROR, Params: []string{command}, Text: internalError, Code: codeInternal, Err: err}
	}
	if e.Err != nil {
		c.log.Warn().Str("cmd", command).Str("numeric", e.Numeric).Err(e.Err).Msg("command refused")
	}
	c.tellError(command, e)
	return nil
}
