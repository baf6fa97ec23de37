// Package admin is what the daemon and its operator say to each other through a Unix socket: a status, and the order to let
// its clients go. The daemon serves HTTP with JSON there; the commands "status" and "drain" ask it.
//
// Nothing that passes here holds texts of messages, tokens, e-mail addresses or addresses of clients. The package knows
// neither IRC nor Directus; package main fills in what it finds there.
package admin

// Status is what the daemon tells of itself.
type Status struct {
	Version string  `json:"version"`
	Commit  string  `json:"commit"`
	PID     int     `json:"pid"`
	Config  string  `json:"config"`
	Uptime  float64 `json:"uptime_seconds"`
	// State is "serving" or "draining".
	State     string    `json:"state"`
	Directus  Directus  `json:"directus"`
	Listeners []string  `json:"listeners"`
	Counts    Counts    `json:"counts"`
	Limits    []Limit   `json:"limits"`
	Sessions  []Session `json:"sessions"`
	Feeds     []Feed    `json:"feeds"`
	Doubts    []Doubt   `json:"doubts"` // the last ones, the newest first
}

// Directus is the server behind the daemon.
type Directus struct {
	URL     string `json:"url"`
	Version string `json:"version,omitempty"` // empty while nobody is logged in
	Answers bool   `json:"answers"`
	// Lasts is how long it has answered, or not, as far as the daemon has seen it.
	Lasts float64 `json:"lasts_seconds"`
	Error string  `json:"error,omitempty"`
}

// Counts are how many there are now.
type Counts struct {
	Connections int   `json:"connections"` // logged in or not
	Sessions    int   `json:"sessions"`    // logged in
	Users       int   `json:"users"`
	Links       int   `json:"links"` // realtime links to Directus that are up
	Feeds       int   `json:"feeds"`
	Unread      int64 `json:"unread"` // bytes that wait for clients to read
}

// Limit is something that is bounded, and how often somebody has met the bound since the start.
type Limit struct {
	Name    string `json:"name"` // the key of the configuration
	Used    int64  `json:"used"`
	Most    int64  `json:"most"` // 0: no limit
	Reached int64  `json:"reached"`
}

// Session is a connection that is logged in.
type Session struct {
	Conn         uint64   `json:"conn"` // as in the log
	Nick         string   `json:"nick"`
	User         string   `json:"user"` // its id in Directus
	Device       string   `json:"device,omitempty"`
	Age          float64  `json:"age_seconds"`  // since the login
	Idle         float64  `json:"idle_seconds"` // since the last line
	TLS          bool     `json:"tls"`
	WebSocket    bool     `json:"websocket"`
	Bot          bool     `json:"bot"`
	Link         string   `json:"link"` // the user's realtime link: "up", "down", or "none" was needed so far
	Capabilities []string `json:"capabilities"`
	Unread       int64    `json:"unread"`  // bytes that wait for the client
	Waiting      int      `json:"waiting"` // what others did and has not been shown yet
}

// Feed is a reading of a collection.
type Feed struct {
	Collection string   `json:"collection"`
	Channels   []string `json:"channels"` // none: private messages
	Shared     bool     `json:"shared"`
	Owner      string   `json:"owner,omitempty"` // the id of the user who reads alone
	Why        string   `json:"why"`             // it is shared or not
	Readers    int      `json:"readers"`         // sessions
	Users      int      `json:"users"`
	Leader     string   `json:"leader"` // the id of the user as whom it reads
	Linked     bool     `json:"linked"` // the leader's realtime link is up
	Trouble    string   `json:"trouble,omitempty"`
	Behind     int      `json:"behind"`  // sessions that were not shown all yet
	Entries    int      `json:"entries"` // that wait for them
	Bytes      int      `json:"bytes"`
}

// Doubt is a message that Directus did not confirm, and what was found out of it.
type Doubt struct {
	Ago        float64 `json:"ago_seconds"`
	Took       float64 `json:"took_seconds"`
	User       string  `json:"user"` // its id in Directus
	Collection string  `json:"collection"`
	Outcome    string  `json:"outcome"` // "stored", "not stored" or "unknown"
}

// Drain is how far the daemon has let its clients go.
type Drain struct {
	PID         int  `json:"pid"`
	Draining    bool `json:"draining"`
	Connections int  `json:"connections"`
}
