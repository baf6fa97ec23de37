package ircd

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"directus-ircd/ircd/wire"
)

// rendering is an event as it is sent to all clients of one form: encoded lines, except for
// tags that differ between clients (see sendAll).
type rendering struct {
	target     string // for the log
	text       []byte // of all lines, one after the other
	lines      []renderedLine
	opensBatch bool         // the lines are a batch of their own
	queued     atomic.Int32 // how many send queues share it at the moment
}

type renderedLine struct {
	command string
	text    []byte
	inBatch bool // the line is in a batch that another line of the rendering opens
}

// newRendering encodes the lines of an event.
func newRendering(lines []wire.Line) *rendering {
	r := &rendering{lines: make([]renderedLine, len(lines))}
	size := 0
	for i := range lines {
		size += sizeOf(&lines[i])
	}
	text := make([]byte, 0, size)
	ends := make([]int, len(lines))
	for i := range lines {
		l := &lines[i]
		text = wire.Append(text, l)
		ends[i] = len(text)
		r.lines[i] = renderedLine{command: l.Command, inBatch: wire.HasTag(l.Tags, tagBatch)}
		if l.Command == "BATCH" {
			r.opensBatch = r.opensBatch || i == 0
		} else if len(l.Params) > 0 {
			r.target = l.Params[0]
		}
	}
	start := 0
	for i, end := range ends {
		r.lines[i].text = text[start:end:end]
		start = end
	}
	r.text = text
	return r
}

// sizeOf is about how many bytes a line takes when it is encoded.
func sizeOf(l *wire.Line) int {
	n := len(l.Source) + len(l.Command) + 8
	for _, p := range l.Params {
		n += len(p) + 1
	}
	for _, t := range l.Tags {
		n += len(t.Key) + len(t.Value) + 2
	}
	return n
}

// piece is a rendering of some of the lines.
func (r *rendering) piece(from, to int) *rendering {
	if from == 0 && to == len(r.lines) {
		return r
	}
	return &rendering{target: r.target, lines: r.lines[from:to], opensBatch: r.opensBatch && from == 0}
}

// Limits of a renderCache. Entries are needed only from the first client that is sent an
// event to the last, moments later.
const (
	maxRenderings = 128
	// maxRenderedSize is in bytes, of lines and of the texts in keys. It has room for a
	// text of a megabyte in several forms.
	maxRenderedSize = 8 << 20
)

// renderCache keeps recent renderings of events of one type, so that an event for many
// clients is rendered once for each form. The key is the value of the event, not its address:
// sessions may have created equal events independently. The oldest renderings are evicted
// first. All methods may be called from any goroutine.
type renderCache[E comparable] struct {
	rendered atomic.Int64 // cache misses
	// held is how many bytes an event takes as a key; static.
	held func(E) int

	mu    sync.Mutex                      // a leaf lock
	known map[renderKey[E]]*cacheEntry[E] // guarded by mu
	order []*cacheEntry[E]                // guarded by mu: the entries of known, oldest first
	size  int                             // guarded by mu: bytes of all entries, keys included
}

// messageValue is a message as a key: its value, with that of its quote.
type messageValue struct {
	Message      // with a nil Quote
	quoted  bool // the message has a quote
	quote   Quote
}

func valueOf(m *Message) messageValue {
	v := messageValue{Message: *m}
	if m.Quote != nil {
		v.Message.Quote, v.quoted, v.quote = nil, true, *m.Quote
	}
	return v
}

type renderKey[E comparable] struct {
	event E
	form  form
}

type cacheEntry[E comparable] struct {
	key  renderKey[E] // static
	once sync.Once
	r    *rendering // written in once
	size int        // guarded by the cache's mu; 0 until r is set
}

// isQueued reports whether the rendering is in memory anyway, in a send queue. The caller
// holds the cache's mu.
func (e *cacheEntry[E]) isQueued() bool { return e.size > 0 && e.r.queued.Load() > 0 }

func newRenderCache[E comparable](held func(E) int) *renderCache[E] {
	return &renderCache[E]{held: held, known: make(map[renderKey[E]]*cacheEntry[E])}
}

// get returns the rendering of an event, calling render if there is none. Concurrent callers
// wait for the first.
func (rc *renderCache[E]) get(event E, f form, render func() *rendering) *rendering {
	key := renderKey[E]{event, f}
	e := rc.entry(key)
	e.once.Do(func() {
		rc.rendered.Add(1)
		e.r = render()
		rc.account(e)
	})
	if e.r == nil {
		return render() // it panicked for another caller and will do so here
	}
	return e.r
}

func (rc *renderCache[E]) entry(key renderKey[E]) *cacheEntry[E] {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	e := rc.known[key]
	if e == nil {
		e = &cacheEntry[E]{key: key}
		rc.known[key] = e
		rc.order = append(rc.order, e)
		rc.shrink()
	}
	return e
}

// account adds the size of a new rendering, unless that was evicted meanwhile.
func (rc *renderCache[E]) account(e *cacheEntry[E]) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if rc.known[e.key] == e {
		e.size = cap(e.r.text) + rc.held(e.key.event)
		rc.size += e.size
		rc.shrink()
	}
}

// shrink evicts the oldest renderings until the cache is within its limits. It keeps the
// latest one, and those in send queues: they take up memory anyway, and evicting them would
// only have them rendered again. The caller holds mu.
func (rc *renderCache[E]) shrink() {
	var queued []*cacheEntry[E]
	for len(rc.order) > 1 && (len(queued)+len(rc.order) > maxRenderings || rc.size > maxRenderedSize) {
		e := rc.order[0]
		rc.order[0] = nil // release the text in the key
		rc.order = rc.order[1:]
		if e.isQueued() {
			queued = append(queued, e)
			continue
		}
		rc.size -= e.size
		delete(rc.known, e.key)
	}
	if queued != nil {
		rc.order = append(queued, rc.order...)
	}
}

// Limits of a renderMemo: how many messages it holds, and the longest text.
const (
	memoSize    = 1 << 10
	maxMemoText = 1 << 10
)

// renderMemo is a first-level cache in front of the renderCache of messages. Sessions often
// share one *Message, which its address identifies without a lock and without comparing
// texts. It may miss any message.
type renderMemo struct {
	seed    maphash.Seed // static
	entries [memoSize]atomic.Pointer[memoEntry]
}

// memoEntry is immutable. While it exists, no other message can have the address of its
// message.
type memoEntry struct {
	message *Message
	form    form
	r       *rendering
}

// find returns the rendering of a message; nil on a miss.
func (memo *renderMemo) find(m *Message, f form) *rendering {
	if e := memo.slot(m, f).Load(); e != nil && e.message == m && e.form == f {
		return e.r
	}
	return nil
}

func (memo *renderMemo) keep(m *Message, f form, r *rendering) {
	if len(m.Text) <= maxMemoText {
		memo.slot(m, f).Store(&memoEntry{message: m, form: f, r: r})
	}
}

// slot is the slot for a message in a form: the cache is direct-mapped.
func (memo *renderMemo) slot(m *Message, f form) *atomic.Pointer[memoEntry] {
	return &memo.entries[(maphash.String(memo.seed, m.ID)^uint64(f.caps))%memoSize]
}
