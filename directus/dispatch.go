package directus

import (
	"fmt"
	"time"
)

// dispatch hands a frame to the request or subscription that it belongs to. The reader
// calls it, and it waits for nobody except for the proof of a re-authentication. false
// means that the link has ended: no later frame of the socket may be looked at.
func (l *link) dispatch(f frame, size int) bool {
	switch f.kind {
	case "ping":
		l.answerPing()
	case "pong":
		l.answer(f.uid, f)
	case "auth":
		return l.dispatchAuth(f)
	case "items":
		l.dispatchItems(f)
	case "subscription":
		l.dispatchSubscription(f, size)
	case "subscribe", "unsubscribe":
		l.dispatchSubscribeError(f)
	case "server", "license":
		l.dispatchServer(f)
	default:
		l.log.Debug().Int("bytes", size).Msg("frame of an unknown type")
	}
	return true
}

// dispatchAuth takes the reply to a re-authentication. Any error frame of type auth
// ends the link: after the expiry of a token Directus treats the socket as another user
// (Directus 11: as one with all rights), so nothing behind that frame may be delivered.
func (l *link) dispatchAuth(f frame) bool {
	if f.err != nil {
		l.fail(fmt.Errorf("%w: %s", errPoisoned, f.err.Code))
		return false
	}
	l.mu.Lock()
	auth := l.auth
	l.mu.Unlock()
	if auth != nil && (f.uid == auth.uid || f.uid == "") {
		l.answer(auth.uid, f)
		return l.isProved(auth)
	}
	return true
}

// dispatchItems takes the reply to an items request. Directus 10 and 11 send errors
// without a uid; since at most one items request is unanswered, an error is its reply.
func (l *link) dispatchItems(f frame) {
	uid := f.uid
	if uid == "" {
		l.mu.Lock()
		if l.items != nil {
			uid = l.items.uid
		}
		l.mu.Unlock()
	}
	l.answer(uid, f)
}

func (l *link) dispatchSubscription(f frame, size int) {
	l.mu.Lock()
	g := l.legs[f.uid]
	l.mu.Unlock()
	switch {
	case f.event == "unsubscribe":
		l.answer(f.uid, f)
	case g == nil: // closed meanwhile
	case f.event == "init":
		g.sub.settle(g.kind, nil) // before the answer: events behind it must find the kind settled
		l.answer(f.uid, f)
	case f.event == string(g.kind):
		e := Event{Kind: g.kind}
		ok := false
		if g.kind == EventDelete {
			e.Keys, ok = f.keys()
		} else {
			e.Items, ok = f.items()
		}
		if !ok {
			l.log.Warn().Str("collection", g.sub.collection).Int("bytes", size).Msg("event without a list of items")
			g.sub.lost()
			return
		}
		g.sub.deliver(e, size)
	}
}

// dispatchSubscribeError takes an error frame of a subscription. It either refuses a
// subscribe request, or it comes in place of an event that is lost. Directus 10 and 11
// do not say which subscription it belongs to, so then all of them count as having lost one.
func (l *link) dispatchSubscribeError(f frame) {
	if f.err == nil {
		return
	}
	l.mu.Lock()
	g, asked := l.legs[f.uid], l.sub
	l.mu.Unlock()
	refusal := asked != nil && (f.uid == asked.uid || f.uid == "")
	if refusal {
		l.answer(asked.uid, f)
	}
	switch {
	case f.uid == "":
		l.eachSubscription((*Subscription).lost)
	case g != nil && !refusal:
		g.sub.lost()
	}
}

// dispatchServer takes an error frame that concerns the whole socket.
func (l *link) dispatchServer(f frame) {
	if f.err == nil {
		return
	}
	l.log.Warn().Str("type", f.kind).Str("code", f.err.Code).Stringer("retry_after", f.err.RetryAfter).
		Msg("directus dropped a frame")
	switch f.err.Code {
	case CodeRequestsExceeded:
		// Directus does not say which frame it dropped. The request of that frame times out.
		l.paused.Store(int64(time.Since(l.opened) + f.err.RetryAfter))
	case CodeServiceUnavailable:
		// A locked licence makes Directus drop every frame, so it dropped the items request too.
		l.mu.Lock()
		items := l.items
		l.mu.Unlock()
		if items != nil {
			l.answer(items.uid, f)
		}
	}
}
