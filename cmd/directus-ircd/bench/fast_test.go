package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
)

// fastChat plays a Directus whose answers cost next to nothing, however many users there are: one empty collection, and
// events as fast as they are taken. What it plays is tested nowhere but by the daemon working with it.
type fastChat struct {
	tb     testing.TB
	server *httptest.Server
	writer string
	stop   chan struct{}  // closed by close
	beats  sync.WaitGroup // beat

	mu      sync.Mutex
	users   map[string]map[string]any // guarded by mu: by id, and by name
	ids     map[string]string         // guarded by mu: of users, by token
	tokens  []string                  // guarded by mu
	sockets map[*fastSocket]struct{}  // guarded by mu
	stored  int                       // guarded by mu: messages so far
	rooms   []string                  // guarded by mu: the names of rooms, whose keys are their places
}

// fastSocket is a realtime session.
type fastSocket struct {
	mu      sync.Mutex      // held while something is written
	conn    *websocket.Conn // read by its handler alone
	creates []string        // guarded by mu: the uids of subscriptions to new messages
	rooms   []string        // guarded by mu: the uids of subscriptions to changes of rooms
}

func newFastChat(tb testing.TB) *fastChat {
	tb.Helper()
	c := &fastChat{tb: tb, stop: make(chan struct{}), users: map[string]map[string]any{}, ids: map[string]string{}, sockets: map[*fastSocket]struct{}{}}
	c.writer = c.addUser("Wanda", "")
	empty := c.answer(func(*http.Request) any { return []any{} })
	full := map[string]any{"access": "full", "fields": []string{"*"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /server/ping", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pong") })
	mux.HandleFunc("GET /server/info", c.answer(func(*http.Request) any {
		rest := map[string]any{"authentication": "handshake", "path": "/websocket"}
		return map[string]any{"version": "12.4.0", "rateLimit": false, "queryLimit": map[string]any{"default": 100, "max": -1},
			"websocket": map[string]any{"rest": rest, "heartbeat": heartbeat.Seconds()}}
	}))
	mux.HandleFunc("GET /users/me", c.answer(c.me))
	mux.HandleFunc("GET /permissions/me", c.answer(func(*http.Request) any {
		all := map[string]any{"create": full, "read": full, "update": full, "delete": full}
		return map[string]any{collection: all, "directus_users": all, "rooms": all}
	}))
	for _, method := range []string{"SEARCH", "GET"} { // older builds use the latter
		mux.HandleFunc(method+" /users", c.answer(c.find))
		mux.HandleFunc(method+" /items/"+collection, empty)
	}
	mux.HandleFunc("SEARCH /items/rooms", c.answer(c.roomsAsked))
	mux.HandleFunc("GET /websocket", c.socket)
	c.server = httptest.NewServer(mux)
	c.beats.Go(c.beat)
	tb.Cleanup(c.close)
	return c
}

// heartbeat is that of Directus: what answering it leaves behind is a part of an idle session.
const heartbeat = 30 * time.Second

func (c *fastChat) beat() {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.stop:
			return
		}
		c.mu.Lock()
		sockets := slices.Collect(maps.Keys(c.sockets))
		c.mu.Unlock()
		for _, s := range sockets {
			s.mu.Lock()
			_ = s.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) // the reader finds out
			s.mu.Unlock()
		}
	}
}

func (c *fastChat) close() {
	close(c.stop)
	c.beats.Wait()
	c.mu.Lock()
	for s := range c.sockets {
		s.conn.Close()
	}
	c.mu.Unlock()
	c.server.CloseClientConnections()
	c.server.Close()
}

func (c *fastChat) address() string { return c.server.URL }

func (c *fastChat) addUser(name, token string) (id string) {
	id = uuid.NewString()
	user := map[string]any{"id": id, "first_name": name, "last_name": nil}
	c.users[id], c.users[name], c.ids[token] = user, user, id
	return id
}

func (c *fastChat) people(n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.tokens); i < n; i++ {
		c.tokens = append(c.tokens, fmt.Sprintf("token-of-the-reader-%d", i))
		c.addUser(fmt.Sprintf("Reader%d", i), c.tokens[i])
	}
	return c.tokens[:n]
}

