package bridge

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"time"

	"github.com/google/uuid"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

const (
	// sendTimeout is how long a sender waits for the truth about a message,
	// a reconnection of the link included.
	sendTimeout = 10 * time.Second
	// hedgeAfter is how long the answer to a create over the socket is waited for
	// until REST is asked: some refusals Directus never answers there, those of a
	// field's validation, of a Flow and of the database among them.
	hedgeAfter = time.Second
	// maxAttempts is how often a message at which Directus fails is tried.
	maxAttempts = 2
	// silentTimeout is the same while Directus is known not to answer, and silentLife
	// how long that is believed.
	silentTimeout = time.Second
	silentLife    = time.Minute
	// settleTimeout is what is added to find out about a message of which no
	// answer came.
	settleTimeout = 3 * time.Second
)

// outgoing is a message as it is to be stored.
type outgoing struct {
	target    string // channel or nick, for what the sender is told
	text      string
	recipient string // the user's id; empty in a channel
	reply     string // key of the item that this one answers; empty: none
	notice    bool
}

// item is what is created.
func (o outgoing) item(c *collection.Channel) map[string]any {
	item := maps.Clone(c.Set)
	if item == nil {
		item = map[string]any{}
	}
	item[c.Fields.Text] = o.text
	if o.recipient != "" {
		item[c.Fields.Recipient] = o.recipient
	}
	if o.reply != "" {
		item[c.Fields.Reply] = collection.KeyValue(o.reply)
	}
	if o.notice && c.Fields.Kind != "" {
		item[c.Fields.Kind] = collection.KindNotice
	}
	return item
}

// delivery is one message on its way into a collection.
type delivery struct {
	outgoing
	member  *member
	feed    *feed.Feed
	channel *collection.Channel
	item    map[string]any
	// once is a condition that only this message meets: its nonce or the key
	// chosen for it. Empty where the collection has room for neither.
	once directus.Filter
	// before is how many rows the feed had seen at the start, and since the date
	// of the newest of them: what is older cannot be this message. blind says that the feed had seen nothing
	// yet, so that nothing can be told by that.
	before int64
	since  time.Time
	blind  bool
	// pauses is how often the delivery has waited between two attempts.
	pauses int
	// byREST says to go that way from now on, on which every refusal is answered.
	byREST bool
	// failures is how often Directus answered that it failed.
	failures int
	// doubtful says that an attempt was made whose outcome is not known, and
	// unanswered how long the answer to one was waited for in vain.
	doubtful   bool
	unanswered time.Duration
}

