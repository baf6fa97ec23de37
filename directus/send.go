package directus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Create stores an item and returns the named fields as stored; without names it
// returns all fields of the first level. Create, Update and Delete of a Realtime make one
// request at a time, in the order of the calls, because Directus carries out the
// requests of one socket concurrently and in any order.
//
// ErrNotConnected means that the item was certainly not stored, ErrUnconfirmed that it
// may have been. An *Error is a refusal, but FORBIDDEN may also mean that the item was
// stored and could not be read back: look before you report a failure.
// RECORD_NOT_UNIQUE on a key that the caller chose means that it was stored before.
func (r *Realtime) Create(ctx context.Context, collection string, item any, fields []string) (json.RawMessage, error) {
	message := map[string]any{"action": "create", "collection": collection, "data": item}
	if len(fields) > 0 {
		message["query"] = map[string]any{"fields": fields}
	}
	data, err := r.request(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("create item in %s: %w", collection, err)
	}
	return data, nil
}

// Update changes one item and returns all its fields. The errors are those of
// Create.
func (r *Realtime) Update(ctx context.Context, collection, id string, item any) (json.RawMessage, error) {
	message := map[string]any{"action": "update", "collection": collection, "id": id, "data": item}
	data, err := r.requestFor(ctx, id, message)
	if err != nil {
		return nil, fmt.Errorf("update item of %s: %w", collection, err)
	}
	return data, nil
}

// Delete removes one item. The errors are those of Create; a missing item is
// FORBIDDEN, or success for an administrator.
func (r *Realtime) Delete(ctx context.Context, collection, id string) error {
	message := map[string]any{"action": "delete", "collection": collection, "id": id}
	if _, err := r.requestFor(ctx, id, message); err != nil {
		return fmt.Errorf("delete item of %s: %w", collection, err)
	}
	return nil
}

// requestFor is request for one item. It refuses an empty id, because Directus would
// then change whatever the query matches: up to a hundred items.
func (r *Realtime) requestFor(ctx context.Context, id string, message map[string]any) (json.RawMessage, error) {
	if id == "" {
		return nil, errors.New("empty item id")
	}
	return r.request(ctx, message)
}

// request makes an items request after the one before it was answered.
func (r *Realtime) request(ctx context.Context, message map[string]any) (json.RawMessage, error) {
	if l, err := r.current(); l == nil {
		return nil, notConnected(err)
	}
	select {
	case r.slot <- struct{}{}:
		defer func() { <-r.slot }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrNotConnected, ctx.Err())
	}
	l, err := r.current() // the wait may have outlived a link
	if l == nil {
		return nil, notConnected(err)
	}
	message["type"] = "items"
	req, err := newRequest(l.uid(), message)
	if err != nil {
		return nil, err
	}
	f, err := l.roundTrip(ctx, req, &l.items)
	if errors.Is(err, ErrUnconfirmed) && l.info.Major() < 12 {
		// A late error of this request names no uid, so it would be taken for that of the next.
		l.fail(errAmbiguous)
	}
	return f.data, err
}

// notConnected is ErrNotConnected with the reason why the link is down.
func notConnected(reason error) error {
	if reason == nil {
		return ErrNotConnected
	}
	return fmt.Errorf("%w: %w", ErrNotConnected, reason)
}

// subscribeRetry is when a refused subscription is asked for again, since rights may have
// been granted meanwhile.
const subscribeRetry = 30 * time.Second

// subscriber keeps the subscriptions of a link equal to those of the Realtime, one
// request at a time. Nobody else subscribes. Its fields are owned by the link's subscribing
// errand.
type subscriber struct {
	realtime *Realtime
	link     *link
	legs     map[*Subscription]map[EventKind]*leg
	refused  map[*leg]time.Time // legs that failed, and when to ask for them again
	again    *time.Timer        // rings subscribing at the first of those times; nil until needed
}

func (b *subscriber) run() {
	next := b.subscribeMissing()
	b.unsubscribeClosed()
	if next.IsZero() {
		return
	}
	wait := max(time.Until(next), 100*time.Millisecond)
	if b.again == nil {
		b.again = time.AfterFunc(wait, b.link.subscribing.ring) // a ring has no effect once the link has ended
		return
	}
	b.again.Reset(wait)
}

// subscribeMissing asks for all legs that are wanted and not confirmed. next is when the
// first of the refused ones is to be asked for again; zero if none was refused.
func (b *subscriber) subscribeMissing() (next time.Time) {
	l := b.link
	for _, s := range b.realtime.subscriptions() {
		if b.legs[s] == nil {
			b.legs[s] = map[EventKind]*leg{}
		}
		for _, kind := range s.kinds {
			g := b.legs[s][kind]
			if g == nil {
				g = &leg{sub: s, kind: kind, uid: l.uid()}
				b.legs[s][kind] = g
				l.addLeg(g)
			} else if at, ok := b.refused[g]; !ok || time.Now().Before(at) {
				if ok && (next.IsZero() || at.Before(next)) {
					next = at
				}
				continue
			}
			if !l.alive() {
				return next
			}
			delete(b.refused, g)
			if err := l.subscribe(g); err != nil {
				b.refused[g] = time.Now().Add(subscribeRetry)
				if !isRefusal(err) {
					b.refused[g] = time.Now().Add(time.Second)
				}
				if at := b.refused[g]; next.IsZero() || at.Before(next) {
					next = at
				}
			}
		}
	}
	return next
}

// subscribe asks for one leg. A request under the same uid replaces the subscription, so
// it may be repeated if no answer came.
func (l *link) subscribe(g *leg) error {
	q := map[string]any{}
	if len(g.sub.query.Fields) > 0 {
		q["fields"] = g.sub.query.Fields
	}
	if len(g.sub.query.Filter) > 0 {
		q["filter"] = g.sub.query.Filter
	}
	req, err := newRequest(g.uid, map[string]any{
		"type": "subscribe", "collection": g.sub.collection, "event": g.kind, "query": q,
	})
	if err == nil {
		_, err = l.roundTrip(context.Background(), req, &l.sub) // the end of the link and the time limit end the wait
	}
	if err != nil && l.alive() {
		l.log.Warn().Err(err).Str("collection", g.sub.collection).Str("event", string(g.kind)).
			Msg("subscribe")
		if isRefusal(err) {
			g.sub.settle(g.kind, err)
		}
	}
	return err
}

// unsubscribeClosed ends the legs of subscriptions that were closed.
func (b *subscriber) unsubscribeClosed() {
	l := b.link
	wanted := map[*Subscription]bool{}
	for _, s := range b.realtime.subscriptions() {
		wanted[s] = true
	}
	for s, kinds := range b.legs {
		if wanted[s] {
			continue
		}
		delete(b.legs, s)
		for _, g := range kinds {
			delete(b.refused, g)
			l.dropLeg(g.uid)
			req, err := newRequest(g.uid, map[string]any{"type": "unsubscribe"})
			if err != nil {
				continue
			}
			if _, err := l.roundTrip(context.Background(), req, nil); err != nil && l.alive() {
				l.log.Warn().Err(err).Str("collection", g.sub.collection).Msg("unsubscribe")
			}
		}
	}
}
