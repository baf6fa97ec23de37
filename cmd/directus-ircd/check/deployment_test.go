package check

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// A deployment is a Directus with something in front of it.
type deployment struct {
	fake   *directustest.Fake
	proxy  *httputil.ReverseProxy
	front  func(w http.ResponseWriter, r *http.Request) // nil: the proxy
	cfg    *config.Config
	write  bool
	names  Names
	device Device
	asked  atomic.Int32 // requests of the kind that the case counts
}

const (
	userID = "6f1e0c6e-0000-4000-8000-000000000001"
	token  = "static-token-of-the-user"
)

func deployed(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{fake: fakeWithUser(t), cfg: config.Default(), write: true}
	d.proxy = httputil.NewSingleHostReverseProxy(d.fake.Listen())
	d.proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	d.front = d.proxy.ServeHTTP
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.front(w, r) }))
	t.Cleanup(server.Close)
	d.cfg.Directus.URL = server.URL
	d.cfg.Channels[0].Fields.Nonce = "nonce"
	return d
}

func fakeWithUser(t *testing.T) *directustest.Fake {
	f := directustest.NewFake(t, directustest.FakeOptions{})
	f.AddUser(directustest.FakeUser{ID: userID, Email: "kevin@example.com", Password: "secret", FirstName: "Kevin", Token: token})
	return f
}

// check returns what check says.
func (d *deployment) check(t *testing.T) string {
	var said bytes.Buffer
	_ = Run(t.Context(), d.cfg, Options{Out: &said, Write: d.write, Names: d.names, Device: d.device, patience: 500 * time.Millisecond, Login: func(ctx context.Context, c *directus.Client) (*directus.Account, error) {
		return c.LoginToken(ctx, token)
	}})
	return said.String()
}

