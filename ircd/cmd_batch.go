package ircd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// multilineIdle is how long an open batch waits for its next line, beyond what
	// flood control holds that back. WeeChat sends one in two seconds.
	multilineIdle = 60 * time.Second
	// multilineTime is how long it may be open in all.
	multilineTime = 20 * time.Minute
)

// multilines are the multi-line messages that a client sends. It is owned by
// loop.
type multilines struct {
	open *openMultiline // nil: none
	// refused is the name of the last batch that was refused: what still comes
	// for it is dropped without another word.
	refused string
}

// openMultiline is a multi-line message of which not all lines are there. A client
// may have one at a time (client-batch).
type openMultiline struct {
	multiline
	ref     string
	label   string // of the command that opened it; what becomes of the message answers that
	replyTo string
	timer   *time.Timer
	end     time.Time // when it is refused whatever comes
}

// takesBatches reports whether the tag batch means something on a line of the
// client's.
func (c *conn) takesBatches() bool { return c.caps.has(capMultiline) || c.multi.open != nil }

// paceBatch tells flood control of it.
func (c *conn) paceBatch() { c.pacing.batch.Store(c.takesBatches()) }

// cmdBatch opens and closes a multi-line message. Other commands may come in
// between; they are handled as always, though client-batch forbids them.
func (c *conn) cmdBatch(ctx context.Context, m *irc.Message) error {
	if !c.takesBatches() {
		return errorReply(irc.ERR_UNKNOWNCOMMAND, "Unknown command", m.Command)
	}
	if ref, ok := strings.CutPrefix(m.Param(0), "-"); ok {
		return c.finishMultiline(ctx, ref)
	}
	ref, ok := strings.CutPrefix(m.Param(0), "+")
	if !ok || !wire.IsReftag(ref) {
		return c.refuseMultiline(ref, batchError(batchInvalidReftag, "Not opened: the name of a batch has letters, digits and hyphens only, behind + or -", ref))
	}
	return c.beginMultiline(ref, m)
}

func (c *conn) beginMultiline(ref string, m *irc.Message) error {
	if b := c.multi.open; b != nil && b.ref == ref {
		// Two messages under one name could not be told apart.
		c.dropMultiline()
		return c.refuseMultiline(ref, batchError(multilineInvalid, "Not sent: a batch of that name is open already, and is given up as well"))
	}
	target := m.Param(2)
	switch {
	case m.Param(1) != multilineBatch:
		return c.refuseMultiline(ref, batchError(batchUnknownType, "Not opened: clients may send batches of the type "+multilineBatch+" only", ref, m.Param(1)))
	case c.multi.open != nil:
		return c.refuseMultiline(ref, batchError(multilineInvalid, "Not opened: another batch is open, close it first"))
	case target == "" || strings.Contains(target, ","):
		return c.refuseMultiline(ref, batchError(multilineInvalid, "Not opened: a multi-line message has one target"))
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

// finishMultiline has the message stored.
func (c *conn) finishMultiline(ctx context.Context, ref string) error {
	b := c.multi.open
	if b == nil || b.ref != ref {
		return c.strayMultiline(ref)
	}
	c.dropMultiline()
	out, refusal := b.message()
	if refusal != nil {
		return refusal
	}
	out.ReplyTo = b.replyTo
	return c.answer(ctx, b.command, c.say(ctx, b.target, out))
}

// partOfBatch takes a command that is said to be part of a batch. What is wrong
// with it is wrong with the batch.
func (c *conn) partOfBatch(ctx context.Context, m *irc.Message, ref string) error {
	return c.answer(ctx, "BATCH", c.addToMultiline(m, ref))
}

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

// loseFromMultiline gives the open batch up if a line that was too long is a part
// of it: without that one, it would be another message.
func (c *conn) loseFromMultiline(ctx context.Context, tags string) error {
	ref, ok := irc.ParseTags(tags)[tagBatch]
	if b := c.multi.open; b == nil || !ok || ref != b.ref {
		return nil
	}
	c.dropMultiline()
	return c.answer(ctx, "BATCH", c.refuseMultiline(ref, batchError(multilineInvalid, "Not sent: one of its lines was too long")))
}

func (c *conn) multilineWait() time.Duration { return multilineIdle + c.pace() }

// refuseMultiline notes that a batch is refused, and returns why.
func (c *conn) refuseMultiline(ref string, err *Error) error {
	c.multi.refused = ref
	return err
}

// strayMultiline answers what belongs to no open batch. It is said once for each.
func (c *conn) strayMultiline(ref string) error {
	if ref == c.multi.refused {
		return nil
	}
	return c.refuseMultiline(ref, batchError(multilineInvalid, "Not sent: no batch of that name is open"))
}

// dropMultiline forgets the open batch. What is said next is what became of it.
func (c *conn) dropMultiline() {
	b := c.multi.open
	b.timer.Stop()
	c.multi.open = nil
	c.paceBatch()
	if b.label != "" {
		c.beginResponse(b.label)
	}
}

// abandonMultiline says at the end of a connection that the open batch is lost.
func (c *conn) abandonMultiline() {
	if c.multi.open == nil {
		return
	}
	c.dropMultiline()
	c.tellError("BATCH", batchError(multilineInvalid, "Not sent: the connection ends before the batch does"))
	c.endResponse()
}

// multilineExpiry is readable when the open batch has waited for too long.
func (c *conn) multilineExpiry() <-chan time.Time {
	if c.multi.open == nil {
		return nil
	}
	return c.multi.open.timer.C
}

// expireMultiline refuses it.
func (c *conn) expireMultiline(ctx context.Context) error {
	ref := c.multi.open.ref
	c.dropMultiline()
	err := c.refuseMultiline(ref, batchError(batchTimeout, fmt.Sprintf("Not sent: the batch was open for too long, the next line comes within %v", multilineIdle), ref))
	defer c.endResponse()
	return c.answer(ctx, "BATCH", err)
}