// answer encodes what a route has to say.
func (c *fastChat) answer(data func(*http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data(r)})
	}
}

func (c *fastChat) me(r *http.Request) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.users[c.ids[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]]
}

var quoted = regexp.MustCompile(`"([^"]+)"`)

// find returns the users whose id or name stands in the filter.
func (c *fastChat) find(r *http.Request) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []any{}
	query, _ := io.ReadAll(r.Body)
	for _, word := range quoted.FindAllStringSubmatch(string(query)+r.URL.Query().Get("filter"), -1) {
		if user := c.users[word[1]]; user != nil {
			found = append(found, user)
		}
	}
	return found
}

func (c *fastChat) socket(w http.ResponseWriter, r *http.Request) {
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	s := &fastSocket{conn: conn}
	c.mu.Lock()
	c.sockets[s] = struct{}{}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.sockets, s)
		c.mu.Unlock()
	}()
	for {
		var m struct {
			Type, UID, Event, Collection string
		}
		if err := conn.ReadJSON(&m); err != nil {
			return
		}
		reply := map[string]any{"uid": m.UID}
		switch m.Type {
		case "auth":
			reply["type"], reply["status"] = "auth", "ok"
		case "subscribe":
			reply["type"], reply["event"] = "subscription", "init"
		case "unsubscribe":
			reply["type"], reply["event"] = "subscription", "unsubscribe"
		case "ping":
			reply["type"] = "pong"
		default:
			continue
		}
		s.mu.Lock()
		switch {
		case m.Type == "subscribe" && m.Event == "create" && m.Collection == collection:
			s.creates = append(s.creates, m.UID)
		case m.Type == "subscribe" && m.Event == "update" && m.Collection == "rooms":
			s.rooms = append(s.rooms, m.UID)
		}
		err := conn.WriteJSON(reply)
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *fastChat) post(texts ...string) {
	for _, text := range texts {
		c.postTo(nil, text)
	}
}

// postTo stores a message in a room; nil: in none.
func (c *fastChat) postTo(room any, text string) {
	c.mu.Lock()
	c.stored++
	item := map[string]any{
		"id": c.stored, "text": text, "user_created": c.writer, "date_created": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "room": room,
	}
	c.mu.Unlock()
	c.tell("create", item, func(s *fastSocket) []string { return s.creates })
}

// rename gives a room another name.
func (c *fastChat) rename(room int, name string) {
	c.mu.Lock()
	c.rooms[room] = name
	c.mu.Unlock()
	c.tell("update", map[string]any{"id": room}, func(s *fastSocket) []string { return s.rooms })
}

// roomsAsked are the rooms that were asked for, by their keys or all.
func (c *fastChat) roomsAsked(r *http.Request) any {
	var body struct {
		Query struct {
			Limit, Offset int
			Filter        json.RawMessage
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []any{}
	item := func(key int) any { return map[string]any{"id": key, "name": c.rooms[key]} }
	if keys := number.FindAllString(string(body.Query.Filter), -1); len(keys) > 0 {
		for _, key := range keys {
			n, _ := strconv.Atoi(key)
			found = append(found, item(n))
		}
		return found
	}
	for key := body.Query.Offset; key < min(len(c.rooms), body.Query.Offset+body.Query.Limit); key++ {
		found = append(found, item(key))
	}
	return found
}

var number = regexp.MustCompile(`\d+`)

// tell sends an event to subscriptions.
func (c *fastChat) tell(event string, item map[string]any, to func(*fastSocket) []string) {
	data, err := json.Marshal(item)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.mu.Lock()
	sockets := slices.Collect(maps.Keys(c.sockets))
	c.mu.Unlock()
	for _, s := range sockets {
		if err := s.event(event, data, to); err != nil && !errors.Is(err, net.ErrClosed) {
			c.tb.Error(err)
		}
	}
}

func (s *fastSocket) event(event string, item []byte, to func(*fastSocket) []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, uid := range to(s) {
		frame := fmt.Appendf(nil, `{"type":"subscription","event":%q,"data":[%s],"uid":%q}`, event, item, uid)
		if err := s.conn.WriteMessage(websocket.TextMessage, frame); err != nil {
			return err
		}
	}
	return nil
}
