package ircd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// multilineIdle is how long an open batch waits for its next line, in addition to the
	// delay of flood control. WeeChat sends a line every two seconds.
	multilineIdle = 60 * time.Second
	// multilineTime is how long a batch may be open in total.
	multilineTime = 20 * time.Minute
)

// multilines is the state of the multi-line messages that a client sends. loop owns it.
type multilines struct {
	open *openMultiline // nil: none
	// refused is the name of the last batch that was refused. Further lines of it are
	// dropped silently.
	refused string
}

// openMultiline is an incomplete multi-line message. A client may have one at a time
// (client-batch).
type openMultiline struct {
	multiline
	ref     string
	label   string // of the BATCH that opened it, for the response to the whole message
	replyTo string
	timer   *time.Timer
	end     time.Time // when multilineTime is over
}

// takesBatches reports whether the tag batch is meaningful on lines from the client.
func (c *conn) takesBatches() bool { return c.caps.has(capMultiline) || c.multi.open != nil }

// paceBatch tells flood control whether the tag batch is meaningful.
func (c *conn) paceBatch() { c.pacing.batch.Store(c.takesBatches()) }

// cmdBatch opens and closes a multi-line message. Other commands in between are handled as
// always, though client-batch forbids them.
func (c *conn) cmdBatch(ctx context.Context, m *irc.Message) error {
	if !c.takesBatches() {
		return errorReply(irc.ERR_UNKNOWNCOMMAND, "Unknown command", m.Command)
	}
	if ref, ok := strings.CutPrefix(m.Param(0), "-"); ok {
		return c.finishMultiline(ctx, ref)
	}
	ref, ok := strings.CutPrefix(m.Param(0), "+")
	if !ok || !wire.IsReftag(ref) {
		return c.refuseMultiline(ref, failReply(batchInvalidReftag, "Not opened: the name of a batch consists of letters, digits and hyphens, after + or -", ref))
	}
	return c.beginMultiline(ref, m)
}

func (c *conn) beginMultiline(ref string, m *irc.Message) error {
	if b := c.multi.open; b != nil && b.ref == ref {
		// Two messages under one name could not be told apart.
		c.dropMultiline()
		return c.refuseMultiline(ref, failReply(multilineInvalid, "Not sent: a batch of that name was open already; both are dropped"))
	}
	target := m.Param(2)
	switch {
	case m.Param(1) != multilineBatch:
		return c.refuseMultiline(ref, failReply(batchUnknownType, "Not opened: clients may only send batches of type "+multilineBatch, ref, m.Param(1)))
	case c.multi.open != nil:
		return c.refuseMultiline(ref, failReply(multilineInvalid, "Not opened: another batch is open, close it first"))
	case target == "" || strings.Contains(target, ","):
		return c.refuseMultiline(ref, failReply(multilineInvalid, "Not opened: a multi-line message has one target"))
	}
	if c.multi.refused == ref {
		c.multi.refused = ""
	}
	c.multi.open = &openMultiline{
		multiline: multiline{target: target},
		ref:       ref,
		label:     c.deferLabel(),
		replyTo:   c.replyTo(m),
		timer:     time.NewTimer(c.multilineWait()),
		end:       time.Now().Add(multilineTime),
	}
	c.paceBatch()
	return nil
}

func (c *conn) finishMultiline(ctx context.Context, ref string) error {
	b := c.multi.open
	if b == nil || b.ref != ref {
		return c.strayMultiline(ref)
	}
	c.dropMultiline()
	out, refusal := b.message()
	if refusal != nil {
		return c.answer(ctx, openerOf(b.command), refusal)
	}
	out.ReplyTo = b.replyTo
	if composed := b.composed(out); composed != nil {
		c.srv.composed.note(c.user.ID, out.Text, composed)
	}
	return c.answer(ctx, b.command, c.say(ctx, b.target, out))
}

// addToMultiline handles a command that is tagged as part of a batch.
func (c *conn) addToMultiline(m *irc.Message, ref string) error {
	b := c.multi.open
	if b == nil || b.ref != ref {
		return c.strayMultiline(ref)
	}
	_, concat := m.Tags[tagConcat]
	if err := b.add(m.Command, m.Param(0), m.Param(1), concat); err != nil {
		c.dropMultiline()
		return c.refuseMultiline(ref, err)
	}
	b.timer.Reset(min(c.multilineWait(), time.Until(b.end)))
	return nil
}

// loseFromMultiline drops the open batch if a line that was too long is part of it: without
// that line it would be a different message.
func (c *conn) loseFromMultiline(ctx context.Context, tags string) error {
	ref, ok := irc.ParseTags(tags)[tagBatch]
	b := c.multi.open
	if b == nil || !ok || ref != b.ref {
		return nil
	}
	c.dropMultiline()
	return c.answer(ctx, openerOf(b.command), c.refuseMultiline(ref, failReply(multilineInvalid, "Not sent: one of its lines was too long")))
}

func (c *conn) multilineWait() time.Duration { return multilineIdle + c.pace() }

// refuseMultiline records that a batch is refused, and returns err.
func (c *conn) refuseMultiline(ref string, err *Error) error {
	c.multi.refused = ref
	return err
}

// strayMultiline is the error for a line of a batch that is not open; nil if it was reported
// for that batch before.
func (c *conn) strayMultiline(ref string) error {
	if ref == c.multi.refused {
		return nil
	}
	return c.refuseMultiline(ref, failReply(multilineInvalid, "Not sent: no batch of that name is open"))
}

// dropMultiline forgets the open batch. What is sent next answers the BATCH that opened it.
func (c *conn) dropMultiline() {
	b := c.multi.open
	b.timer.Stop()
	c.multi.open = nil
	c.paceBatch()
	if b.label != "" {
		c.beginResponse(b.label)
	}
}

