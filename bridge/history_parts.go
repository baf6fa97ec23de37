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

// found is a row that is shown.
type found struct {
	row     collection.Row    // no more than its place if message is nil
	message *ircd.Message     // nil: it is to be read again, see parts
	size    int64             // what both take, in bytes, before they were dropped
	digest  collection.Digest // of the message that was dropped
}

const (
	// foundCost is about what one takes besides its texts.
	foundCost = 1 << 10
	// restPatience is for how long a part is tried to be read again where Directus does not
	// give it, and restPause about the first pause between two tries; each is twice the one
	// before, up to maxRestPause.
	restPatience = time.Minute
	restPause    = 500 * time.Millisecond
	maxRestPause = 8 * time.Second
)

func (f found) sharesTime(other found) bool { return f.row.ShownAt().Equal(other.row.ShownAt()) }

// sizeOf is about what a row and its message take in memory, in bytes.
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

// textsOf is how many bytes the texts of some rows have.
func textsOf(rows []collection.Row) (n int64) {
	for _, r := range rows {
		if n += int64(len(r.Text)); r.Reply != nil {
			n += int64(len(r.Reply.Text))
		}
	}
	return n
}

// isLong reports that a page is read again in parts.
func (h *historian) isLong() bool { return h.most > 0 && h.kept > h.most }

// keep counts what was found, and drops the messages of the whole page when they take too
// much: then they are read again, a part at a time.
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

// drop keeps no more than the place of what was found.
func (f *found) drop() {
	f.digest = collection.DigestOf(text.Wording(f.message))
	f.row = collection.Row{ID: f.row.ID, Date: f.row.Date, RawDate: f.row.RawDate, At: f.row.At, Seen: f.row.Seen}
	f.message = nil
}

// said is the digest of a message, dropped or not.
func (f *found) sum() collection.Digest {
	if f.message == nil {
		return f.digest
	}
	return collection.DigestOf(text.Wording(f.message))
}

// parts is a page of history, or a backlog, as its client is given it: a part when it has
// taken the one before. So a client holds one part at most, however long the texts are
// and however slowly it reads. Its owner is the session.
type parts struct {
	session   *session
	historian *historian
	collect   func(context.Context) ([]found, error) // finds left; nil when it has
	left      []found                                // oldest first; with all messages, or none
}

// collected finds out what belongs to a page, and gives others their turn between the
// questions of a long one. errUnfinished says that it has taken patience, unless that is
// zero: the next call goes on.
func (p *parts) collectAll(ctx context.Context, patience time.Duration) error {
	begun := time.Now()
	for {
		err := p.collectSome(ctx)
		switch {
		case err == nil:
			p.collect = nil
			return nil
		case !errors.Is(err, errUnfinished), patience > 0 && time.Since(begun) >= patience:
			return err
		}
	}
}

func (p *parts) collectSome(ctx context.Context) error {
	return p.session.inTurn(ctx, p.historian, func(ctx context.Context) error {
		list, err := p.collect(ctx)
		p.left = list
		return err
	})
}

// next returns what follows, none at the end. What is not to be seen any more is left out.
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

// nextPatiently is next for those who have a part already, and cannot be told that the one
// behind it is missing: what Directus does not give is asked for again for a while.
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

// read reads as much as a part may hold, by what it took before.
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
			n /= 2 // they have grown
			continue
		}
		if err != nil {
			return nil, err
		}
		list, err := h.shown(ctx, rows)
		if err == nil {
			p.left = p.left[n:]
		}
		return list, err
	}
}

// rowsAt reads the rows of some places that still match, in their order and with their times.
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

// shown are those of some rows that have something to show.
func (h *historian) shown(ctx context.Context, rows []collection.Row) ([]found, error) {
	refs, err := h.member.names.References(ctx, h.group, rows)
	if err != nil {
		return nil, err
	}
	var list []found
	for _, r := range rows {
		if m := people.ToMessage(r, h.channel, refs, true); m.Text != "" && (h.feed == nil || !h.feed.IsGone(r.ID)) {
			list = append(list, found{row: r, message: m, size: sizeOf(r, m)})
		}
	}
	return list, nil
}
