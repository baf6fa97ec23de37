package ircd

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"directus-ircd/ircd/wire"
)

// rendering is an event as all clients of one form are sent it: finished lines,
// but for the tags that differ from client to client (see sendAll).
type rendering struct {
	target     string // for the log
	text       []byte // of all lines, one behind the other
	lines      []renderedLine
	opensBatch bool         // the lines are a batch of their own
	queued     atomic.Int32 // queues of clients that it waits in, where it is long
}

type renderedLine struct {
	command string
	text    []byte
	inBatch bool // it is in a batch that another line of the rendering opens
}

// newRendering makes the lines of one event into bytes. Those that are not in a
// batch of the event's own may be put into another one.
func newRendering(lines []wire.Line) *rendering {
	r := &rendering{lines: make([]renderedLine, len(lines))}
	var text []byte
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

// piece is some of the lines.
func (r *rendering) piece(from, to int) *rendering {
	if from == 0 && to == len(r.lines) {
		return r
	}
	return &rendering{target: r.target, lines: r.lines[from:to], opensBatch: r.opensBatch && from == 0}
}

func (r *rendering) size() int { return cap(r.text) }

// Limits of a renderCache. It only has to last from the first client that shows an
// event to the last one, a moment later.
const (
	maxRenderings = 128
	// maxRenderedSize is in bytes of lines, and of the texts that they are of: it
	// has room for a text of a megabyte in several forms.
	maxRenderedSize = 8 << 20
)

// renderCache keeps the latest renderings of events of one type, so that an event
// for many clients is rendered once for each form. The key is the value of the
// event, not its address: what is equal looks equal, though each session has made
// it for itself. All methods may be called from any goroutine; the oldest
// renderings give way to new ones.
type renderCache[E comparable] struct {
	rendered atomic.Int64 // how often there was none yet
	// held is how many bytes an event keeps in memory as the key; static.
	held func(E) int

	mu    sync.Mutex                      // a leaf lock
	known map[renderKey[E]]*cacheEntry[E] // guarded by mu
	order []*cacheEntry[E]                // guarded by mu: those of known, oldest first
	size  int                             // guarded by mu: bytes of all in known, and of their keys
}

// messageValue is a message as a key: what is equal, quote included, is one key.
type messageValue struct {
	Message      // without the Quote
	quoted  bool // there is one
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
	size int        // guarded by the cache's mu; 0: r is not known yet
}

// isQueued reports that the rendering is in memory anyway. The caller holds the cache's mu.
func (e *cacheEntry[E]) isQueued() bool { return e.size > 0 && e.r.queued.Load() > 0 }

func newRenderCache[E comparable](held func(E) int) *renderCache[E] {
	return &renderCache[E]{held: held, known: make(map[renderKey[E]]*cacheEntry[E])}
}

// get returns the rendering of an event, made by render if there is none. Whoever
// asks while it is being made waits.
func (rc *renderCache[E]) get(event E, f form, render func() *rendering) *rendering {
	key := renderKey[E]{event, f}
	e := rc.entry(key)
	e.once.Do(func() {
		rc.rendered.Add(1)
		e.r = render()
		rc.account(e)
	})
	if e.r == nil {
		return render() // it panicked elsewhere; so it does here
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

// account counts the size of a rendering that is still known.
func (rc *renderCache[E]) account(e *cacheEntry[E]) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if rc.known[e.key] == e {
		e.size = e.r.size() + rc.held(e.key.event)
		rc.size += e.size
		rc.shrink()
	}
}

// shrink forgets the oldest renderings that are too many, but for those that wait for
// clients, which another one would get made anew, and for the latest. The caller holds mu.
func (rc *renderCache[E]) shrink() {
	var queued []*cacheEntry[E]
	for len(rc.order) > 1 && (len(queued)+len(rc.order) > maxRenderings || rc.size > maxRenderedSize) {
		e := rc.order[0]
		rc.order[0] = nil // the text is in the key
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

// Limits of a renderMemo: the messages in it, and how long a text it remembers.
const (
	memoSize    = 1 << 10
	maxMemoText = 1 << 10
)

// renderMemo stands before the renderCache of messages. Sessions that read one feed
// have one message between them, which its address tells at once, without a lock
// and without comparing texts. It may know no message and forget any.
type renderMemo struct {
	seed    maphash.Seed // static
	entries [memoSize]atomic.Pointer[memoEntry]
}

// memoEntry is immutable. As long as it is there, the address of its message
// cannot be that of another one.
type memoEntry struct {
	message *Message
	form    form
	r       *rendering
}

// find is the rendering of a message; nil if it is not known.
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

// slot is the only place for a message in a form.
func (memo *renderMemo) slot(m *Message, f form) *atomic.Pointer[memoEntry] {
	return &memo.entries[(maphash.String(memo.seed, m.ID)^uint64(f.caps))%memoSize]
}
