package main

import (
	"context"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"golang.org/x/net/netutil"

	"directus-ircd/bridge/feed"
	"directus-ircd/cmd/directus-ircd/admin"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

const (
	// maxAdmins is how many connections the socket for the operator serves at a time; others wait.
	maxAdmins = 8
	// maxListed is how many sessions and feeds a status lists.
	maxListed = 10000
	// askTime is how long a request may take to come, from this machine, and answerTime the answer: a CPU profile takes
	// 30 s unless it is asked for otherwise.
	askTime    = time.Second
	answerTime = 2 * time.Minute
)

// serveAdmin answers the operator at a Unix socket.
func (d *daemon) serveAdmin(ctx context.Context, ln net.Listener) error {
	d.log.Info().Stringer("address", ln.Addr()).Msg("answering status and drain")
	return d.serveHTTP(ctx, netutil.LimitListener(ln, maxAdmins), d.adminPages(), askTime, answerTime)
}

func (d *daemon) adminPages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", answer(d.readiness))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { d.answerJSON(w, d.status(r.Context())) })
	mux.HandleFunc("GET /drain", d.showDrain)
	mux.HandleFunc("POST /drain", d.askDrain)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func (d *daemon) answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		d.log.Debug().Err(err).Msg("answer the operator")
	}
}

// status puts together what the packages know. It waits for nothing but their locks.
func (d *daemon) status(ctx context.Context) admin.Status {
	build, irc, chat, links := thisBuild(), d.server.Stats(), d.backend.Status(maxListed), d.backend.Stats()
	s := admin.Status{
		Version: build.Version, Commit: build.Commit, PID: os.Getpid(), Config: d.file, Uptime: time.Since(d.started).Seconds(), State: "serving",
		Directus: admin.Directus{URL: d.client.URL().String(), Version: chat.Version},
		Counts:   admin.Counts{Connections: irc.Connections, Sessions: irc.Registered, Users: irc.Users, Links: links.Links, Feeds: links.Feeds, Unread: irc.Unread},
		Limits:   d.limits(irc),
		Sessions: []admin.Session{}, Feeds: []admin.Feed{}, Doubts: []admin.Doubt{}, // none is not null
	}
	if d.draining.Load() {
		s.State = "draining"
	}
	if listening := d.listening.Load(); listening != nil {
		s.Listeners = *listening
	}
	lasts, err := d.monitor.state()
	s.Directus.Lasts, s.Directus.Answers = lasts.Seconds(), err == nil
	if err != nil {
		s.Directus.Error = err.Error()
	}
	for _, v := range d.server.Sessions(maxListed) {
		s.Sessions = append(s.Sessions, sessionStatus(v, chat.Links[v.UserID]))
	}
	for _, f := range chat.Feeds {
		s.Feeds = append(s.Feeds, feedStatus(f))
	}
	for _, v := range chat.Doubts {
		s.Doubts = append(s.Doubts, admin.Doubt{Ago: v.Ago.Seconds(), Took: v.Took.Seconds(), User: v.UserID, Collection: v.Collection, Outcome: v.Outcome})
	}
	return s
}

func sessionStatus(v ircd.SessionInfo, state directus.State) admin.Session {
	link := "down"
	switch {
	case state.Up:
		link = "up"
	case state.Since.IsZero():
		link = "none"
	}
	return admin.Session{
		Conn: v.Conn, Nick: v.Nick, User: v.UserID, Device: v.Device, Age: v.Age.Seconds(), Idle: v.Idle.Seconds(), TLS: v.Secure,
		WebSocket: v.WebSocket, Bot: v.Bot, Link: link, Capabilities: v.Capabilities, Unread: v.Unread, Waiting: v.Waiting,
	}
}

func feedStatus(f feed.Status) admin.Feed {
	out := admin.Feed{
		Channels:   []string{},
		Collection: f.Collection, Shared: f.Owner == "", Owner: f.Owner, Why: f.Alone, Readers: f.Readers, Users: f.Members,
		Leader: f.Leader, Linked: f.IsLinked, Trouble: f.Trouble, Behind: f.Behind, Entries: f.Entries, Bytes: f.Bytes,
	}
	if out.Shared {
		out.Why = "the permissions prove that all see the same"
	}
	if !f.IsReady && out.Trouble == "" {
		out.Trouble = "not read yet"
	}
	for _, name := range f.Channels {
		if name != "" {
			out.Channels = append(out.Channels, name)
		}
	}
	return out
}

// limits are those that clients have met. What single clients use of theirs is not shown.
func (d *daemon) limits(irc ircd.Stats) []admin.Limit {
	now := d.server.Limits()
	memory := debug.SetMemoryLimit(-1) // only reads it
	if memory == math.MaxInt64 {
		memory = 0
	}
	return []admin.Limit{
		{Name: "limits.connections", Used: int64(irc.Connections), Most: int64(now.Connections), Reached: irc.Refused},
		{Name: "limits.lines_per_second", Most: int64(now.LinesPerSecond), Reached: irc.Delayed},
		{Name: "limits.send_queue", Most: now.SendQueue, Reached: irc.SlowClients},
		{Name: "limits.login_attempts_per_minute", Most: d.attempts.Load(), Reached: irc.LoginErrors[ircd.Limited]},
		{Name: "limits.memory", Used: memoryUsed(), Most: memory},
	}
}

// memoryUsed is what counts towards the memory limit of Go, in bytes.
func memoryUsed() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
