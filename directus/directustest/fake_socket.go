package directustest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// A socket is one realtime session. Its reader is the goroutine of the HTTP
// handler. Its writer is another goroutine, which takes frames from an unbounded
// queue, as in Directus.
type socket struct {
	fake *Fake
	conn *websocket.Conn
	done chan struct{} // closed with the socket

	// Guarded by fake.mu.
	user     string // "" before authentication and for the public role; everyone after an expiry in Directus 11
	authed   bool
	closed   bool
	subs     []*subscription
	expiry   *time.Timer // TOKEN_EXPIRED, then AUTH_TIMEOUT
	beats    int         // pings since the last frame of the client
	window   window      // of the rate limit
	wake     *sync.Cond  // signals changes of queue and closed
	queue    [][]byte
	finished chan struct{} // closed when the writer has ended
}

type subscription struct {
	uid, collection, event string
	query                  query
}

// authWindow is how long a socket may stay without valid authentication.
const authWindow = 10 * time.Second

// upgrade opens a socket: GET /websocket.
func (f *Fake) upgrade(w http.ResponseWriter, r *http.Request) {
	if f.opts.NoWebSockets {
		refuse(w, &apiError{status: 404, code: "ROUTE_NOT_FOUND", message: "Route /websocket doesn't exist."})
		return
	}
	f.count("upgrade")
	token := r.URL.Query().Get("access_token")
	f.mu.Lock()
	g, err := grant{}, error(nil)
	if token != "" {
		g, err = f.authorize(token)
	}
	bad := err != nil || token == "" && f.opts.Mode == "strict" || token != "" && f.noDatabase
	f.mu.Unlock()
	if bad {
		f.bare(w, "401 Unauthorized")
		return
	}
	if r.Header.Get("Origin") != "" {
		f.t.Errorf("fake directus: a client sent an Origin, which Directus 12 checks")
		f.bare(w, "403 Forbidden")
		return
	}
	up := websocket.Upgrader{}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	conn.SetPingHandler(func(string) error { return nil }) // autoPong is off
	s := &socket{fake: f, conn: conn, done: make(chan struct{}), finished: make(chan struct{})}
	s.wake = sync.NewCond(&f.mu)
	f.mu.Lock()
	f.sockets = append(f.sockets, s)
	if token != "" {
		s.authenticated(g)
	} else if f.opts.Mode == "handshake" {
		s.expiry = time.AfterFunc(authWindow, func() { s.failAuth("AUTH_FAILED", "Authentication handshake failed.") })
	}
	f.mu.Unlock()
	go s.write()
	if f.opts.Heartbeat > 0 {
		go s.beat()
	}
	s.read()
}

// bare answers an upgrade with a status line and nothing else.
func (f *Fake) bare(w http.ResponseWriter, status string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", status)
}

// cut breaks the socket without a close frame.
func (s *socket) cut() {
	s.fake.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
		if s.expiry != nil {
			s.expiry.Stop()
		}
		s.wake.Broadcast()
	}
	s.fake.mu.Unlock()
	s.conn.Close()
}

// send queues a frame.
func (s *socket) send(frame map[string]any) { s.fake.locked(func() { s.push(frame) }) }

// push is send for callers that hold mu.
func (s *socket) push(frame map[string]any) {
	b, err := json.Marshal(frame)
	if err != nil {
		s.fake.t.Errorf("fake directus: encode frame: %v", err)
		return
	}
	s.queue = append(s.queue, b)
	s.wake.Signal()
}

// hangUp is the entry of the queue that closes the socket after all frames before it
// were sent.
var hangUp = []byte("hang up")

func (s *socket) write() {
	defer close(s.finished)
	for {
		s.fake.mu.Lock()
		for len(s.queue) == 0 && !s.closed {
			s.wake.Wait()
		}
		if s.closed {
			s.fake.mu.Unlock()
			return
		}
		next := s.queue[0]
		s.queue = s.queue[1:]
		s.fake.mu.Unlock()
		if string(next) == string(hangUp) || s.conn.WriteMessage(websocket.TextMessage, next) != nil {
			s.cut()
			return
		}
	}
}

// beat sends the heartbeat. It closes the socket if the client has sent nothing for
// a whole period.
func (s *socket) beat() {
	tick := time.NewTicker(s.fake.opts.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		s.fake.mu.Lock()
		s.beats++
		silent := s.beats > 1
		if !silent && s.authed {
			s.push(map[string]any{"type": "ping"})
		}
		s.fake.mu.Unlock()
		if silent {
			s.cut()
			return
		}
	}
}

// authenticated notes a valid token and arms its expiry. Callers hold mu.
func (s *socket) authenticated(g grant) {
	s.user, s.authed = g.user, true
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if !g.expires.IsZero() {
		s.expiry = time.AfterFunc(time.Until(g.expires), s.expire)
	}
}

