package directus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

// Reasons for the end of a link.
var (
	errPoisoned   = errors.New("the socket is not authenticated any more")
	errNoAnswer   = errors.New("directus does not answer on the socket")
	errAmbiguous  = errors.New("a request went unanswered on a socket whose errors name no request")
	errSocketGone = errors.New("directus closed the socket")
)

const (
	// writeTimeout limits the write of one frame. Beyond it the link ends.
	writeTimeout = 10 * time.Second
	// maxFrame limits a frame, in bytes. It is above the 100 MiB that Directus accepts
	// from clients: a reply is always one frame, and may repeat all that was sent.
	maxFrame = 100<<20 + 1<<16
	// maxKept limits what remains of a frame after long strings were cut, in bytes.
	// A frame that is larger counts as a lost event.
	maxKept = 4 << 20
	// outQueue limits the number of requests that wait to be written. A caller that
	// finds the queue full waits, within the time limit of its request.
	outQueue = 16
)

// A link is one authenticated socket. The goroutine of Realtime.Run is its only reader and
// never waits for a consumer. Writing, subscribing and keeping are errands, which
// Realtime.serve joins.
type link struct {
	// Static after construction.
	conn    *websocket.Conn
	info    ServerInfo
	log     zerolog.Logger
	timeout time.Duration      // of one request
	opened  time.Time          // heard and paused count from it
	limiter *rate.Limiter      // nil: Directus has no limit
	down    func(*link, error) // called once, when the link ends
	out     chan *request
	done    chan struct{} // closed by fail

	answered func(Operation, Outcome, time.Duration) // static, see Options

	writing     errand // sends what is in out and pong
	subscribing errand // see subscriber
	keeping     errand // see Realtime.keep

	pong    atomic.Bool  // Directus sent a ping; writing answers it
	suspect atomic.Bool  // a request went unanswered; keeping probes the socket
	heard   atomic.Int64 // when the last frame came, in nanoseconds since opened
	paused  atomic.Int64 // nothing is sent before then (REQUESTS_EXCEEDED), in nanoseconds since opened
	uids    atomic.Int64 // the last uid that was given

	// Owned by connect, then by the keeping errand, and after its end by serve.
	token  token       // the token with which the socket is authenticated
	checks int         // Account.checked when it was authenticated
	expiry *time.Timer // fails the link when token expires; nil if it never does
	watch  *time.Timer // rings keeping when something is due; nil until keep first runs

	mu      sync.Mutex          // guards what follows; no other lock is taken under it
	err     error               // why the link ended; nil while it is alive
	pending map[string]*request // unanswered requests, by uid
	items   *request            // the unanswered items request, at most one
	sub     *request            // the unanswered subscribe request, at most one
	auth    *request            // the unanswered re-authentication
	legs    map[string]*leg     // by uid
}

// A leg is one subscription as Directus knows it: that of a Subscription to one kind of
// event.
type leg struct {
	sub  *Subscription
	kind EventKind
	uid  string
}

// newLink makes a link of an authenticated socket. The end of ctx ends the link.
func (r *Realtime) newLink(ctx context.Context, conn *websocket.Conn, info ServerInfo, t token, checks int) *link {
	conn.SetReadLimit(maxFrame)
	l := &link{
		conn: conn, info: info, token: t, checks: checks, timeout: r.account.client.timeout, log: r.log, opened: time.Now(),
		answered: r.account.client.answered,
		down:     r.lost,
		out:      make(chan *request, outQueue),
		done:     make(chan struct{}),
		pending:  map[string]*request{},
		legs:     map[string]*leg{},
	}
	if n := info.RateLimit.Points; n > 0 && info.RateLimit.Duration > 0 {
		// The link uses four fifths of the limit, and at most a third of it in a burst,
		// because Directus counts in fixed windows and counts answers to pings too.
		l.limiter = rate.NewLimiter(rate.Limit(0.8*float64(n)/info.RateLimit.Duration.Seconds()), max(1, n/3))
	}
	l.writing.do = func() { l.contain(l.write) }
	subscribing := &subscriber{realtime: r, link: l, legs: map[*Subscription]map[EventKind]*leg{}, refused: map[*leg]time.Time{}}
	l.subscribing.do = func() { l.contain(subscribing.run) }
	l.keeping.do = func() { l.contain(func() { r.keep(ctx, l) }) }
	return l
}

// fail ends the link for a reason. Only the first call has an effect. Any goroutine may
// call it; it does not wait for the others to end.
func (l *link) fail(err error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = err
	close(l.done)
	l.mu.Unlock()
	l.down(l, err)
	l.conn.Close() // outside of the lock: closing TLS writes
}

