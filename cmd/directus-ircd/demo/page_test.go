package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/demo/pagetest"
	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

// pageServer serves the chat page in front of a Directus, and tells of the
// requests that the page makes.
type pageServer struct {
	address  string
	requests chan string // paths, as far as there is room
}

func startPage(t *testing.T, directus string, page chatPage) *pageServer {
	t.Helper()
	base, err := url.Parse(directus)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := webHandler(base, page, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &pageServer{address: "http://" + ln.Addr().String() + "/", requests: make(chan string, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- serveWeb(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case s.requests <- r.URL.Path:
			default:
			}
			handler.ServeHTTP(w, r)
		}), zerolog.Nop())
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// await waits for n requests of a path.
func (s *pageServer) await(t *testing.T, path string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), pagetest.Timeout)
	defer cancel()
	for n > 0 {
		select {
		case got := <-s.requests:
			if got == path {
				n--
			}
		case <-ctx.Done():
			t.Fatalf("the page did not ask for %s", path)
		}
	}
}

// atEnd is whether the list has something to scroll and shows its last line.
const atEnd = `() => {
	const log = document.querySelector("#log");
	return log.scrollTop > 0 && log.scrollHeight - log.scrollTop - log.clientHeight < 5;
}`

// pageWorld is what the parts of TestChatPage share, one after the other.
type pageWorld struct {
	browser    context.Context
	d          *directustest.Server
	ada, kevin directustest.User
	server     *pageServer
}

func TestChatPage(t *testing.T) {
	directustest.SkipShort(t)
	w := &pageWorld{browser: pagetest.Chromium(t), d: directustest.Start(t, directustest.Setup(setup.Options{Edit: true, Rooms: true}))}
	w.ada, w.kevin = w.d.CreateUser("Ada", ""), w.d.CreateUser("Kevin", "")
	w.server = startPage(t, w.d.URL, chatPage{})
	t.Run("login", w.login)
	t.Run("messages", w.messages)
	t.Run("own messages", w.own)
	t.Run("scrolling", w.scrolling)
	t.Run("refusal", w.refusal)
	t.Run("rooms", w.rooms)
	t.Run("filled in", w.filledIn)
}

func (w *pageWorld) login(t *testing.T) {
	p := pagetest.Open(t, w.browser, w.server.address)
	p.Submit(w.ada.Email, "wrong")
	p.Says("#problem", "Wrong e-mail or password.")
	p.Submit(w.ada.Email, w.ada.Password)
	p.Says("#status", "Connected as Ada")
	if got := p.Text("#problem"); got != "" {
		t.Errorf("got the problem %q after a login", got)
	}
	p.Do(chromedp.Reload())
	p.Says("#status", "Connected as Ada")
	p.Click("#logout")
	p.Do(chromedp.WaitVisible(chromedp.CSS("#email")))
	w.server.await(t, "/directus/auth/logout", 1)
	p.Do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#email")))
	if n := pagetest.Evaluate[int](p, "sessionStorage.length"); n != 0 {
		t.Errorf("%d values are left in the storage after a logout", n)
	}
}

func (w *pageWorld) messages(t *testing.T) {
	w.d.AddMessage(w.kevin, "from the history")
	p := pagetest.Open(t, w.browser, w.server.address)
	p.Login(w.ada.Email, w.ada.Password)
	p.Sees("Kevin", "from the history")
	p.Say(`<img src=x onerror="document.title='owned'"> & <b>bold</b>`)
	p.Sees("Ada", `<img src=x onerror="document.title='owned'"> & <b>bold</b>`)
	w.d.AddMessage(w.kevin, "two\nlines")
	p.Sees("Kevin", "two\nlines")
	p.Say("/me waves")
	p.Sees("* Ada", "waves")
	w.d.AddItem(w.kevin, map[string]any{"text": nil})
	w.d.AddMessage(w.kevin, "after an empty one")
	p.Sees("Kevin", "after an empty one")
	if got := p.Text("#outbox"); got != "" {
		t.Errorf("the outbox still shows %q", got)
	}
	if got := pagetest.Evaluate[string](p, "document.title"); got != "Chat on Directus" {
		t.Errorf("a message changed the title to %q", got)
	}
}

