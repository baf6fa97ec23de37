package directus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A request is a frame to Directus whose reply carries the same uid.
type request struct {
	// Static after construction.
	uid      string
	asks     Operation
	data     []byte
	alone    bool          // the writer sends no other frame until it is answered and proved is closed
	proved   chan struct{} // closed by the caller once it has confirmed the user; nil if it need not
	reply    chan frame    // cap 1
	answered chan struct{} // closed with the reply

	state atomic.Int32
}

// States of a request. The writer moves it from queued to begun, a caller that gives up
// from queued to withdrawn. Only one of them succeeds, so the caller knows whether the
// request was sent.
const (
	queued int32 = iota
	begun
	withdrawn
)

func (r *request) begin() bool    { return r.state.CompareAndSwap(queued, begun) }
func (r *request) withdraw() bool { return r.state.CompareAndSwap(queued, withdrawn) }

func newRequest(uid string, message map[string]any) (*request, error) {
	message["uid"] = uid
	asks, _ := message["action"].(string)
	if asks == "" {
		asks, _ = message["type"].(string)
	}
	data, err := encode(message)
	if err != nil {
		return nil, err
	}
	return &request{uid: uid, asks: Operation(asks), data: data, reply: make(chan frame, 1), answered: make(chan struct{})}, nil
}

// answer delivers the reply to the request with a uid, if it still waits for one.
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

// isProved waits until the caller of an answered request has confirmed the user, if the
// request needs that. false means that the link has ended.
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

// forget makes the link expect no reply to a request any more. Callers hold mu.
func (l *link) forget(req *request) {
	delete(l.pending, req.uid)
	for _, slot := range []**request{&l.items, &l.sub, &l.auth} {
		if *slot == req {
			*slot = nil
		}
	}
}

// roundTrip sends a request and waits for its reply, within the time limit of the link.
// slot is the field of the link that holds the unanswered request of this kind, or nil. The
// error is ErrNotConnected if the request was certainly not sent, ErrUnconfirmed if it was
// sent and not answered, and an *Error if Directus refused it.
func (l *link) roundTrip(ctx context.Context, req *request, slot **request) (answer frame, err error) {
	begin := time.Now()
	defer func() {
		if !errors.Is(err, ErrNotConnected) {
			l.answered(req.asks, outcomeOf(err), time.Since(begin))
		}
	}()
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
	select { // a reply may have come at the same moment
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