// send stores a message and returns it as stored. It never sends a message twice
// where the first may have been stored, unless the collection refuses doubles.
// The error is an *ircd.Error.
func (m *member) send(ctx context.Context, c *collection.Channel, f *feed.Feed, out outgoing) (r collection.Row, err error) {
	if out.notice {
		stored := f.Group.Dates.Notices.Sending(m.person.ID, out.text)
		defer func() { stored(r.ID) }()
	}
	d := &delivery{outgoing: out, member: m, feed: f, channel: c, item: out.item(c)}
	patience := m.patience(f.Link())
	if patience == 0 {
		return collection.Row{}, sendError(out.target, directus.ErrNotConnected)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d.identify(limited)
	d.byREST = !d.mayHedge(limited)
	begin := time.Now()
	r, err = d.run(limited)
	if d.doubtful {
		m.doubts.settled(Doubt{UserID: m.person.ID, Collection: f.Group.Collection, Took: time.Since(begin)}, err)
	}
	// Who has run out of time without an attempt has learnt nothing: neither is silence over.
	m.setSilent(errors.Is(err, directus.ErrUnconfirmed) || limited.Err() != nil, min(d.unanswered, patience))
	if err == nil {
		return r, nil
	}
	return collection.Row{}, sendError(out.target, err)
}

// identify gives the message something to be recognised by.
func (d *delivery) identify(ctx context.Context) {
	now := d.feed.Progress()
	d.before, d.since, d.blind = now.Order, now.Newest, !now.Ready
	switch {
	case d.channel.Fields.Nonce != "":
		nonce := rand.Text()
		d.item[d.channel.Fields.Nonce] = nonce
		d.once = directus.Filter{d.channel.Fields.Nonce: map[string]any{"_eq": nonce}}
	case now.UUIDs && d.mayChooseKey(ctx):
		key := uuid.NewString()
		field := d.channel.Fields.Key()
		d.item[field] = key
		d.once = directus.Filter{field: map[string]any{"_eq": key}}
	}
}

// mayChooseKey asks before it tries: an item refused for its key could not be
// told from one that is stored and hidden.
func (d *delivery) mayChooseKey(ctx context.Context) bool {
	r, err := d.member.rights.Recent(ctx, d.feed.Group.Collection)
	return err == nil && r.MayChooseKey(d.channel.Fields.Key())
}

// mayHedge reports that a create may go over the socket: that REST may be asked the
// same when the answer does not come, and that an error tells which request it is
// about, which it does not before Directus 12.
func (d *delivery) mayHedge(ctx context.Context) bool {
	if len(d.once) == 0 {
		return false
	}
	info, err := d.member.account.Info(ctx)
	return err == nil && info.Major() >= 12
}

// run tries until the outcome is known or ctx ends.
func (d *delivery) run(ctx context.Context) (collection.Row, error) {
	for {
		if err := errors.Join(ctx.Err(), d.member.rt.Ready(ctx)); err != nil {
			return collection.Row{}, d.outOfTime(err)
		}
		begin := time.Now()
		raw, err := d.create(ctx)
		if err == nil {
			return d.confirmed(ctx, raw)
		}
		switch {
		case errors.Is(err, directus.ErrNotConnected):
			// The link went away before the request left: wait for it.
			if !d.pause(ctx) {
				return collection.Row{}, d.outOfTime(err)
			}
		case errors.Is(err, directus.ErrUnconfirmed):
			d.doubtful, d.unanswered = true, max(d.unanswered, time.Since(begin))
			if !d.byREST { // storing it twice is impossible
				d.byREST = true
				continue
			}
			r, found, lookErr := d.settle(ctx, failedAt(err))
			if found {
				return r, nil
			}
			if lookErr != nil { // nor is there an answer to the look for it
				d.unanswered = max(d.unanswered, time.Since(begin))
			}
			if lookErr == nil && failedAt(err) {
				if d.failures++; len(d.once) == 0 || d.failures == maxAttempts {
					return d.failed(ctx, err)
				}
			}
			if lookErr != nil || len(d.once) == 0 || !d.pause(ctx) {
				return collection.Row{}, err
			}
		case directus.IsCode(err, directus.CodeRecordNotUnique) && len(d.once) > 0,
			directus.IsCode(err, directus.CodeForbidden):
			return d.disputed(ctx, err)
		case errors.Is(err, directus.ErrLoggedOut):
			return collection.Row{}, d.outOfTime(err)
		default:
			return collection.Row{}, err
		}
	}
}

func (d *delivery) create(ctx context.Context) (json.RawMessage, error) {
	into, fields := d.feed.Group.Collection, d.feed.Group.Query
	if !d.byREST {
		ctx, cancel := context.WithTimeout(ctx, hedgeAfter)
		defer cancel()
		return d.member.rt.Create(ctx, into, d.item, fields)
	}
	var raw json.RawMessage
	err := d.member.account.CreateItem(ctx, into, d.item, fields, &raw)
	switch {
	case err == nil && len(raw) == 0:
		return nil, collection.ErrHidden // 204: stored, and not to be read back
	case errors.Is(err, directus.ErrUnconfirmed) && !mayFollow(err) && !failedAt(err):
		return nil, fmt.Errorf("%w: %v", directus.ErrNotConnected, err) // nor is it in doubt
	}
	return raw, err
}

// pause waits between two attempts, longer each time; false when ctx has ended.
func (d *delivery) pause(ctx context.Context) bool {
	wait := 100 * time.Millisecond << min(d.pauses, 4)
	d.pauses++
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait/2 + mathrand.N(wait)):
		return true
	}
}

// outOfTime tells a message that surely did not leave from one that perhaps
// did.
func (d *delivery) outOfTime(err error) error {
	switch {
	case d.doubtful:
		return errors.Join(directus.ErrUnconfirmed, err)
	case errors.Is(err, directus.ErrLoggedOut):
		return err
	}
	return errors.Join(directus.ErrNotConnected, err)
}

// confirmed reads the stored item out of the reply. A reply without it still
// means that it was stored.
func (d *delivery) confirmed(ctx context.Context, raw json.RawMessage) (collection.Row, error) {
	r, err := d.feed.Group.Parse(raw)
	if err == nil {
		r = d.feed.Dated(r)
		d.feed.CheckZone(r)
		d.feed.Take(r) // so that no equal text in doubt is taken for it
		return r, nil
	}
	d.doubtful = true
	if r, found, _ := d.look(ctx); found {
		return r, nil
	}
	return collection.Row{}, errors.Join(directus.ErrUnconfirmed, err)
}

// mentioning writes those whom a message mentions by id, where the channel wants
// that, as far as its author may know them. Nothing that goes wrong with it is
// worth a message: a name that cannot be looked up stays as it was typed.
func (s *session) mentioning(ctx context.Context, c *collection.Channel, said string) string {
	if !c.MentionIDs {
		return said
	}
	nicks := text.MentionedNicks(said)
	ids := map[string]string{}
	if len(nicks) > 0 {
		_ = s.member.attempt(ctx, referTimeout, func(ctx context.Context) error {
			for _, nick := range nicks {
				u, err := s.member.names.Search(ctx, nick)
				if errors.Is(err, people.ErrManySearches) {
					return nil // the rest stays as typed
				}
				if err != nil {
					return err
				}
				if u != nil && collection.IsUUID(u.ID) {
					ids[wire.Fold(nick)] = u.ID
				}
			}
			return nil
		})
	}
	return text.StoreMentions(said, func(nick string) (string, bool) {
		id, ok := ids[wire.Fold(nick)]
		return id, ok
	})
}