// abandonMultiline tells the client, at the end of the connection, that the open batch is
// lost.
func (c *conn) abandonMultiline() {
	b := c.multi.open
	if b == nil {
		return
	}
	c.dropMultiline()
	c.tellError(openerOf(b.command), failReply(multilineInvalid, "Not sent: the connection ended before the batch"))
	c.endResponse()
}

// multilineExpiry is readable when the open batch has waited too long for a line.
func (c *conn) multilineExpiry() <-chan time.Time {
	if c.multi.open == nil {
		return nil
	}
	return c.multi.open.timer.C
}

// expireMultiline refuses the open batch.
func (c *conn) expireMultiline(ctx context.Context) error {
	ref, opener := c.multi.open.ref, openerOf(c.multi.open.command)
	c.dropMultiline()
	err := c.refuseMultiline(ref, failReply(batchTimeout, fmt.Sprintf("Not sent: the batch was open for too long, each line must follow within %v", multilineIdle), ref))
	defer c.endResponse()
	return c.answer(ctx, opener, err)
}

// openerOf is the command that an error of a batch with lines of a command is told of: BATCH,
// or the NOTICE that it is, of which no error is told.
func openerOf(command string) string {
	if command == "NOTICE" {
		return command
	}
	return "BATCH"
}

// Limits of a multi-line message from a client (draft/multiline): about five lines of
// maximum length, and few enough lines that a whole message, with prefixes and tags, fills
// no more than a third of a client's send queue.
const (
	maxMultilineBytes = 40000 // of text; a line break counts as one
	maxMultilineLines = 500
)

// multilineLimits is the value of the capability draft/multiline.
var multilineLimits = fmt.Sprintf("max-bytes=%d,max-lines=%d", maxMultilineBytes, maxMultilineLines)

// Codes of FAIL BATCH, by draft/multiline and, from batchInvalidReftag on, client-batch.
const (
	multilineMaxBytes      = "MULTILINE_MAX_BYTES"
	multilineMaxLines      = "MULTILINE_MAX_LINES"
	multilineInvalidTarget = "MULTILINE_INVALID_TARGET"
	multilineInvalid       = "MULTILINE_INVALID"
	batchInvalidReftag     = "INVALID_REFTAG"
	batchTimeout           = "TIMEOUT"
	batchUnknownType       = "UNKNOWN_TYPE"
)

// multiline collects a message that a client sends line by line.
//
// No specification says how to send an ACTION of several lines. Both obvious ways are
// accepted: each line wrapped as CTCP, or the whole message wrapped once.
type multiline struct {
	target  string // as the batch names it
	command string // PRIVMSG or NOTICE; empty before the first line
	action  bool
	lines   int
	bytes   int
	text    strings.Builder
	begin   int         // of the line in text
	cuts    composition // of text
}

// add appends a line, or returns why the whole message is refused.
func (b *multiline) add(command, target, text string, concat bool) *Error {
	b.lines++
	b.bytes += len(text)
	if b.lines > 1 && !concat {
		b.bytes++
	}
	action, isAction := wire.Action(text)
	switch {
	case command != "PRIVMSG" && command != "NOTICE" || b.command != "" && command != b.command:
		return failReply(multilineInvalid, "Not sent: a multi-line message consists of PRIVMSG only, or of NOTICE only")
	case wire.Fold(target) != wire.Fold(b.target):
		return failReply(multilineInvalidTarget, "Not sent: all lines of a multi-line message must have the same target", b.target, target)
	case b.lines > maxMultilineLines:
		return failReply(multilineMaxLines, fmt.Sprintf("Not sent: a multi-line message may have at most %d lines", maxMultilineLines), strconv.Itoa(maxMultilineLines))
	case b.bytes > maxMultilineBytes:
		return failReply(multilineMaxBytes, fmt.Sprintf("Not sent: a multi-line message may have at most %d bytes", maxMultilineBytes), strconv.Itoa(maxMultilineBytes))
	case concat && (b.lines == 1 || text == ""):
		return failReply(multilineInvalid, "Not sent: a line that continues another one can be neither blank nor the first")
	case isAction && (command != "PRIVMSG" || b.lines > 1 && !b.action):
		return failReply(multilineInvalid, "Not sent: an ACTION of several lines must begin on the first one")
	case strings.HasPrefix(text, wire.CTCPMark) && !isAction:
		return failReply(multilineInvalid, "Not sent: CTCP other than ACTION is not supported")
	}
	if isAction {
		b.action, text = true, action
	}
	b.command = command
	if b.lines > 1 && !concat {
		b.text.WriteByte('\n')
	}
	if !concat {
		b.begin, b.cuts = b.text.Len(), append(b.cuts, nil)
	} else if at := b.text.Len() - b.begin; at > 0 {
		last := &b.cuts[len(b.cuts)-1]
		*last = append(*last, at)
	}
	b.text.WriteString(text)
	return nil
}

// composed returns how the complete message is composed; nil if no line was cut, or the
// message is not the text as it was composed.
func (b *multiline) composed(out Outgoing) composition {
	isCut := slices.ContainsFunc(b.cuts, func(line []int) bool { return line != nil })
	if !isCut || out.Text != b.text.String() || len(wire.WholeLines(out.Text)) != len(b.cuts) {
		return nil
	}
	return b.cuts
}

// message returns the complete message. Its text is clean.
func (b *multiline) message() (Outgoing, *Error) {
	out := Outgoing{Text: wire.CleanText(b.text.String())}
	switch {
	case b.action:
		out.Kind = Action
	case b.command == "NOTICE":
		out.Kind = Notice
	}
	if wire.Lines(out.Text) == nil {
		return out, failReply(multilineInvalid, "Not sent: all lines are blank")
	}
	return out, nil
}
