package ircd

import (
	"hash/fnv"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"

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

// composition says where the author of a text has cut its lines: for each line that
// wire.WholeLines finds, ascending offsets.
type composition [][]int

// of returns the cuts of a line.
func (c composition) of(line int) []int {
	if line >= len(c) {
		return nil
	}
	return c[line]
}

// multilineParts cuts a clean text into the lines of a batch: at its line breaks, where its
// author has cut it, and where a line is longer than limit. Together they give the text
// again, except that blank lines become empty and those at the end are dropped.
func multilineParts(text string, limit int, composed composition) []textPart {
	var parts []textPart
	for i, line := range wire.WholeLines(text) {
		if !wire.Visible(line) {
			parts = append(parts, textPart{})
			continue
		}
		start, concat := 0, false
		for _, end := range slices.Concat(composed.of(i), []int{len(line)}) {
			for _, part := range wire.Wrap(line[start:end], limit) {
				parts = append(parts, textPart{part, concat})
				concat = true
			}
			start = end
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
		Tags:    append(messageTags(m, f, true), f.botTag()...),
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

// compositions remembers how the latest texts were composed by clients that cut long lines
// (draft/multiline-concat): what is stored is the text alone. A text is known by its author
// and itself, as others may be shown it before the author's client learns its msgid. Any
// goroutine may use it.
type compositions struct {
	seed maphash.Seed // static

	mu    sync.Mutex             // a leaf lock
	known map[uint64]composition // guarded by mu
	order []uint64               // guarded by mu: the keys of known, oldest first
}

// maxCompositions is how many compositions are remembered, each of maxMultilineLines at most.
const maxCompositions = 64

type composedText struct{ author, text string }

func (cs *compositions) key(author, text string) uint64 {
	return maphash.Comparable(cs.seed, composedText{author, text})
}

// note remembers a composition. It is called before the text is sent.
func (cs *compositions) note(author, text string, composed composition) {
	key := cs.key(author, text)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if _, known := cs.known[key]; !known {
		if len(cs.order) == maxCompositions {
			delete(cs.known, cs.order[0])
			cs.order = cs.order[1:]
		}
		cs.order = append(cs.order, key)
	}
	cs.known[key] = composed
}

// of returns the composition of a message; nil if none is known.
func (cs *compositions) of(m *Message) composition {
	if m.Kind == Action || m.Edits != "" {
		return nil
	}
	key := cs.key(m.From.ID, m.Text)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.known[key]
}
