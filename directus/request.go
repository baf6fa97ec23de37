package directus

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// A request waits for the frame with its uid.
type request struct {
	// Static after construction.
	uid      string
	data     []byte
	alone    bool          // the writer sends nothing more until it is answered and proved
	proved   chan struct{} // nil: an answer is proof enough; else closed by who asked, or the link ends
	reply    chan frame    // cap 1
	answered chan struct{} // closed with the reply

	state atomic.Int32
}

// States of a request: the writer and a caller that gives up compete for one
// that is queued, so that the caller knows whether it was sent.
const (
	queued int32 = iota
	begun
	withdrawn
)

func (r *request) begin() bool    { return r.state.CompareAndSwap(queued, begun) }
func (r *request) withdraw() bool { return r.state.CompareAndSwap(queued, withdrawn) }

func newRequest(uid string, message map[string]any) (*request, error) {
	message["uid"] = uid
	data, err := encode(message)
	if err != nil {
		return nil, err
	}
	return &request{uid: uid, data: data, reply: make(chan frame, 1), answered: make(chan struct{})}, nil
}

// answer delivers the reply of a request, if it still waits for one.
func (l *link) answer(uid string, f frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	req := l.pending[uid]
	if req == nil {
		return
	}
	l.forget(req)
	req.reply <- f // has room: a request is answered once
	close(req.answered)
}

// isProved waits for the proof that an answered request may need; false means that the
// link ended instead.
func (l *link) isProved(req *request) bool {
	if req.proved == nil {
		return true
	}
	select {
	case <-req.proved:
		return true
	case <-l.done:
		return false
	}
}

// forget ends the wait of a request. Callers hold mu.
func (l *link) forget(req *request) {
	delete(l.pending, req.uid)
	for _, slot := range []**request{&l.items, &l.sub, &l.auth} {
		if *slot == req {
			*slot = nil
		}
	}
}

// roundTrip sends a request and waits for its reply, at most for the time
// limit of the link. slot, unless nil, is the field of the link that names the
// request of its kind. The errors are ErrNotConnected if it surely was not
// sent, ErrUnconfirmed if it was, and *Error for a refusal.
func (l *link) roundTrip(ctx context.Context, req *request, slot **request) (frame, error) {
	l.mu.Lock()
	l.pending[req.uid] = req
	if slot != nil {
		*slot = req
	}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.forget(req)
		l.mu.Unlock()
	}()
	limit := time.NewTimer(l.timeout)
	defer limit.Stop()
	select {
	case l.out <- req:
		l.writing.ring()
	case <-l.done:
		return frame{}, fmt.Errorf("%w: %w", ErrNotConnected, l.reason())
	case <-ctx.Done():
		return frame{}, fmt.Errorf("%w: %w", ErrNotConnected, ctx.Err())
	case <-limit.C:
		return frame{}, fmt.Errorf("%w: the socket takes nothing", ErrNotConnected)
	}
	var cause error
	select {
	case f := <-req.reply:
		return settled(f)
	case <-l.done:
		cause = l.reason()
	case <-ctx.Done():
		cause = ctx.Err()
	case <-limit.C:
		cause = errNoAnswer
	}
	select { // a reply that came at the same moment counts
	case f := <-req.reply:
		return settled(f)
	default:
	}
	if req.withdraw() {
		return frame{}, fmt.Errorf("%w: %w", ErrNotConnected, cause)
	}
	if l.alive() {
		l.suspect.Store(true)
		l.keeping.ring()
	}
	return frame{}, fmt.Errorf("%w: %w", ErrUnconfirmed, cause)
}

func settled(f frame) (frame, error) {
	if f.err != nil {
		return f, f.err
	}
	return f, nil
}
