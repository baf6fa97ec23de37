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
	// writeTimeout ends a link whose peer takes nothing.
	writeTimeout = 10 * time.Second
	// maxFrame is above what Directus accepts from its clients (100 MiB): a
	// reply is one frame however large.
	maxFrame = 100<<20 + 1<<16
	// maxKept is how much of a frame is kept, of which strings are cut.
	maxKept = 4 << 20
	// outQueue is the number of requests that wait for the writer. A caller
	// that finds it full waits, within its own time limit.
	outQueue = 16
)

// A link is one authenticated socket. One goroutine serves it all the time, that of
// Realtime.Run: it is the only reader and never blocks on a consumer. Writing,
// subscribing and keeping it are errands, which Realtime.serve joins.
type link struct {
	// Static after construction.
	conn    *websocket.Conn
	info    ServerInfo
	log     zerolog.Logger
	timeout time.Duration      // of one request
	opened  time.Time          // a moment; the zero of heard and paused
	limiter *rate.Limiter      // nil: Directus has no limit
	down    func(*link, error) // called once, when the link ends
	out     chan *request
	done    chan struct{} // closed by fail

	writing     errand // sends what is in out and pong
	subscribing errand // see subscriber
	keeping     errand // see Realtime.keep

	pong    atomic.Bool  // Directus asked for a sign of life, which writing gives
	suspect atomic.Bool  // a request went unanswered, which keeping looks into
	heard   atomic.Int64 // when the last frame came: nanoseconds since opened
	paused  atomic.Int64 // until when nothing is sent (REQUESTS_EXCEEDED), the same
	uids    atomic.Int64 // last uid given

	// Owned by keeping; before it begins by connect, after its end by serve.
	token  token       // under which the socket is authenticated
	checks int         // how often the account had been checked when it was
	expiry *time.Timer // fails the link when token expires; nil: it never does
	watch  *time.Timer // rings keeping when something is due; nil before it has begun

	mu      sync.Mutex // a leaf: guards what follows
	err     error      // why the link ended; nil while it is alive
	pending map[string]*request
	items   *request        // the unanswered items request, at most one
	sub     *request        // the unanswered subscribe request, at most one
	auth    *request        // the unanswered re-authentication
	legs    map[string]*leg // by uid
}

// A leg is one subscription at Directus: one kind of event of a Subscription.
type leg struct {
	sub  *Subscription
	kind EventKind
	uid  string
}

// newLink makes a link, which ctx ends, of a socket.
func (r *Realtime) newLink(ctx context.Context, conn *websocket.Conn, info ServerInfo, t token, checks int) *link {
	conn.SetReadLimit(maxFrame)
	l := &link{
		conn: conn, info: info, token: t, checks: checks, timeout: r.account.client.timeout, log: r.log, opened: time.Now(),
		down:    r.lost,
		out:     make(chan *request, outQueue),
		done:    make(chan struct{}),
		pending: map[string]*request{},
		legs:    map[string]*leg{},
	}
	if n := info.RateLimit.Points; n > 0 && info.RateLimit.Duration > 0 {
		// Four fifths of the limit, a third of it at once: Directus counts in
		// fixed windows, and its pings want answers too.
		l.limiter = rate.NewLimiter(rate.Limit(0.8*float64(n)/info.RateLimit.Duration.Seconds()), max(1, n/3))
	}
	l.writing.do = func() { l.contain(l.write) }
	subscribing := &subscriber{realtime: r, link: l, legs: map[*Subscription]map[EventKind]*leg{}, refused: map[*leg]time.Time{}}
	l.subscribing.do = func() { l.contain(subscribing.run) }
	l.keeping.do = func() { l.contain(func() { r.keep(ctx, l) }) }
	return l
}

// fail ends the link for a reason; the first one counts. It may be called from
// any goroutine and does not wait for the others.
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
		if !l.alive() { // ended by another goroutine: this frame is nobody's
			return
		}
		l.heard.Store(int64(time.Since(l.opened)))
		if bytes.Equal(data, pingFrame) { // nearly all that most links ever get
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

// readFrame reads a frame with its strings cut. After ErrTooLarge the next one can be
// read.
func readFrame(conn *websocket.Conn) ([]byte, error) {
	_, r, err := conn.NextReader()
	if err != nil {
		return nil, err
	}
	return readCut(r, maxKept, MaxRelated)
}

// take takes a frame. false means that the link ended and that no later frame of the
// socket may be looked at.
func (l *link) take(data []byte) bool {
	f, err := decodeFrame(data)
	if err != nil {
		l.log.Warn().Err(err).Int("bytes", len(data)).Msg("ignored a frame")
		return true
	}
	return l.dispatch(f, len(data))
}

// answerPing gives the sign of life that Directus asks for.
func (l *link) answerPing() {
	l.pong.Store(true)
	l.writing.ring()
}

var (
	pingFrame = []byte(`{"type":"ping"}`)
	pongFrame = []byte(`{"type":"pong"}`)
)

// write sends what there is to send. It is the only writer of the socket.
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
				continue // its caller gave up: now it is surely not sent
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

// throttle waits until Directus is ready to take a frame; false means that the
// link ended meanwhile.
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

// goodbye closes the socket in an orderly way, as far as it goes in a moment.
func (l *link) goodbye() {
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = l.conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(250*time.Millisecond))
}

// encode is json.Marshal for frames, which hold nothing that cannot be encoded
// but what a caller put in.
func encode(message map[string]any) ([]byte, error) {
	b, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return b, nil
}

// addLeg and dropLeg keep the subscriptions of this socket.
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

// eachSubscription calls f for the subscriptions that have a leg here.
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
