// Package pagetest drives the demo's chat page in a headless browser, for tests.
package pagetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"directus-ircd/directus/localserver/needs"
)

// Timeout bounds each wait for something to show in the page.
const Timeout = 30 * time.Second

// Chromium starts a headless browser, with further options, that ends with the test.
func Chromium(t *testing.T, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path := needs.Chromium.Path()
	if path == "" {
		t.Fatalf("this test drives the chat page in Chromium.\n%v", needs.ForTests())
	}
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(900, 700))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(opts, options...)...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// Page is the page in a tab of its own, as the person in front of it sees it.
type Page struct {
	t   *testing.T
	ctx context.Context
}

// Open opens the page and fails the test for any script error in it.
func Open(t *testing.T, browser context.Context, address string) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &Page{t: t, ctx: ctx}
	// The first call opens the tab, which ends with the context of that call: no time-out here.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	console := chromedp.Console(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Source == "security" {
				t.Errorf("script error in the page: %s", m)
			}
		}
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the page shows: %s", p.Text("body"))
		}
		cancel()
		wg.Wait()
	})
	p.Do(chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS("#email")))
	return p
}

// Do takes steps in the page, in the time that each wait may take.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Timeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("drive the page: %v", err)
	}
}

// Submit tries to log in.
func (p *Page) Submit(email, password string) {
	p.t.Helper()
	p.Do(chromedp.Evaluate[chromedp.Void](`for (const input of document.querySelectorAll("#login input")) input.value = ""`),
		chromedp.SendKeys(chromedp.CSS("#email"), email), chromedp.SendKeys(chromedp.CSS("#password"), password+"\r"))
}

// Login logs in and waits until the page is connected.
func (p *Page) Login(email, password string) {
	p.t.Helper()
	p.Submit(email, password)
	p.connected()
}

func (p *Page) connected() { p.t.Helper(); p.Do(chromedp.WaitVisible(chromedp.CSS("#status.up"))) }

// Click waits until an element is shown and clicks on it.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.Do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Say types a text without line breaks and sends it with Enter.
func (p *Page) Say(text string) {
	p.t.Helper()
	p.Do(chromedp.SendKeys(chromedp.CSS("#text"), text+"\r"))
}

// Line is a line of the page.
type Line struct{ Name, Text string }

// Lines are those that the page shows.
func (p *Page) Lines() []Line {
	p.t.Helper()
	return Evaluate[[]Line](p, `[...document.querySelectorAll("#log li")].map(
		(li) => ({Name: li.querySelector("b").textContent, Text: li.querySelector("span").textContent}))`)
}

// Count is how often a line is shown.
func (p *Page) Count(name, text string) int {
	p.t.Helper()
	n := 0
	for _, l := range p.Lines() {
		if l == (Line{name, text}) {
			n++
		}
	}
	return n
}

// Sees waits until a line is shown, and wants it once.
func (p *Page) Sees(name, text string) {
	p.t.Helper()
	p.Until(`(text) => [...document.querySelectorAll("#log li span")].some((e) => e.textContent === text)`, text)
	if n := p.Count(name, text); n != 1 {
		p.t.Fatalf("got %d lines of %s saying %q, want 1; the page has %q", n, name, text, p.Lines())
	}
}

// Says waits until an element shows a text.
func (p *Page) Says(selector, text string) {
	p.t.Helper()
	p.Until(`(selector, text) => document.querySelector(selector).innerText.includes(text)`, selector, text)
}

// Until waits for a JavaScript function of the arguments to be true.
func (p *Page) Until(function string, args ...any) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.PollFunction[bool](function,
		chromedp.WithPollingArgs(args...), chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(Timeout)))
	if err != nil {
		p.t.Fatalf("wait for %s of %q: %v", function, args, err)
	}
}

// Text is what an element shows.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Evaluate[string](p, `document.querySelector("`+selector+`").innerText`)
}

// Evaluate returns the value of a JavaScript expression in the page.
func Evaluate[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Timeout)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Errorf("evaluate %s: %v", expression, err)
	}
	return v
}
