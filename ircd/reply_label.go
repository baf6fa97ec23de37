package ircd

import (
	"bytes"
	"context"
	"strconv"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// This file answers labelled requests (IRCv3 labeled-response, batch).
//
// Commands need not care: whatever they send with send, reply, notice and the like is the
// response. A single line carries the label itself, no line becomes ACK, and from the
// second line on a batch of type labeled-response is opened around all of them. Only the
// first line is held back, so a response may have any length and be flushed in between.
// Four cases need attention:
//
//   - Output that is not part of the response, because it would have been sent anyway,
//     goes between aside and the function that aside returns. poll, showPresence and
//     showBacklog do that themselves.
//   - A command's own batch (openBatch) goes inside the response. If it is the whole
//     response, openAnswer puts the label on it and there is no outer batch. Lines in it
//     are sent with sendIn, renderings with sendAll.
//   - A command that sends something else after its response calls endResponse first.
//   - A request that is answered by a later one, or by a timer, keeps its label with
//     deferLabel, which leaves nothing to answer now. The label is passed to
//     beginResponse later; that response ends with the current request or, outside of
//     any, with endResponse.
//
// An error that ends the connection ends the response too. ERROR carries the label only if
// nothing else did: a client may be gone before it reads the end of a batch.

// maxLabel is the longest label, in bytes; longer ones are ignored.
const maxLabel = 64

// response is the response to a labelled request so far.
type response struct {
	label string
	first []byte // the first line, while it is the only one
	batch string // the id of the batch around it, once there is one
	told  bool   // a batch of another type carries the label
	parts bool   // a batch of another type cannot be the whole response
}

// labelOf returns the label of a line of input; empty if it has none, or if a client with
// these capabilities cannot be sent one.
func labelOf(caps capSet, text string) string {
	if !canLabel(caps) {
		return ""
	}
	tags, _, _ := wire.Cut(text)
	label := irc.ParseTags(tags)["label"]
	if len(label) > maxLabel {
		return ""
	}
	return label
}

// canLabel reports whether a client with these capabilities can be sent labels. That needs
// batch too, for responses of several lines.
func canLabel(caps capSet) bool { return caps.has(capLabeledResponse) && caps.has(capBatch) }

// beginResponse makes what is sent from now on the response to a request, and ends the
// response before. Without a label there is no response, nor if the client has given up
// the capability since.
func (c *conn) beginResponse(label string) {
	c.endResponse()
	if label != "" && canLabel(c.caps) {
		c.response = &response{label: label}
	}
}

// endResponse completes the response, if there is one.
func (c *conn) endResponse() {
	r := c.response
	switch {
	case r == nil || r.told:
	case r.batch != "":
		c.write(&wire.Line{Source: c.srv.source, Command: "BATCH", Params: []string{"-" + r.batch}})
	case r.first != nil:
		c.out1 = wire.AppendTagged(c.out1, r.first, wire.Tag{Key: "label", Value: r.label})
	default:
		c.write(&wire.Line{Tags: []wire.Tag{{Key: "label", Value: r.label}}, Source: c.srv.source, Command: "ACK"})
	}
	c.response = nil
}

// deferLabel takes the label off the current request, to be answered later. It returns an
// empty label if there is none, or if part of the response has been sent.
func (c *conn) deferLabel() string {
	r := c.response
	if r == nil || !r.silent() {
		return ""
	}
	c.response = nil
	return r.label
}

// silent reports whether nothing has been sent in the response so far.
func (r *response) silent() bool { return r.first == nil && r.batch == "" && !r.told }

// aside keeps what is sent out of the response until the returned function is called.
func (c *conn) aside() (back func()) {
	c.asides++
	return func() { c.asides-- }
}

// place makes the last line of out1, which begins at start and is in no batch, part of the
// response.
func (c *conn) place(start int) {
	r := c.response
	if r == nil || r.told || c.asides > 0 && r.first == nil {
		return
	}
	b := bytes.Clone(c.out1[start:])
	c.out1 = c.out1[:start]
	if c.asides == 0 && r.silent() {
		r.first = b
		return
	}
	c.wrap(r)
	if c.asides > 0 {
		c.out1 = append(c.out1, b...)
	} else {
		c.out1 = wire.AppendTagged(c.out1, b, wire.Tag{Key: "batch", Value: r.batch})
	}
}

// wrap opens the batch around a response of more than one line.
func (c *conn) wrap(r *response) {
	if r.batch != "" {
		return
	}
	first := r.first
	r.first, r.batch = nil, c.batchID()
	c.write(&wire.Line{
		Tags: []wire.Tag{{Key: "label", Value: r.label}}, Source: c.srv.source,
		Command: "BATCH", Params: []string{"+" + r.batch, "labeled-response"},
	})
	if first != nil {
		c.out1 = wire.AppendTagged(c.out1, first, wire.Tag{Key: "batch", Value: r.batch})
	}
}

// batch is an open batch; the zero value is none.
type batch struct{ id, outer string }

// openBatch opens a batch inside another one, or in none. The client must have the
// capability batch.
func (c *conn) openBatch(outer batch, tags []wire.Tag, kind string, params ...string) batch {
	if r := c.response; outer.id == "" && c.asides == 0 && r != nil && !r.told {
		c.wrap(r)
	}
	b := batch{id: c.batchID(), outer: outer.id}
	c.sendIn(outer, &wire.Line{
		Tags: tags, Source: c.srv.source,
		Command: "BATCH", Params: append([]string{"+" + b.id, kind}, params...),
	})
	return b
}

// openAnswer opens a batch that is the whole response to the current request.
func (c *conn) openAnswer(tags []wire.Tag, kind string, params ...string) batch {
	if r := c.response; r != nil && c.asides == 0 && r.silent() {
		r.told = true
		tags = append([]wire.Tag{{Key: "label", Value: r.label}}, tags...)
	}
	return c.openBatch(batch{}, tags, kind, params...)
}

// closeBatch closes a batch, if b is one. Batches inside it must have been closed.
func (c *conn) closeBatch(b batch) {
	if b.id == "" {
		return
	}
	c.sendIn(batch{id: b.outer}, &wire.Line{Source: c.srv.source, Command: "BATCH", Params: []string{"-" + b.id}})
}

// sendIn is send for a line in an open batch. Without one it is send.
func (c *conn) sendIn(b batch, l *wire.Line) {
	if b.id == "" {
		c.send(l)
		return
	}
	l.Tags = append([]wire.Tag{{Key: "batch", Value: b.id}}, l.Tags...)
	c.write(l)
}

// sendLong is sendAll for renderings that may be long. What all clients are sent alike is
// shared between their queues; anything else is sent in pieces.
func (c *conn) sendLong(ctx context.Context, b batch, r *rendering) error {
	if r == nil {
		return nil
	}
	if len(r.text) > writeChunk && b.id == "" && c.response == nil {
		return c.sendShared(ctx, r)
	}
	size, start := 0, 0
	for i, l := range r.lines {
		if size += len(l.text); size <= writeChunk {
			continue
		}
		c.sendAll(b, r.piece(start, i+1))
		if err := c.flushLong(ctx); err != nil {
			return err
		}
		size, start = 0, i+1
	}
	if start < len(r.lines) {
		c.sendAll(b, r.piece(start, len(r.lines)))
	}
	return nil
}

// sendShared flushes the output and then queues a rendering without copying it.
func (c *conn) sendShared(ctx context.Context, r *rendering) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	c.sent(r)
	return c.out.share(Lasting(ctx), r)
}

