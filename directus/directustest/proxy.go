package directustest

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Direction of a Proxy.
type Direction int

const (
	// Up is from the client to Directus.
	Up Direction = iota
	// Down is from Directus to the client.
	Down
)

// lossPatience is how long Cut waits for data to lose, and Sever for delayed data.
const lossPatience = time.Second

// Proxy is a TCP proxy in front of a Directus that can cut, stall and delay connections, in one direction or in both. It
// carries REST and WebSockets. It is safe for concurrent use.
type Proxy struct {
	// URL is the address of the Proxy, without a slash at the end.
	URL string

	target   string // host:port
	listener net.Listener
	wg       sync.WaitGroup // the acceptor and the paths
	losses   chan struct{}  // cap 1: a parcel was lost
	delays   chan struct{}  // cap 1: a parcel on its way up is delayed

	mu       sync.Mutex // guards what follows
	delayed  int        // number of parcels on their way up that are delayed now
	course   [2]course  // by direction
	changed  chan struct{}
	refusing bool
	paths    map[*path]struct{}
}

// course says how a direction treats parcels at present.
type course struct {
	stalled, losing, rotated bool
	lost                     func([]byte) bool // accepts the parcel to lose first; nil: any
	delay                    time.Duration
}

// NewProxy starts a Proxy in front of target, a URL, until the end of the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		URL: "http://" + l.Addr().String(), target: strings.TrimPrefix(target, "http://"), listener: l,
		losses: make(chan struct{}, 1), delays: make(chan struct{}, 1), changed: make(chan struct{}), paths: map[*path]struct{}{},
	}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.Refuse()
		p.wg.Wait()
	})
	return p
}

// Stall holds everything back until Mend. Nothing is lost, and the connections stay open.
func (p *Proxy) Stall(dirs ...Direction) { p.change(dirs, func(c *course) { c.stalled = true }) }

// Delay delays everything by a duration.
func (p *Proxy) Delay(by time.Duration, dirs ...Direction) {
	p.change(dirs, func(c *course) { c.delay = by })
}

// Rotate swaps pairs of successive events on their way down a WebSocket. An event without a second one is sent on after
// swapPatience.
func (p *Proxy) Rotate() { p.change([]Direction{Down}, func(c *course) { c.rotated = true }) }

// Cut loses the data that is under way in some directions and breaks all connections. A request whose answer is cut on
// its way down is carried out and not answered. Cut waits up to lossPatience for data to lose. New connections are served.
func (p *Proxy) Cut(dirs ...Direction) { p.cut(lossPatience, nil, dirs...) }

// CutDown is Cut(Down), but waits up to patience for a frame or answer that lost accepts, and loses that one.
func (p *Proxy) CutDown(patience time.Duration, lost func([]byte) bool) { p.cut(patience, lost, Down) }

func (p *Proxy) cut(wait time.Duration, lost func([]byte) bool, dirs ...Direction) {
	select {
	case <-p.losses:
	default:
	}
	p.change(dirs, func(c *course) { c.losing, c.lost = true, lost })
	select {
	case <-p.losses:
	case <-time.After(wait):
	}
	p.mu.Lock()
	for _, d := range dirs {
		p.course[d].losing = false
	}
	p.breakPaths()
	p.mu.Unlock()
}

// Sever breaks all connections only for the client: what Delay holds on its way up still arrives at its time. Sever waits
// up to lossPatience for such data, and ends the delay of new data.
func (p *Proxy) Sever() {
	patience := time.After(lossPatience)
	for waiting := true; waiting && !p.isDelaying(); {
		select {
		case <-p.delays:
		case <-patience:
			waiting = false
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := range p.paths {
		h.sever(p.course[Up].delay)
	}
	p.course[Up].delay = 0
}

func (p *Proxy) isDelaying() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delayed > 0
}

// count adds n to the number of delayed parcels on their way up.
func (p *Proxy) count(n int) {
	p.mu.Lock()
	p.delayed += n
	p.mu.Unlock()
	if n > 0 {
		ring(p.delays)
	}
}

func ring(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Refuse breaks all connections, and every new one at once, until Mend.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = true
	p.breakPaths()
}

// Mend ends the effect of the other methods, so that all data flows.
func (p *Proxy) Mend() {
	p.mu.Lock()
	p.refusing = false
	p.mu.Unlock()
	p.change([]Direction{Up, Down}, func(c *course) { *c = course{} })
}

func (p *Proxy) change(dirs []Direction, change func(*course)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range dirs {
		change(&p.course[d])
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// breakPaths resets the present connections. Callers hold mu.
func (p *Proxy) breakPaths() {
	for h := range p.paths {
		h.fail()
	}
}

func (p *Proxy) now(d Direction) (course, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.course[d], p.changed
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(conn.(*net.TCPConn)) })
	}
}

// serve carries the data of one connection until it ends.
func (p *Proxy) serve(near *net.TCPConn) {
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	far, err := dialer.DialContext(ctx, "tcp", p.target)
	if err != nil {
		reset(near)
		return
	}
	h := &path{proxy: p, ends: [2]*net.TCPConn{near, far.(*net.TCPConn)}, done: make(chan struct{}), late: make(chan struct{})}
	p.mu.Lock()
	if p.refusing {
		h.fail()
	}
	p.paths[h] = struct{}{}
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, d := range []Direction{Up, Down} {
		wg.Go(func() { h.carry(d) })
	}
	wg.Wait()
	h.fail()
	p.mu.Lock()
	delete(p.paths, h)
	p.mu.Unlock()
}

// reset closes a connection as a broken network does.
func reset(conns ...*net.TCPConn) {
	for _, c := range slices.Backward(conns) {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}
