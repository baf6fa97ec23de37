package ircd

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"directus-ircd/ircd/transport"
)

// SessionInfo is what an operator may know of a connection that is logged in.
type SessionInfo struct {
	Conn   uint64 // its number, as in the log
	Nick   string
	UserID string // see User.ID
	// Device is what the client calls itself in its login; empty if it does not.
	Device string
	Age    time.Duration // since the login
	Idle   time.Duration // since its last line
	// Secure is ListenOptions.Secure, and WebSocket says how its lines come.
	Secure, WebSocket bool
	Bot               bool
	Capabilities      []string // that it has asked for, sorted
	Unread            int64    // bytes of output that wait for it
	Waiting           int      // what others did and has not been shown to it yet
}

// A DeviceSession is a Session that knows what the client calls its device. It is optional.
type DeviceSession interface {
	// Device returns an empty string if the client gave no name in its login.
	Device() string
}

// sessions are the connections that are logged in.
type sessions struct {
	mu   sync.Mutex        // a leaf lock
	open map[*conn]entered // guarded by mu
}

// entered is what does not change of a connection, and when it logged in.
type entered struct {
	info SessionInfo
	at   time.Time
}

// enter makes a connection known that is logged in.
func (s *sessions) enter(c *conn) {
	info := SessionInfo{
		Conn: c.label.id, Nick: c.user.Nick, UserID: c.user.ID, Secure: c.listen.Secure,
		WebSocket: transport.IsWebSocket(c.nc), Bot: c.session.Bot(),
	}
	if d, ok := c.session.(DeviceSession); ok {
		info.Device = d.Device()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*conn]entered)
	}
	s.open[c] = entered{info, time.Now()}
}

// leave makes a connection unknown. It may be called again.
func (s *sessions) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// Sessions describes connections that are logged in, no more than most of them, the oldest first. It may be called from
// any goroutine.
func (s *Server) Sessions(most int) []SessionInfo {
	type entry struct {
		*conn
		entered
	}
	var list []entry
	s.sessions.mu.Lock()
	for c, e := range s.sessions.open {
		list = append(list, entry{c, e})
	}
	s.sessions.mu.Unlock()
	slices.SortFunc(list, func(a, b entry) int { return a.at.Compare(b.at) })
	infos := make([]SessionInfo, min(len(list), most))
	for i := range infos {
		c, info := list[i].conn, list[i].info
		info.Age = time.Since(list[i].at)
		info.Idle = max(0, time.Since(c.start)-time.Duration(c.heard.Load()))
		info.Capabilities = capSet(c.sharedCaps.Load()).names()
		info.Unread, info.Waiting = c.out.unread(), c.inbox.Len()
		infos[i] = info
	}
	return infos
}

// names are the capabilities of a set, sorted. Of several names for one it takes the first.
func (s capSet) names() []string {
	names := []string{}
	for _, k := range capabilities {
		if s.has(k.bit) {
			names = append(names, k.name)
			s &^= k.bit
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// farewell is how clients are asked to leave. It is immutable.
type farewell struct {
	notice, reason string
	end            time.Time // when the last one leaves
}

// drainCheck is the time between two looks whether all connections have ended.
const drainCheck = 100 * time.Millisecond

// Drain tells all clients in a notice that they will have to leave, and ends their connections for a reason, each at a
// moment of its own within a span of time, so that not all of them come back to another server at once. It returns when
// there is no connection left, or when ctx ends. The listeners have been closed before. It is called once.
func (s *Server) Drain(ctx context.Context, over time.Duration, notice, reason string) {
	s.farewell.Store(&farewell{notice, reason, time.Now().Add(over)})
	s.logins.ring()
	look := time.NewTicker(drainCheck)
	defer look.Stop()
	for s.slots.len() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// prepareToLeave tells the client, once, that it has to leave, and chooses the moment. Who is not logged in leaves at once.
func (c *conn) prepareToLeave() {
	f := c.srv.farewell.Load()
	if f == nil || c.leaving != nil {
		return
	}
	var left time.Duration
	if c.registered {
		c.showService(&ServiceNotice{Text: f.notice})
		left = rand.N(max(time.Until(f.end), 1))
	}
	c.leaving = time.After(left)
}

// parting ends the connection for the reason of the farewell.
func (c *conn) parting() *closing {
	reason := c.srv.farewell.Load().reason
	return &closing{text: reason, quit: reason, cause: "drained", receipt: true}
}