// answer has a path answered with that, and the rest by Directus.
func (d *deployment) answer(path string, status int, body string) {
	next := d.front
	d.front = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			next(w, r)
			return
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// divert gives f the requests of a kind that are wanted by their number, from 1 on, and the
// rest to Directus.
func (d *deployment) divert(kind func(*http.Request) bool, wanted func(n int32) bool, f http.HandlerFunc) {
	d.front = func(w http.ResponseWriter, r *http.Request) {
		if kind(r) && wanted(d.asked.Add(1)) {
			f(w, r)
			return
		}
		d.proxy.ServeHTTP(w, r)
	}
}

func upgrades(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }
func searches(r *http.Request) bool { return r.Method == "SEARCH" }
func anything(*http.Request) bool   { return true }
func requests(r *http.Request) bool { return !upgrades(r) }

func all(int32) bool                 { return true }
func every(n int32) func(int32) bool { return func(i int32) bool { return i%n == 0 } }
func from(n int32) func(int32) bool  { return func(i int32) bool { return i >= n } }

// What can go wrong with a deployment is told, each with what to do about it, and nothing of it
// where nothing is wrong.
func TestCheckOfDeployments(t *testing.T) {
	for name, test := range map[string]struct {
		harm       func(t *testing.T, d *deployment)
		want, cure string
	}{
		"two processes without Redis": {func(t *testing.T, d *deployment) {
			other := httputil.NewSingleHostReverseProxy(fakeWithUser(t).Listen())
			d.divert(anything, every(2), func(w http.ResponseWriter, r *http.Request) { // by turns, as nginx does
				if upgrades(r) {
					other.ServeHTTP(w, r)
					return
				}
				d.proxy.ServeHTTP(w, r)
			})
		}, "of 6 realtime sessions did not get the event of a message: several processes of Directus", "share one Redis"},
		"two processes with two schemas": {func(_ *testing.T, d *deployment) {
			d.divert(searches, every(2), func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				io.WriteString(w, `{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}]}`)
			})
		}, "MISSING  the collection messages could be read at one time and not at another", "share one Redis"},
		"no event": {func(_ *testing.T, d *deployment) { d.fake.LoseEvents(true) },
			"MISSING  #messages: none of 6 realtime sessions got the event", "if several processes of Directus run"},
		"a limit of sessions": {func(_ *testing.T, d *deployment) {
			d.divert(upgrades, from(4), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		}, "MISSING  Directus refuses the fourth realtime session", "raise WEBSOCKETS_REST_CONN_LIMIT"},
		"a proxy that drops Upgrade": {func(_ *testing.T, d *deployment) {
			d.divert(upgrades, all, func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Upgrade")
				r.Header.Del("Connection")
				d.proxy.ServeHTTP(w, r)
			})
		}, "MISSING  no realtime session opens", "make the proxy in front of Directus pass on WebSocket upgrades"},
		"a proxy that drops bodies": {func(_ *testing.T, d *deployment) {
			d.divert(searches, all, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body, r.ContentLength = http.NoBody, 0
				d.proxy.ServeHTTP(w, r)
			})
		}, "MISSING  a query by SEARCH arrives at Directus without its body", "refuse SEARCH with 405"},
		"clocks apart": {func(_ *testing.T, d *deployment) {
			d.proxy.ModifyResponse = func(r *http.Response) error {
				if d.asked.Add(1)%2 == 0 {
					r.Header.Set("Date", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
				}
				return nil
			}
		}, "MISSING  the answers of Directus show clocks that are at least ", "let NTP set the clocks"},
		"a clock of this machine": {func(_ *testing.T, d *deployment) { d.fake.SetClock(time.Hour) },
			"note     the clocks of this machine and of Directus are ", "let NTP set"},
		"a clock of the proxy": {func(_ *testing.T, d *deployment) {
			d.proxy.ModifyResponse = func(r *http.Response) error {
				r.Header.Set("Date", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
				return nil
			}
		}, "MISSING  messages.date_created: the date that Directus wrote is ", "let NTP set the clocks"},
		"a limit of nginx": {func(_ *testing.T, d *deployment) {
			d.divert(requests, every(20), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
		}, "turned away requests of this check", "limit_req"},
		"no emoji": {func(_ *testing.T, d *deployment) {
			d.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Refuses: func(action string, item map[string]any) string {
				if text, _ := item["text"].(string); action == "create" && strings.Contains(text, "\U0001F642") {
					return "INTERNAL_SERVER_ERROR"
				}
				return ""
			}})
		}, "MISSING  #messages: a long text with emoji cannot be sent, a plain one can", "utf8mb4"},
		"other emoji": {func(_ *testing.T, d *deployment) {
			d.store(func(text string) string { return strings.ReplaceAll(text, "\U0001F642", "?") })
		},
			"MISSING  #messages: messages.text does not keep texts as they are", "utf8mb4"},
		"a column that cuts": {func(_ *testing.T, d *deployment) { d.store(func(text string) string { return text[:255] }) },
			"MISSING  #messages: messages.text cuts texts: of 293 characters it keeps 255", "--widen"},
		"a short column": {func(_ *testing.T, d *deployment) {
			d.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, MaxLength: map[string]int{"text": 255}})
		}, "MISSING  #messages: messages.text refuses a text of 293 characters", "--widen"},
		"a singleton": {func(_ *testing.T, d *deployment) { d.answer("/items/messages", 200, `{"data":{"id":null}}`) },
			"MISSING  the collection messages is a singleton", "Treat as single object"},
		"versions": {func(_ *testing.T, d *deployment) {
			d.answer("/collections/messages", 200, `{"data":{"meta":{"versioning":true}}}`)
		},
			"note     messages is versioned", "Content Versioning"},
		"permissions by address": {func(_ *testing.T, d *deployment) {
			d.answer("/policies", 200, `{"data":[{"name":"IRC users","ip_access":["10.1.2.3"]},{"name":"none","ip_access":null}]}`)
		}, `note     "IRC users" holds only for the addresses 10.1.2.3`, "IP Access"},
		"no token": {func(_ *testing.T, d *deployment) { d.fake.Deny(userID, "directus_users", "update") },
			"note     this user cannot make a static token", "let an administrator make one"},
		"files of everybody": {func(_ *testing.T, d *deployment) { d.files(200) },
			"note     everybody who has the link to a file can open it", "policy Public"},
		"files of users": {func(_ *testing.T, d *deployment) { d.files(403) },
			"ok       links to files open for those who are logged in", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deployed(t)
			if test.harm != nil {
				test.harm(t, d)
			}
			said := d.check(t)
			_, after, found := strings.Cut(said, test.want)
			if cure, _, _ := strings.Cut(after+"\n\n", "\nok "); !found || !strings.Contains(cure, test.cure) {
				t.Errorf("want %q and %q, check says\n%s", test.want, test.cure, said)
			}
			if left := d.fake.Items("messages"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// store changes the texts that are stored, as a database does.
func (d *deployment) store(change func(string) string) {
	d.fake.OnStore(func(_ string, item map[string]any) {
		if text, ok := item["text"].(string); ok {
			item["text"] = change(text)
		}
	})
}

// files has a file whose link is answered with that to those who are not logged in.
func (d *deployment) files(status int) {
	d.cfg.Channels[0].Fields.Files = "file"
	d.answer("/files", 200, `{"data":[{"id":"1"}]}`)
	d.answer("/assets/1", status, "")
	d.answer("/permissions/me", 200, `{"data":{"directus_files":{"read":{"access":"full","fields":["*"]}}}}`)
}

// Where nothing is wrong, check finds nothing, and says what it did not try.
func TestCheckOfAGoodDeployment(t *testing.T) {
	d := deployed(t)
	if said := d.check(t); strings.Contains(said, "MISSING") || !strings.Contains(said, "ok       #messages: 6 realtime sessions got the event of the message") {
		t.Errorf("check says\n%s", said)
	}
	d.write = false
	if said := d.check(t); !strings.Contains(said, "note     it was not tried whether events reach all realtime sessions") {
		t.Errorf("check says\n%s", said)
	}
	if left := d.fake.Items("messages"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLimiter(t *testing.T) {
	for _, test := range []struct {
		points int
		per    time.Duration
		want   string
	}{
		{0, 0, ""},
		{50, time.Second, "ok       Directus takes 50 requests in 1s from the daemon: about 10 people can log in per second"},
		{10, time.Second, "note     Directus takes 10 requests in 1s from the daemon: about 120 people can log in per minute"},
		{5, time.Minute, "note     Directus takes 5 requests in 1m0s from the daemon: about 1 people"},
		{1, 2 * time.Second, "note     "},
		{4, 11 * time.Second, "MISSING  Directus takes 4 requests in 11s from the daemon: a login, which is 5 requests, does not fit into the 10s"},
		{1, 3 * time.Second, "MISSING  "},
	} {
		var said bytes.Buffer
		(&prober{findings: &findings{out: &said}}).limiter(directus.RateLimit{Points: test.points, Duration: test.per})
		if got := said.String(); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%d in %s: %q, want %q", test.points, test.per, got, test.want)
		}
	}
}
