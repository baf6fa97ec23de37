package ircd

import (
	"hash/fnv"
	"strconv"

	"directus-ircd/ircd/wire"
)

const (
	multilineBatch = "draft/multiline"
	tagConcat      = "draft/multiline-concat"
	tagBatch       = "batch"
)

// textPart is one line of a multi-line batch.
type textPart struct {
	text string
	// concat joins it to the part before without a line break.
	concat bool
}

// multilineParts cuts a clean text into the lines of a batch: at its line breaks,
// and where a line is longer than limit. Put together again, they are the text
// but for the blank lines at its end; those in between are empty parts.
func multilineParts(text string, limit int) []textPart {
	var parts []textPart
	for _, line := range wire.WholeLines(text) {
		if !wire.Visible(line) {
			parts = append(parts, textPart{})
			continue
		}
		for i, part := range wire.Wrap(line, limit) {
			parts = append(parts, textPart{part, i > 0})
		}
	}
	for len(parts) > 0 && parts[len(parts)-1].text == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// renderMultiline makes a batch of type draft/multiline. What belongs to the
// message is on the line that opens it; the lines in it have the tag batch and
// none of the others, so whoever puts the message into another batch adds that
// one's to the lines without it: the first and the last.
func renderMultiline(m *Message, s speech, f form, parts []textPart) []wire.Line {
	ref := multilineRef(m)
	lines := make([]wire.Line, 0, len(parts)+2)
	lines = append(lines, wire.Line{
		Tags:    append(messageTags(m, f.caps, true), f.botTag()...),
		Source:  s.source,
		Command: "BATCH",
		Params:  []string{"+" + ref, multilineBatch, s.target},
	})
	for _, p := range parts {
		l := s.line(p.text)
		l.Tags = []wire.Tag{{Key: tagBatch, Value: ref}}
		if p.concat {
			l.Tags = append(l.Tags, wire.Tag{Key: tagConcat})
		}
		lines = append(lines, l)
	}
	return append(lines, wire.Line{Source: s.source, Command: "BATCH", Params: []string{"-" + ref}})
}

// multilineRef names the batch of a message. It comes from the message and not
// from the connection, so that the lines are the same for all; and it is another
// one for each message, for WeeChat takes the batches inside one that is open
// for one and the same if they have one name. Other batches have no "-" in
// theirs.
func multilineRef(m *Message) string {
	h := fnv.New64a()
	for _, s := range []string{m.ID, m.source().ID, m.Target, m.To.ID, m.Time.UTC().Format(wire.TimeFormat)} {
		h.Write([]byte(s)) // never fails
		h.Write([]byte{0})
	}
	return "m-" + strconv.FormatUint(h.Sum64(), 36)
}
