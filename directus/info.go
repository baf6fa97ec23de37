package directus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Modes of WEBSOCKETS_REST_AUTH, as WebSocketInfo.Mode carries them.
const (
	ModeHandshake = "handshake" // the first frame authenticates
	ModeStrict    = "strict"    // the token is in the URL of the upgrade
	ModePublic    = "public"    // unauthenticated sockets have the rights of the public role
)

// ServerInfo is what GET /server/info tells a logged-in user.
type ServerInfo struct {
	Version   string // "12.4.0"
	WebSocket WebSocketInfo
	// QueryLimitDefault and QueryLimitMax bound Query.Limit; -1: no limit.
	QueryLimitDefault, QueryLimitMax int
	// RateLimit is the limit on requests: per IP address over REST, per socket for
	// frames. It is zero if there is none.
	RateLimit RateLimit
}

// WebSocketInfo says whether and how Directus serves realtime sessions.
type WebSocketInfo struct {
	Enabled   bool          // the "REST" flavour is served
	Path      string        // relative to the base URL: "/websocket"
	Mode      string        // one of the Mode constants
	Heartbeat time.Duration // period of the server's pings; 0: off
}

// RateLimit allows Points requests in each Duration.
type RateLimit struct {
	Points   int
	Duration time.Duration
}

// Major is the major version number, 0 if unknown.
func (s ServerInfo) Major() int {
	major, _, _ := strings.Cut(s.Version, ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return 0
	}
	return n
}

// Info returns the answer of GET /server/info. The answer is kept for all accounts of the
// Client, until a realtime link cannot be opened.
func (a *Account) Info(ctx context.Context) (ServerInfo, error) {
	c := a.client
	c.mu.Lock()
	known := c.info
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	var raw rawInfo
	if err := a.Do(ctx, http.MethodGet, "/server/info", nil, nil, &raw); err != nil {
		return ServerInfo{}, fmt.Errorf("read server info: %w", err)
	}
	info := raw.info()
	c.mu.Lock()
	c.info = &info
	c.mu.Unlock()
	return info, nil
}

// Version is that of Directus, such as "12.4.0", as it was told last; empty if it is not known.
func (c *Client) Version() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.info == nil {
		return ""
	}
	return c.info.Version
}

// forgetInfo makes the next Info ask again, because Directus may have been restarted
// with another configuration.
func (c *Client) forgetInfo() {
	c.mu.Lock()
	c.info = nil
	c.mu.Unlock()
}

// maybe is a JSON value of a feature; the value is false where the feature is off.
type maybe[T any] struct {
	on    bool
	value T
}

func (m *maybe[T]) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "false", "null", "true":
		m.on = string(data) == "true"
		return nil
	}
	m.on = true
	return json.Unmarshal(data, &m.value)
}

// rawInfo is the wire form of ServerInfo.
type rawInfo struct {
	Version   string `json:"version"`
	WebSocket maybe[struct {
		REST maybe[struct {
			Authentication string `json:"authentication"`
			Path           string `json:"path"`
		}] `json:"rest"`
		Heartbeat maybe[float64] `json:"heartbeat"`
	}] `json:"websocket"`
	QueryLimit struct {
		Default *int `json:"default"`
		Max     *int `json:"max"`
	} `json:"queryLimit"`
	RateLimit maybe[struct {
		Points   int     `json:"points"`
		Duration float64 `json:"duration"`
	}] `json:"rateLimit"`
}

func (r rawInfo) info() ServerInfo {
	info := ServerInfo{Version: r.Version, QueryLimitDefault: 100, QueryLimitMax: -1}
	if r.QueryLimit.Default != nil {
		info.QueryLimitDefault = *r.QueryLimit.Default
	}
	if r.QueryLimit.Max != nil {
		info.QueryLimitMax = *r.QueryLimit.Max
	}
	if r.RateLimit.on {
		info.RateLimit = RateLimit{r.RateLimit.value.Points, seconds(r.RateLimit.value.Duration)}
	}
	if ws := r.WebSocket; ws.on && ws.value.REST.on {
		info.WebSocket = WebSocketInfo{
			Enabled: true,
			Path:    ws.value.REST.value.Path,
			Mode:    ws.value.REST.value.Authentication,
		}
		if ws.value.Heartbeat.on {
			info.WebSocket.Heartbeat = seconds(ws.value.Heartbeat.value)
		}
	}
	return info
}

// seconds turns a number of seconds into a Duration between zero and a day, so that
// nonsense in the configuration of Directus does no harm.
func seconds(s float64) time.Duration {
	return time.Duration(min(max(s, 0), 86400) * float64(time.Second))
}

// Drivers of a Provider that take a name and a password; all others need a browser.
const (
	DriverLocal = "local"
	DriverLDAP  = "ldap"
)

// Providers are the ways to log in that Directus offers.
type Providers struct {
	List []Provider
	// NoDefault says that Directus' own login, by e-mail address and password, is off
	// (AUTH_DISABLE_DEFAULT).
	NoDefault bool
}

// Provider is one of Directus' AUTH_PROVIDERS.
type Provider struct {
	Name   string `json:"name"`
	Driver string `json:"driver"`
}

// TakesPasswords reports whether LoginWith can use the provider.
func (p Provider) TakesPasswords() bool { return p.Driver == DriverLocal || p.Driver == DriverLDAP }

// Providers returns the answer of GET /auth, which needs no login. A Directus 12 whose
// licence lacks single sign-on names no provider at all, LDAP included.
func (c *Client) Providers(ctx context.Context) (Providers, error) {
	var body string
	if err := c.do(ctx, call{method: http.MethodGet, path: "/auth", text: &body, whole: true}); err != nil {
		return Providers{}, fmt.Errorf("read the login providers: %w", err)
	}
	var answer struct {
		Data      *[]Provider `json:"data"`
		NoDefault any         `json:"disableDefault"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Data == nil {
		return Providers{}, fmt.Errorf("read the login providers: %w", ErrNotDirectus)
	}
	// Directus passes on whatever the variable holds, and takes any text for true.
	off := answer.NoDefault != nil && answer.NoDefault != false && answer.NoDefault != ""
	return Providers{List: *answer.Data, NoDefault: off}, nil
}
