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
	// concat says that the line continues the one before.
	concat bool
}

// multilineParts cuts a clean text into the lines of a batch: at its line breaks, and where a
// line is longer than limit. Together they give the text again, except that blank lines
// become empty and those at the end are dropped.
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

// renderMultiline makes a batch of type draft/multiline. The line that opens it has all tags
// of the message; the lines inside have only batch and, possibly, the concat tag. To put the
// batch into another one, add that one's batch tag to the lines without it: the first and
// the last.
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

// multilineRef names the batch of a message. It is derived from the message, so that the
// lines are the same for all connections. It must differ between messages, because WeeChat
// merges batches of the same name inside another batch. Names of other batches contain no
// "-".
func multilineRef(m *Message) string {
	h := fnv.New64a()
	for _, s := range []string{m.ID, m.source().ID, m.Target, m.To.ID, m.Time.UTC().Format(wire.TimeFormat)} {
		h.Write([]byte(s)) // never fails
		h.Write([]byte{0})
	}
	return "m-" + strconv.FormatUint(h.Sum64(), 36)
}
