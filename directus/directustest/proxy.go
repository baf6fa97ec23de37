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
	// Down is back.
	Down
)

// lossPatience is how long Cut waits for something to lose, and Sever for something to come late.
const lossPatience = time.Second

// Proxy is a TCP path to a Directus that can be cut, stalled and slowed down, each in one direction or in both. Its
// connections hold whatever TCP carries, REST and WebSocket alike. Safe for concurrent use.
type Proxy struct {
	// URL is where it listens, without a slash at the end.
	URL string

	target   string // host:port
	listener net.Listener
	wg       sync.WaitGroup // the acceptor and the paths
	losses   chan struct{}  // cap 1: something was lost
	delays   chan struct{}  // cap 1: something is delayed on its way up

	mu       sync.Mutex // guards what follows
	delayed  int        // parcels that are delayed on their way up at the moment
	course   [2]course  // by direction
	changed  chan struct{}
	refusing bool
	paths    map[*path]struct{}
}

// course is how a direction is at the moment.
type course struct {
	stalled, losing, rotated bool
	lost                     func([]byte) bool // what is lost first; nil: anything
	delay                    time.Duration
}

// NewProxy starts a path to a URL and ends it with the test.
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

// Stall lets nothing through any more; nothing is lost, and the connections stay open.
func (p *Proxy) Stall(dirs ...Direction) { p.change(dirs, func(c *course) { c.stalled = true }) }

// Delay lets everything through that much later.
func (p *Proxy) Delay(by time.Duration, dirs ...Direction) {
	p.change(dirs, func(c *course) { c.delay = by })
}

// Rotate swaps each two events that come down on a WebSocket one after the other. One that stays alone goes on after a
// moment.
func (p *Proxy) Rotate() { p.change([]Direction{Down}, func(c *course) { c.rotated = true }) }

// Cut loses what is under way in some directions and breaks all connections: of a request that was cut on its way down
// everything is done and nothing answered. It waits a moment for something to lose. New connections are served.
func (p *Proxy) Cut(dirs ...Direction) { p.cut(lossPatience, nil, dirs...) }

// CutDown is Cut on the way down, where it waits for a certain frame, or answer to a REST call, and loses that one.
func (p *Proxy) CutDown(patience time.Duration, lost func([]byte) bool) { p.cut(patience, lost, Down) }

func (p *Proxy) cut(wait time.Duration, lost func([]byte) bool, dirs ...Direction) {
	select {
	case <-p.losses:
	default:
	}
	p.change(dirs, func(c *course) { c.losing, c.lost = true, lost })
	patience := time.NewTimer(wait)
	defer patience.Stop()
	select {
	case <-p.losses:
	case <-patience.C:
	}
	p.mu.Lock()
	for _, d := range dirs {
		p.course[d].losing = false
	}
	p.breakPaths()
	p.mu.Unlock()
}

// Sever breaks all connections for the client alone: what Delay holds on its way up arrives in its time all the same. It
// waits a moment for something to be on its way. Nothing is delayed any more then.
func (p *Proxy) Sever() {
	patience := time.NewTimer(lossPatience)
	defer patience.Stop()
	for waiting := true; waiting && !p.isDelaying(); {
		select {
		case <-p.delays:
		case <-patience.C:
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

// count notes that a parcel is delayed on its way up, or not any more.
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

// Refuse breaks all connections, and all new ones at once, until Mend.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = true
	p.breakPaths()
}

// Mend ends what the other methods have begun: everything flows.
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

// breakPaths resets the present connections. The caller holds mu.
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

// serve carries one connection to its end.
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
