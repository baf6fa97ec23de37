package ircd

import (
	"fmt"
	"strconv"
	"strings"

	"directus-ircd/ircd/wire"
)

// Limits of a multi-line message that a client sends (draft/multiline): as long
// as five lines of the longest kind, and few enough lines that a whole one, with
// its prefixes and tags, takes no more than a third of a client's send queue.
const (
	maxMultilineBytes = 40000 // of text, a line break counting as one
	maxMultilineLines = 500
)

// multilineLimits is the value of the capability.
var multilineLimits = fmt.Sprintf("max-bytes=%d,max-lines=%d", maxMultilineBytes, maxMultilineLines)

// Codes of FAIL BATCH (draft/multiline, and client-batch from invalidReftag on).
const (
	multilineMaxBytes      = "MULTILINE_MAX_BYTES"
	multilineMaxLines      = "MULTILINE_MAX_LINES"
	multilineInvalidTarget = "MULTILINE_INVALID_TARGET"
	multilineInvalid       = "MULTILINE_INVALID"
	batchInvalidReftag     = "INVALID_REFTAG"
	batchTimeout           = "TIMEOUT"
	batchUnknownType       = "UNKNOWN_TYPE"
)

// multiline is a message that a client sends line by line.
//
// An ACTION of several lines is written nowhere. It is taken in both ways that
// come to mind: every line wrapped as a CTCP of its own, or the whole as one.
type multiline struct {
	target  string // as the batch names it
	command string // PRIVMSG or NOTICE; empty before the first line
	action  bool
	lines   int
	bytes   int
	text    strings.Builder
}

// batchError is the error of a batch. It has no numeric.
func batchError(code, text string, params ...string) *Error {
	return &Error{Code: code, Params: params, Text: text}
}

// add appends a line, or says why the whole message is refused.
func (b *multiline) add(command, target, text string, concat bool) *Error {
	b.lines++
	b.bytes += len(text)
	if b.lines > 1 && !concat {
		b.bytes++
	}
	action, isAction := wire.Action(text)
	switch {
	case command != "PRIVMSG" && command != "NOTICE" || b.command != "" && command != b.command:
		return batchError(multilineInvalid, "Not sent: a multi-line message is made of PRIVMSG alone, or of NOTICE alone")
	case wire.Fold(target) != wire.Fold(b.target):
		return batchError(multilineInvalidTarget, "Not sent: all lines of a multi-line message go to one target", b.target, target)
	case b.lines > maxMultilineLines:
		return batchError(multilineMaxLines, fmt.Sprintf("Not sent: a multi-line message has %d lines at most", maxMultilineLines), strconv.Itoa(maxMultilineLines))
	case b.bytes > maxMultilineBytes:
		return batchError(multilineMaxBytes, fmt.Sprintf("Not sent: a multi-line message has %d bytes at most", maxMultilineBytes), strconv.Itoa(maxMultilineBytes))
	case concat && (b.lines == 1 || text == ""):
		return batchError(multilineInvalid, "Not sent: a line that continues another one cannot be blank or the first")
	case isAction && (command != "PRIVMSG" || b.lines > 1 && !b.action):
		return batchError(multilineInvalid, "Not sent: an ACTION of several lines begins with its first one")
	case strings.HasPrefix(text, wire.CTCPMark) && !isAction:
		return batchError(multilineInvalid, "Not sent: CTCP requests other than ACTION are not carried")
	}
	if isAction {
		b.action, text = true, action
	}
	b.command = command
	if b.lines > 1 && !concat {
		b.text.WriteByte('\n')
	}
	b.text.WriteString(text)
	return nil
}

// message returns the whole, once its last line is in. Its text is clean.
func (b *multiline) message() (Outgoing, *Error) {
	out := Outgoing{Text: wire.CleanText(b.text.String())}
	switch {
	case b.action:
		out.Kind = Action
	case b.command == "NOTICE":
		out.Kind = Notice
	}
	if wire.Lines(out.Text) == nil {
		return out, batchError(multilineInvalid, "Not sent: all lines are blank")
	}
	return out, nil
}