// own is what can be done with messages of one's own, and what is seen of it elsewhere.
func (w *pageWorld) own(t *testing.T) {
	p, other := pagetest.Open(t, w.browser, w.server.address), pagetest.Open(t, w.browser, w.server.address)
	p.Login(w.ada.Email, w.ada.Password)
	other.Login(w.kevin.Email, w.kevin.Password)
	const text = "see https://example.com/a?b=(c), or (http://example.org)."
	p.Say(text)
	p.Sees("Ada", text)
	other.Sees("Ada", text)
	links := `[...document.querySelectorAll("#log li:last-child a")].map((a) => a.getAttribute("href") + " " + a.rel)`
	if got := pagetest.Evaluate[[]string](p, links); !slices.Equal(got, []string{"https://example.com/a?b=(c noopener noreferrer", "http://example.org noopener noreferrer"}) {
		t.Errorf("the links of %q are %q", text, got)
	}
	if n := pagetest.Evaluate[int](other, `document.querySelectorAll("#log li:last-child button").length`); n != 0 {
		t.Errorf("the message of another has %d buttons", n)
	}

	click := func(button int) {
		p.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelectorAll("#log li:last-child button")[%d].click()`, button)))
	}
	click(0)
	p.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#text").value = ""`))
	p.Say("/me looks at the example")
	for _, page := range []*pagetest.Page{p, other} {
		page.Sees("* Ada", "looks at the example")
		if n := page.Count("Ada", text); n != 0 {
			t.Errorf("%d lines still say what was before the change", n)
		}
	}
	click(0)
	p.Click("#cancel")
	p.Say("said, not changed")
	other.Sees("Ada", "said, not changed")
	click(1)
	if n := p.Count("Ada", "said, not changed"); n != 1 {
		t.Error("a single click deletes a message")
	}
	click(1)
	for _, page := range []*pagetest.Page{p, other} {
		page.Until(`(text) => [...document.querySelectorAll("#log li span")].every((e) => e.textContent !== text)`, "said, not changed")
	}
}

// rooms are gone to, made in the page and elsewhere, and each shows its own messages. Before
// there are any, the page shows the messages without one.
func (w *pageWorld) rooms(t *testing.T) {
	w.d.AddMessage(w.kevin, "without a room")
	p, other := pagetest.Open(t, w.browser, w.server.address), pagetest.Open(t, w.browser, w.server.address)
	p.Login(w.ada.Email, w.ada.Password)
	p.Sees("Kevin", "without a room")
	other.Login(w.kevin.Email, w.kevin.Password)
	enter := func(page *pagetest.Page, name string) {
		page.Do(chromedp.SendKeys(chromedp.CSS("#name"), name+"\r"))
		page.Until(`(name) => document.querySelector("#rooms [aria-current]")?.textContent.toLowerCase() === name`, strings.ToLower(strings.TrimPrefix(name, "#")))
	}
	enter(p, "#Ä & B")
	p.Until(`() => document.querySelectorAll("#log li").length === 0`)
	other.Until(`() => document.querySelector("#rooms [aria-current]")?.textContent === "Ä & B"`)
	p.Say("in the first room")
	other.Sees("Ada", "in the first room")
	enter(other, "second")
	other.Say("in the second room")
	other.Sees("Kevin", "in the second room")
	p.Until(`() => document.querySelector("#rooms .news")?.textContent === "second"`)
	if n := p.Count("Kevin", "in the second room"); n != 0 {
		t.Error("a message is shown in a room that it is not in")
	}
	enter(p, "Second") // which is there
	p.Sees("Kevin", "in the second room")
	p.Until(`() => document.querySelectorAll("#rooms button").length === 2 && !document.querySelector("#rooms .news")`)
	var found []struct{ ID json.Number }
	w.d.Do(http.MethodGet, "/items/rooms", url.Values{"filter[name][_eq]": {"second"}}, nil, &found)
	w.d.Do(http.MethodPatch, "/items/rooms/"+found[0].ID.String(), nil, map[string]any{"name": "2nd", "topic": "Numbers"}, nil)
	p.Says("#rooms [aria-current]", "2nd")
	p.Says("#topic", "Numbers")
	w.d.Do(http.MethodPatch, "/items/rooms/"+found[0].ID.String(), nil, map[string]any{"archived": true}, nil)
	for _, page := range []*pagetest.Page{p, other} {
		page.Sees("Ada", "in the first room")
	}
	p.Click("#rooms button")
	p.Sees("Ada", "in the first room")
}

