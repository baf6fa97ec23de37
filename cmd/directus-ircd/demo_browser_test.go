package main

import (
	"context"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// pageTimeout bounds each wait for something to show in the page.
const pageTimeout = 30 * time.Second

// chromium starts a headless browser that ends with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium in PATH: install chromium (Debian: apt-get install chromium), this test drives the chat page in it")
	}
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(900, 700))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
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

// chatPage is the page in a tab of its own, as the person in front of it sees it.
type chatPage struct {
	t   *testing.T
	ctx context.Context
}

// openPage opens the page and fails the test for any script error in it.
func openPage(t *testing.T, browser context.Context, address string) *chatPage {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &chatPage{t: t, ctx: ctx}
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
			t.Logf("the page shows: %s", p.text("body"))
		}
		cancel()
		wg.Wait()
	})
	p.do(chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS("#email")))
	return p
}

func (p *chatPage) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("drive the page: %v", err)
	}
}

func (p *chatPage) submit(email, password string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#login").reset()`),
		chromedp.SendKeys(chromedp.CSS("#email"), email), chromedp.SendKeys(chromedp.CSS("#password"), password+"\r"))
}

func (p *chatPage) login(email, password string) {
	p.t.Helper()
	p.submit(email, password)
	p.connected()
}

func (p *chatPage) connected() { p.t.Helper(); p.do(chromedp.WaitVisible(chromedp.CSS("#status.up"))) }

func (p *chatPage) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// say types a text without line breaks and sends it with Enter.
func (p *chatPage) say(text string) {
	p.t.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS("#text"), text+"\r"))
}

// chatLine is a line of the page.
type chatLine struct{ Name, Text string }

func (p *chatPage) lines() []chatLine {
	p.t.Helper()
	return evaluate[[]chatLine](p, `[...document.querySelectorAll("#log li")].map(
		(li) => ({Name: li.querySelector("b").textContent, Text: li.querySelector("span").textContent}))`)
}

// count is how often a line is shown.
func (p *chatPage) count(line chatLine) int {
	p.t.Helper()
	n := 0
	for _, l := range p.lines() {
		if l == line {
			n++
		}
	}
	return n
}

// sees waits until a line is shown, and wants it once.
func (p *chatPage) sees(name, text string) {
	p.t.Helper()
	p.until(`(text) => [...document.querySelectorAll("#log li span")].some((e) => e.textContent === text)`, text)
	if n := p.count(chatLine{name, text}); n != 1 {
		p.t.Fatalf("got %d lines of %s saying %q, want 1; the page has %q", n, name, text, p.lines())
	}
}

// says waits until an element shows a text.
func (p *chatPage) says(selector, text string) {
	p.t.Helper()
	p.until(`(selector, text) => document.querySelector(selector).innerText.includes(text)`, selector, text)
}

// until waits for a JavaScript function of the arguments to be true.
func (p *chatPage) until(function string, args ...any) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.PollFunction[bool](function,
		chromedp.WithPollingArgs(args...), chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(pageTimeout)))
	if err != nil {
		p.t.Fatalf("wait for %s of %q: %v", function, args, err)
	}
}

func (p *chatPage) text(selector string) string {
	p.t.Helper()
	return evaluate[string](p, `document.querySelector("`+selector+`").innerText`)
}

func evaluate[T any](p *chatPage, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTimeout)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Errorf("evaluate %s: %v", expression, err)
	}
	return v
}
