package ircd

import (
	"bytes"
	"context"
	"strconv"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// How commands answer a labelled request (IRCv3 labeled-response, batch).
//
// A command does nothing for it: whatever it sends by send, reply, notice and
// their like is the answer. One line carries the label itself, none becomes ACK,
// and with the second one a batch of type labeled-response is opened around them.
// Only the first line is ever held back, so an answer may be of any length and
// flush may be called within it. Four cases need a word:
//
//   - What is sent while a command runs and answers nothing, because it would have
//     been sent anyway, is sent between aside and the call of what aside returns.
//     poll, showPresence and showBacklog do so by themselves.
//   - A batch of the command's own, openBatch, stands inside the answer. If it is
//     all of the answer, openAnswer puts the label on it and no other batch around.
//     The lines in it go through sendIn, those of a shared event through sendAll.
//   - A command whose answer is done before it is calls endResponse: what follows
//     is told without the label.
//   - A request that is answered only by a later one, or by a timer, takes its label
//     along by deferLabel, which leaves nothing to be answered now, and gives it
//     to beginResponse later on. What is sent from there on is the answer; it
//     ends with the request at hand or, outside of any, with endResponse.
//
// An error that ends the connection ends the answer too. ERROR carries the label
// only where nothing else was answered: a client may be gone before it reads the
// end of a batch.

// maxLabel is the length of a label, in bytes; longer ones are ignored.
const maxLabel = 64

// response is the answer to a labelled request as far as it has been told.
type response struct {
	label string
	first []byte // the first line, as long as it is the only one
	batch string // the id of the batch around it, once there is one
	told  bool   // a batch of another type carries the label
	parts bool   // no batch of another type can be all of the answer
}

// labelOf returns the label of a line of input; empty if it has none or a client with
// these capabilities cannot use the answer.
func labelOf(caps capSet, text string) string {
	if !canLabel(caps) {
		return ""
	}
	tags, _ := wire.SplitTags(text)
	label := irc.ParseTags(tags)["label"]
	if len(label) > maxLabel {
		return ""
	}
	return label
}

// canLabel reports whether a client with these capabilities can be sent labels; an
// answer may take a batch.
func canLabel(caps capSet) bool { return caps.has(capLabeledResponse) && caps.has(capBatch) }

// beginResponse makes what is sent from now on the answer to a request. What was
// sent before is then the whole answer to the one before. An empty label is
// nothing to answer, and neither is one that was put off until the client gave up
// the capability.
func (c *conn) beginResponse(label string) {
	c.endResponse()
	if label != "" && canLabel(c.caps) {
		c.response = &response{label: label}
	}
}

// endResponse completes the answer to the request at hand. Without one it does
// nothing.
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

// deferLabel takes the label off the request at hand, to be answered later. It
// is empty if there is none, or if something was answered already.
func (c *conn) deferLabel() string {
	r := c.response
	if r == nil || !r.silent() {
		return ""
	}
	c.response = nil
	return r.label
}

// silent reports that nothing was answered so far.
func (r *response) silent() bool { return r.first == nil && r.batch == "" && !r.told }

// aside makes what is sent no answer to the request at hand, until the function
// that it returns is called.
func (c *conn) aside() (back func()) {
	c.asides++
	return func() { c.asides-- }
}

// place gives the line behind start, which is the last one of out1 and in no
// batch yet, its place in the answer to the request at hand.
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

// wrap opens the batch around an answer of more than one line.
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

// batch is a batch that is open; the zero batch is none.
type batch struct{ id, outer string }

// openBatch opens a batch inside another one, or in none. Only clients with the
// capability batch may be sent one.
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

// openAnswer opens a batch that is all of the answer to the request at hand.
func (c *conn) openAnswer(tags []wire.Tag, kind string, params ...string) batch {
	if r := c.response; r != nil && c.asides == 0 && r.silent() {
		r.told = true
		tags = append([]wire.Tag{{Key: "label", Value: r.label}}, tags...)
	}
	return c.openBatch(batch{}, tags, kind, params...)
}

// closeBatch closes a batch in which no other one is open.
func (c *conn) closeBatch(b batch) {
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

// sendLong is sendAll for what may be long: what all clients are sent alike is not copied,
// and of anything else a piece at a time.
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

// sendShared sends lines as they are, behind what was said so far.
func (c *conn) sendShared(ctx context.Context, r *rendering) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	for _, l := range r.lines {
		c.traceLine(l.command, r.target)
	}
	c.srv.count.linesOut.Add(int64(len(r.lines)))
	return c.out.share(Lasting(ctx), r)
}

// sendAll sends the lines of one event, in an open batch or in none. A multi-line
// message is a batch by itself, and its lines stay in that. If it is all of the
// answer to the request at hand, the label is on the line that opens it. Nil is none.
func (c *conn) sendAll(b batch, r *rendering) {
	if r == nil {
		return
	}
	label := ""
	if b.id == "" && r.opensBatch {
		label = c.labelOfBatch()
	}
	if c.out1 == nil {
		c.out1 = c.srv.spare.get()
	}
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
		c.traceLine(l.command, r.target)
	}
	c.srv.count.linesOut.Add(int64(len(r.lines)))
}

// labelOfBatch is the label for a batch that is all of the answer to the request
// at hand, and begins now; empty if it is not.
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

// batchID makes an id that this connection has not had yet: letters and digits.
func (c *conn) batchID() string {
	c.batches++
	return strconv.FormatUint(c.batches, 36)
}