// filledIn is the demo's page: its accounts are filled in, and it shows who is on IRC.
func (w *pageWorld) filledIn(t *testing.T) {
	of := func(u directustest.User) user {
		return user{Email: u.Email, Password: u.Password, FirstName: u.FirstName}
	}
	server := startPage(t, w.d.URL, chatPage{Login: of(w.ada), Others: []user{of(w.kevin)}, Members: func(string) []string { return []string{"Ada", "<b>"} }})
	p := pagetest.Open(t, w.browser, server.address)
	p.Click("#login [type=submit]")
	p.Says("#status", "Connected as Ada")
	p.Says("#members", "on IRC: Ada, <b>")
	p.Click("#logout")
	p.Click(`#login button[data-email]`)
	p.Says("#status", "Connected as Kevin")
}

func (w *pageWorld) scrolling(t *testing.T) {
	p := pagetest.Open(t, w.browser, w.server.address)
	p.Login(w.ada.Email, w.ada.Password)
	w.d.AddMessage(w.kevin, strings.Repeat("line\n", 50)+"end of a long text")
	p.Until(atEnd)
	long := "a line that takes room below the list while it is on its way" + strings.Repeat(", and more", 40)
	p.Say(long)
	p.Sees("Ada", long)
	p.Until(atEnd)
	p.Until(`() => { document.querySelector("#log").scrollTop = 0; return true }`)
	p.Until(`() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	w.d.AddMessage(w.kevin, "unseen below")
	p.Sees("Kevin", "unseen below")
	if top := pagetest.Evaluate[float64](p, `document.querySelector("#log").scrollTop`); top != 0 {
		t.Errorf("a message moved the list to %v under the eyes of its reader", top)
	}
	p.Say("back to the end")
	p.Until(atEnd)
}

func (w *pageWorld) refusal(t *testing.T) {
	p := pagetest.Open(t, w.browser, w.server.address)
	p.Login(w.ada.Email, w.ada.Password)
	defer w.d.Revoke("messages", "create")()
	p.Say("not allowed")
	p.Says("#problem", "Not sent:")
	if got := pagetest.Evaluate[string](p, `document.querySelector("#text").value`); got != "not allowed" {
		t.Errorf("the line to write in has %q, want the refused text back", got)
	}
	p.Says("#status", "Connected as Ada")
}

// TestChatPageOutage lets Directus end while messages are on their way both ways.
func TestChatPageOutage(t *testing.T) {
	directustest.SkipShort(t)
	t.Parallel() // most of the time it waits
	browser := pagetest.Chromium(t)
	d := directustest.Start(t, directustest.Setup(setup.Options{Rooms: true}))
	ada, kevin := d.CreateUser("Ada", ""), d.CreateUser("Kevin", "")
	server := startPage(t, d.URL, chatPage{})
	p := pagetest.Open(t, browser, server.address)
	p.Login(ada.Email, ada.Password)
	p.Say("before")
	p.Sees("Ada", "before")

	d.Kill()
	p.Says("#status", "Trying again")
	p.Say("said while it was away")
	p.Says("#outbox", "said while it was away")
	d.Restart()
	d.AddMessage(kevin, "missed?")
	p.Sees("Ada", "said while it was away")
	p.Sees("Kevin", "missed?")

	// A request that is under way when Directus freezes and dies is repeated.
	d.Pause()
	p.Say("sent into the ice")
	p.Says("#outbox", "sent into the ice")
	d.Kill()
	d.Restart()
	p.Sees("Ada", "sent into the ice")
	p.Says("#status", "Connected as Ada")
	stored := map[string]int{}
	for _, m := range d.Messages("text") {
		stored[m["text"].(string)]++
	}
	for _, text := range []string{"before", "said while it was away", "missed?", "sent into the ice"} {
		if stored[text] != 1 {
			t.Errorf("%q is stored %d times, want once", text, stored[text])
		}
		if n := p.Count("Ada", text) + p.Count("Kevin", text); n != 1 {
			t.Errorf("%q is shown %d times, want once", text, n)
		}
	}
}

// TestChatPageExpiry lets access tokens live for some seconds only.
func TestChatPageExpiry(t *testing.T) {
	directustest.SkipShort(t)
	t.Parallel() // most of the time it waits
	browser := pagetest.Chromium(t)
	d := directustest.Start(t, directustest.Env("ACCESS_TOKEN_TTL", "3s"), directustest.Setup(setup.Options{Rooms: true}))
	ada, kevin := d.CreateUser("Ada", ""), d.CreateUser("Kevin", "")
	server := startPage(t, d.URL, chatPage{})
	p := pagetest.Open(t, browser, server.address)
	p.Login(ada.Email, ada.Password)
	for _, text := range []string{"one", "two", "three"} {
		server.await(t, "/directus/auth/refresh", 1)
		d.AddMessage(kevin, text)
		p.Sees("Kevin", text)
		p.Say(text + " to you, too")
		p.Sees("Ada", text+" to you, too")
	}
	d.UpdateUser(ada, map[string]any{"password": "another one"})
	p.Says("#problem", "Your session has ended. Please log in again.")
	p.Login(ada.Email, "another one")
	p.Sees("Ada", "three to you, too")
}

func TestWebHandler(t *testing.T) {
	directus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen-Host", r.Host)
		w.Header().Set("X-Seen-Path", r.URL.Path)
	}))
	defer directus.Close()
	base, err := url.Parse(directus.URL)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := webHandler(base, chatPage{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string) *http.Response {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(method, "http://chat.test:8080"+path, nil))
		return w.Result()
	}
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200},
		{"GET", "/chat.js", 200},
		{"GET", "/members", 200},
		{"GET", "/nothing", 404},
		{"POST", "/directus/auth/login", 200},
		{"GET", "/directus/auth/login", 404},
		{"GET", "/directus/users/me", 200},
		{"GET", "/directus/users", 404},
		{"GET", "/directus/admin/", 404},
		{"GET", "/directus/assets/evil.html", 404},
	} {
		if got := ask(tt.method, tt.path).StatusCode; got != tt.status {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, got, tt.status)
		}
	}
	resp := ask("POST", "/directus/auth/login")
	if host, path := resp.Header.Get("X-Seen-Host"), resp.Header.Get("X-Seen-Path"); host != "chat.test:8080" || path != "/auth/login" {
		t.Errorf("Directus was asked for %q at host %q, want /auth/login at the host that the browser asked", path, host)
	}
	if got := ask("GET", "/").Header.Get("Content-Security-Policy"); got != webPolicy {
		t.Errorf("the page's policy is %q", got)
	}
	directus.Close()
	resp = ask("POST", "/directus/auth/login")
	if resp.StatusCode != http.StatusBadGateway || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("without Directus: got %d %s, want 502 in JSON", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
}
