package ircd

import (
	"slices"

	"directus-ircd/ircd/wire"
)

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
