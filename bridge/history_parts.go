package bridge

import (
	"context"
	"errors"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// found is a row that is shown. Its message may have been dropped to save memory: then it is
// read again, see parts.
type found struct {
	row     collection.Row    // only its place and its people if message is nil
	message *ircd.Message     // nil if it was dropped
	size    int64             // bytes of the row and the message before they were dropped
	digest  collection.Digest // of the dropped message's text
}

const (
	// foundCost is about how many bytes a found takes besides its texts.
	foundCost = 1 << 10
	// restPatience is how long the reading of a later part is retried after an error.
	// The pauses between the tries begin with about restPause and double up to
	// maxRestPause.
	restPatience = time.Minute
	restPause    = 500 * time.Millisecond
	maxRestPause = 8 * time.Second
)

func (f found) sharesTime(other found) bool { return f.row.ShownAt().Equal(other.row.ShownAt()) }

// sizeOf is about how many bytes a row and its message take in memory.
func sizeOf(r collection.Row, m *ircd.Message) int64 {
	n := foundCost + len(r.Text) + len(m.Text)
	if m.Quote != nil {
		n += len(r.Reply.Text) + len(m.Quote.Text)
	}
	for _, v := range r.Values {
		n += len(v)
	}
	return int64(n)
}

func textsOf(rows []collection.Row) (n int64) {
	for _, r := range rows {
		if n += int64(len(r.Text)); r.Reply != nil {
			n += int64(len(r.Reply.Text))
		}
	}
	return n
}

// isLong reports whether the messages of the page take too much memory, so that they are
// dropped and read again in parts.
func (h *historian) isLong() bool { return h.most > 0 && h.kept > h.most }

// keep counts a message that was found, and drops all messages of the page if they take too
// much memory.
func (h *historian) keep(f *found) {
	if h.kept += f.size; !h.isLong() {
		return
	}
	for _, sc := range h.scans {
		for i := len(sc.found) - 1; i >= 0 && sc.found[i].message != nil; i-- {
			sc.found[i].drop()
		}
	}
}

// drop drops the message and keeps the place and the people of its row and the digest of its
// text.
func (f *found) drop() {
	f.digest = collection.DigestOf(text.Wording(f.message))
	r := f.row
	f.row = collection.Row{ID: r.ID, Date: r.Date, RawDate: r.RawDate, At: r.At, Seen: r.Seen, Author: r.Author, Recipient: r.Recipient}
	f.message = nil
}

// sum is the digest of the message's text, even if the message was dropped.
func (f *found) sum() collection.Digest {
	if f.message == nil {
		return f.digest
	}
	return collection.DigestOf(text.Wording(f.message))
}

// parts is a page of history or a backlog that a client is given part by part, the next one
// when it has taken the one before. So each client has at most one part in memory, however
// long the texts are and however slowly it reads. Its owner is the session.
type parts struct {
	session   *session
	historian *historian
	collect   func(context.Context) ([]found, error) // finds left; nil when left is complete
	left      []found                                // oldest first; either all have their messages or none has
}

// collectAll finds the messages of the page. Between the requests for a long page others get
// their turn. After patience, unless that is zero, it returns errUnfinished, and the next
// call goes on.
func (p *parts) collectAll(ctx context.Context, patience time.Duration) error {
	begun := time.Now()
	for {
		err := p.session.inTurn(ctx, p.historian, func(ctx context.Context) (err error) {
			p.left, err = p.collect(ctx)
			return err
		})
		switch {
		case err == nil:
			p.collect = nil
			return nil
		case !errors.Is(err, errUnfinished), patience > 0 && time.Since(begun) >= patience:
			return err
		}
	}
}

// next returns the next part; it is empty at the end. Rows that were deleted or hidden since
// they were found are left out.
func (p *parts) next(ctx context.Context) (list []found, err error) {
	for len(p.left) > 0 && len(list) == 0 {
		if p.left[0].message != nil {
			list, p.left = p.left, nil
			return list, nil
		}
		err := p.session.inTurn(ctx, p.historian, func(ctx context.Context) (err error) {
			list, err = p.read(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// nextPatiently is next for clients that have got a part already, so that an error would
// leave a silent gap: it retries for restPatience.
func (p *parts) nextPatiently(ctx context.Context) (list []found, err error) {
	until := time.Now().Add(restPatience)
	for pause := restPause; ; pause = min(2*pause, maxRestPause) {
		list, err = p.next(ctx)
		if err == nil || hopeless(err) || p.session.member.IsOver() || !time.Now().Before(until) {
			return list, err
		}
		select {
		case <-time.After(directus.Jitter(pause)):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// read reads the messages of the next part again: as many as fit, by the size that they had
// when they were found.
func (p *parts) read(ctx context.Context) ([]found, error) {
	h := p.historian
	n := 0
	most := min(len(p.left), collection.PageLimit(ctx, h.member.account, collection.MaxPage))
	for size := int64(0); n < most && (n == 0 || size+p.left[n].size <= h.most); n++ {
		size += p.left[n].size
	}
	for {
		rows, err := h.rowsAt(ctx, p.left[:n])
		if errors.Is(err, directus.ErrTooLarge) && n > 1 {
			n /= 2 // the texts have grown since
			continue
		}
		if err != nil {
			return nil, err
		}
		list, err := h.shown(ctx, rows, nil)
		if err == nil {
			p.left = p.left[n:]
		}
		return list, err
	}
}

// rowsAt reads the rows at places again, in the same order and with the same display times.
// Rows that do not match the channel any more are left out.
func (h *historian) rowsAt(ctx context.Context, places []found) ([]collection.Row, error) {
	keys := make([]string, len(places))
	for i, f := range places {
		keys[i] = f.row.ID
	}
	q := h.group.Keyed(h.filter, keys)
	if len(keys) > 1 {
		q.MaxAnswer = 2 * collection.MaxRowsAnswer
	}
	read, _, err := collection.ReadRows(ctx, h.member.account, h.group, q)
	if err != nil {
		return nil, err
	}
	h.read += textsOf(read)
	by := make(map[string]collection.Row, len(read))
	for _, r := range read {
		by[r.ID] = r
	}
	rows := read[:0]
	for _, f := range places {
		if r, there := by[f.row.ID]; there && h.channel.Matches(r) {
			r.At, r.Seen = f.row.At, f.row.Seen
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// target is what messages of the history are addressed to: the channel, by the name that the
// client knows; empty for private messages.
func (h *historian) target() string {
	if h.channel.Private {
		return ""
	}
	return h.name
}

// shown makes the messages of rows, whose references are read unless they are given. Rows without
// text, or deleted ones, are left out.
func (h *historian) shown(ctx context.Context, rows []collection.Row, refs *people.References) ([]found, error) {
	if refs == nil {
		read, err := h.member.names.References(ctx, h.group, rows)
		if err != nil {
			return nil, err
		}
		refs = &read
	}
	list := make([]found, 0, len(rows))
	for _, r := range rows {
		m := people.ToMessage(r, h.channel, *refs, true)
		if m.Target = h.target(); m.Text != "" && (h.feed == nil || !h.feed.IsGone(r.ID)) {
			list = append(list, found{row: r, message: m, size: sizeOf(r, m)})
		}
	}
	return list, nil
}