// expire begins the time between the expiry of the token and the end of the socket.
func (s *socket) expire() {
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	if s.closed || !s.authed {
		return
	}
	s.push(authError("TOKEN_EXPIRED", "Token expired."))
	s.user = ""
	if !s.fake.before("11") && s.fake.before("12") {
		s.user = everyone
	}
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.expiry = time.AfterFunc(authWindow, func() { s.failAuth("AUTH_TIMEOUT", "Authentication timed out.") })
}

// failAuth is refuseAuth for callers that do not hold mu.
func (s *socket) failAuth(code, message string) {
	s.fake.locked(func() { s.refuseAuth(code, message) })
}

// refuseAuth sends an error of the type auth and closes the socket. Callers hold mu.
func (s *socket) refuseAuth(code, message string) {
	s.push(authError(code, message))
	s.queue = append(s.queue, hangUp)
	s.wake.Signal()
}

func authError(code, message string) map[string]any {
	return map[string]any{"type": "auth", "status": "error", "error": map[string]any{"code": code, "message": message}}
}

func (s *socket) read() {
	defer s.cut()
	for {
		_, data, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		var m map[string]any
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.UseNumber()
		if dec.Decode(&m) != nil {
			s.send(map[string]any{"type": "server", "status": "error",
				"error": map[string]any{"code": "INVALID_PAYLOAD", "message": "Invalid payload."}})
			continue
		}
		if !s.judge(m) {
			return
		}
	}
}

func text(m map[string]any, key string) string {
	v, _ := m[key].(string)
	return v
}

// judge processes a frame according to the verdict of the hook. false means that the
// socket is to be cut.
func (s *socket) judge(m map[string]any) bool {
	f := s.fake
	kind, action := text(m, "type"), text(m, "action")
	f.count(strings.TrimSpace("ws " + kind + " " + action))
	f.mu.Lock()
	hook := f.onFrame
	f.mu.Unlock()
	var v FrameVerdict
	if hook != nil {
		v = hook(FakeFrame{Type: kind, Action: action, UID: m["uid"], Message: m})
	}
	if !pause(v.Delay, s.done, nil) {
		return false
	}
	f.mu.Lock()
	if !v.Skip {
		answers := 1
		switch {
		case v.Mute || v.Reply != nil:
			answers = 0
		case v.Twice:
			answers = 2
		}
		s.process(m, answers)
	}
	if v.Reply != nil {
		s.push(v.Reply)
	}
	f.mu.Unlock()
	return !v.Cut
}

// process carries out a frame and sends the answer as often as answers says. Callers hold mu.
func (s *socket) process(m map[string]any, answers int) {
	kind := text(m, "type")
	if !s.authed && kind != "auth" && s.fake.opts.Mode == "handshake" {
		s.refuseAuth("AUTH_FAILED", "Authentication handshake failed.")
		return
	}
	if s.limited(kind) {
		return
	}
	if kind != "auth" {
		s.beats = 0
	}
	reply := func(frame map[string]any) {
		for range answers {
			s.push(frame)
		}
	}
	switch kind {
	case "auth":
		s.auth(m, reply)
	case "ping":
		if s.fake.opts.Heartbeat > 0 {
			reply(named(m, map[string]any{"type": "pong"}))
		}
	case "subscribe":
		s.subscribe(m, reply)
	case "unsubscribe":
		uid := keyText(m["uid"])
		s.subs = slices.DeleteFunc(s.subs, func(sub *subscription) bool { return uid == "" || sub.uid == uid })
		reply(map[string]any{"type": "subscription", "event": "unsubscribe", "uid": uid})
	case "items":
		if !s.fake.noDatabase {
			s.items(m, reply)
		}
	}
}

// limited applies the rate limit. Callers hold mu.
func (s *socket) limited(kind string) bool {
	r := s.fake.opts.RateLimit
	if r.Points == 0 || kind == "auth" && !s.authed {
		return false
	}
	over, reset := s.window.count(r)
	if over {
		s.push(map[string]any{"type": "server", "status": "error", "error": map[string]any{
			"code":    "REQUESTS_EXCEEDED",
			"message": fmt.Sprintf("Too many messages, retry after %dms.", time.Until(reset).Milliseconds()),
		}})
	}
	return over
}

func (s *socket) auth(m map[string]any, reply func(map[string]any)) {
	token := text(m, "access_token")
	if token == "" {
		return
	}
	g, err := s.fake.authorize(token)
	if err != nil || s.fake.noDatabase {
		s.user, s.authed = "", false
		s.refuseAuth("AUTH_FAILED", "Authentication handshake failed.")
		return
	}
	s.authenticated(g)
	reply(named(m, map[string]any{"type": "auth", "status": "ok"}))
}

// named gives frame the uid of the message m that it answers, as the client sent it.
func named(m, frame map[string]any) map[string]any {
	if uid, ok := m["uid"]; ok {
		frame["uid"] = uid
	}
	return frame
}