// reason is why the link ended, nil while it is alive.
func (l *link) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *link) alive() bool { return l.reason() == nil }

// uid returns a uid that no other request of this socket has.
func (l *link) uid() string { return "r" + strconv.FormatInt(l.uids.Add(1), 10) }

// read dispatches frames until the link ends.
func (l *link) read() {
	for {
		data, err := readFrame(l.conn)
		if errors.Is(err, ErrTooLarge) {
			l.log.Warn().Msg("dropped a frame that is too large: the collections are read again")
			l.eachSubscription((*Subscription).lost)
			continue
		}
		if err != nil {
			l.fail(fmt.Errorf("%w: %w", errSocketGone, err))
			return
		}
		if !l.alive() { // the socket may have lost its authentication before this frame
			return
		}
		l.heard.Store(int64(time.Since(l.opened)))
		if bytes.Equal(data, pingFrame) { // most links get hardly anything else
			l.answerPing()
			continue
		}
		goesOn := false
		apart(&l.log, func() { l.contain(func() { goesOn = l.take(data) }) })
		if !goesOn {
			return
		}
	}
}

// readFrame reads a frame and cuts its strings. After ErrTooLarge the next frame can be
// read; after any other error the socket is broken.
func readFrame(conn *websocket.Conn) ([]byte, error) {
	_, r, err := conn.NextReader()
	if err != nil {
		return nil, err
	}
	return readCut(r, -1, maxKept, MaxRelated)
}

// take decodes and dispatches a frame. false means that the link has ended: no later frame
// of the socket may be looked at.
func (l *link) take(data []byte) bool {
	f, err := decodeFrame(data)
	if err != nil {
		l.log.Warn().Err(err).Int("bytes", len(data)).Msg("ignored a frame")
		return true
	}
	return l.dispatch(f, len(data))
}

// answerPing makes writing answer a ping of Directus.
func (l *link) answerPing() {
	l.pong.Store(true)
	l.writing.ring()
}

var (
	pingFrame = []byte(`{"type":"ping"}`)
	pongFrame = []byte(`{"type":"pong"}`)
)

// write sends all requests and pongs that wait. It is the link's writing errand, the only
// writer of the socket.
func (l *link) write() {
	for {
		var req *request
		if !l.pong.Swap(false) {
			select {
			case req = <-l.out:
			default:
				return
			}
		}
		if !l.alive() {
			return
		}
		if !l.throttle() {
			return
		}
		data := pongFrame
		if req != nil {
			if !req.begin() {
				continue // its caller gave up and was told that it is not sent
			}
			data = req.data
		}
		// The deadline is absolute, so it is set anew before every write.
		err := l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err == nil {
			err = l.conn.WriteMessage(websocket.TextMessage, data)
		}
		if err != nil {
			l.fail(fmt.Errorf("write: %w", err))
			return
		}
		if req != nil && req.alone {
			select {
			case <-req.answered:
			case <-l.done:
				return
			}
			if !l.isProved(req) {
				return
			}
		}
	}
}

// throttle waits until the rate limit allows a frame. false means that the link has ended.
func (l *link) throttle() bool {
	var wait time.Duration
	if l.limiter != nil {
		wait = l.limiter.Reserve().Delay()
	}
	for {
		wait = max(wait, time.Until(l.opened.Add(time.Duration(l.paused.Load()))))
		if wait <= 0 {
			return true
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
			wait = 0
		case <-l.done:
			t.Stop()
			return false
		}
	}
}

// goodbye sends a close frame, for which it takes at most 250 ms.
func (l *link) goodbye() {
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = l.conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(250*time.Millisecond))
}

// encode is json.Marshal for frames. It fails only if a caller passed a value that JSON
// cannot hold.
func encode(message map[string]any) ([]byte, error) {
	b, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return b, nil
}

// addLeg makes events with the leg's uid reach its Subscription, until dropLeg.
func (l *link) addLeg(g *leg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.legs[g.uid] = g
}

func (l *link) dropLeg(uid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.legs, uid)
}

// eachSubscription calls f once for each Subscription that has a leg on this link.
func (l *link) eachSubscription(f func(*Subscription)) {
	l.mu.Lock()
	seen := map[*Subscription]bool{}
	for _, g := range l.legs {
		seen[g.sub] = true
	}
	l.mu.Unlock()
	for s := range seen {
		f(s)
	}
}