// sendAll sends a rendering, in an open batch or in none; nil is ignored. A multi-line
// message is a batch of its own, in which its lines stay. If it is the whole response, the
// line that opens it carries the label.
func (c *conn) sendAll(b batch, r *rendering) {
	if r == nil {
		return
	}
	if c.response == nil && b.id == "" && len(c.out1) == 0 && r.text != nil {
		// As it is, unless more follows in this turn: see ownOutput.
		c.dropOutput()
		c.out1, c.lent = r.text[:len(r.text):len(r.text)], true
		c.sent(r)
		return
	}
	label := ""
	if b.id == "" && r.opensBatch {
		label = c.labelOfBatch()
	}
	c.ownOutput()
	for i, l := range r.lines {
		start := len(c.out1)
		switch {
		case i == 0 && label != "":
			c.out1 = wire.AppendTagged(c.out1, l.text, wire.Tag{Key: "label", Value: label})
		case l.inBatch:
			c.out1 = append(c.out1, l.text...)
		case b.id != "":
			c.out1 = wire.AppendTagged(c.out1, l.text, wire.Tag{Key: tagBatch, Value: b.id})
		default:
			c.out1 = append(c.out1, l.text...)
			c.place(start)
		}
	}
	c.sent(r)
}

// sent counts and logs the lines of a rendering.
func (c *conn) sent(r *rendering) {
	for _, l := range r.lines {
		c.traceLine(l.command, r.target)
	}
	c.srv.count.linesOut.Add(int64(len(r.lines)))
}

// labelOfBatch is the label for a batch that begins now and is the whole response; empty if
// it is not.
func (c *conn) labelOfBatch() string {
	r := c.response
	switch {
	case r == nil || c.asides > 0 || !r.silent():
		return ""
	case r.parts:
		c.wrap(r)
		return ""
	}
	r.told = true
	return r.label
}

// batchID makes an id of letters and digits that is new to this connection.
func (c *conn) batchID() string {
	c.batches++
	return strconv.FormatUint(c.batches, 36)
}
