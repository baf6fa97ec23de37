package ircd

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// TestRenderedOnce: a message for many clients is rendered once for each set of
// capabilities that changes its lines, also if every session has a copy of its
// own; and each client still gets its own tags.
func TestRenderedOnce(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.send = func(f *fakeSession, out Outgoing) (*Message, error) {
			m := &Message{From: f.user, Target: out.Target, Text: out.Text, ReplyTo: "r", Quote: &Quote{Nick: "bob", Text: "said", Time: time.Now()}}
			chat.deliver(f, m)
			own, quote := *m, *m.Quote
			own.Quote = &quote
			return &own, nil
		}
		s := newTestServer(t, chat, nil)
		sets := [][]string{
			nil, {"multi-prefix"}, {"server-time"}, {"server-time", "away-notify"},
			{"server-time", "message-tags", "setname"}, {"server-time", "message-tags", "setname", "account-tag"},
			{"server-time", "message-tags", "setname", "batch", "draft/multiline"},
		}
		const forms = 5
		var all []*ircdtest.Client
		for range 5 {
			for _, caps := range sets {
				all = append(all, s.inChannel("bob", "#messages", caps...))
			}
		}
		sender := s.inChannel("alice", "#messages", "server-time", "message-tags", "echo-message", "labeled-response", "batch")
		for _, text := range []string{"one", "two\nlines"} {
			before := s.messages.rendered.Load()
			if strings.Contains(text, "\n") {
				chat.deliver(nil, &Message{From: testUser("alice"), Target: "#messages", Text: text})
			} else {
				sender.Send("@label=x PRIVMSG #messages :" + text)
				sender.Expect("@label=x;time=*;msgid=m1*;+reply=r;+draft/reply=r :alice!u@directus PRIVMSG #messages :one")
			}
			for _, c := range all {
				for _, line := range strings.Split(text, "\n") {
					c.Expect(":alice!u@directus PRIVMSG #messages :*" + line)
				}
				c.Refute("* PRIVMSG *")
			}
			want := int64(forms)
			if text == "one" {
				want++ // the sender's client shows what a message refers to, and no other does
			}
			if n := s.messages.rendered.Load() - before; n != want {
				t.Errorf("%q was rendered %d times for %d forms", text, n, want)
			}
		}
		before := s.presence.rendered.Load()
		sender.Send("PART #messages :bye")
		for _, c := range all {
			c.Expect(":alice!u@directus PART #messages :bye")
		}
		if n := s.presence.rendered.Load() - before; n != forms {
			t.Errorf("PART was rendered %d times for %d forms", n, forms)
		}
	})
}

// TestRenderCacheBounds: the cache forgets the oldest, by number and by size.
func TestRenderCacheBounds(t *testing.T) {
	rc := newRenderCache(heldText)
	show := func(id, text string) {
		m := Message{ID: id, From: testUser("bob"), Target: "#c", Text: text}
		r := rc.get(m, form{}, func() *rendering { return newRendering(render(&m, form{}, nil)) })
		if got := len(r.lines); got != max(len(text)/400, 1) && len(text) < 1000 {
			t.Errorf("%d lines", got)
		}
		size := 0
		for _, e := range rc.known {
			size += e.size
		}
		if len(rc.known) > maxRenderings || len(rc.known) > 1 && rc.size > maxRenderedSize || size != rc.size || len(rc.order) != len(rc.known) {
			t.Fatalf("%d entries of %d bytes (%d), %d in order", len(rc.known), rc.size, size, len(rc.order))
		}
	}
	for i := range 3 * maxRenderings {
		show(fmt.Sprint(i), "hello")
	}
	if len(rc.known) != maxRenderings {
		t.Errorf("%d of %d are kept", len(rc.known), maxRenderings)
	}
	before := rc.rendered.Load()
	show(fmt.Sprint(3*maxRenderings-1), "hello")
	if rc.rendered.Load() != before {
		t.Error("the latest is not kept")
	}
	for i := range 8 {
		show(fmt.Sprint("long", i), strings.Repeat("word ", maxRenderedSize/5/3))
	}
	show("huge", strings.Repeat("word ", maxRenderedSize))
	show("after", "hello")
	if rc.size == 0 || rc.size > 1000 {
		t.Errorf("%d bytes behind one that is too large to be kept", rc.size)
	}
}

func heldText(m Message) int { return len(m.Text) }

// TestRenderCacheHolds: a long text of which little is shown counts whole, for it
// is kept with what is shown.
func TestRenderCacheHolds(t *testing.T) {
	rc := newRenderCache(heldText)
	for i := range 8 {
		m := Message{ID: fmt.Sprint(i), From: testUser("bob"), Target: "#c", Text: strings.Repeat("\n", maxRenderedSize/3) + "x"}
		rc.get(m, form{}, func() *rendering { return newRendering(render(&m, form{}, nil)) })
	}
	if len(rc.known) != 2 {
		t.Errorf("%d are kept", len(rc.known))
	}
	// One as long as they get is rendered once for each of some forms.
	m := Message{ID: "long", From: testUser("bob"), Target: "#c", Text: strings.Repeat("word ", 200_000)}
	before := rc.rendered.Load()
	for i := range 9 {
		f := form{caps: []capSet{0, capMessageTags, capMultiline}[i%3]}
		rc.get(m, f, func() *rendering { return newRendering(render(&m, f, nil)) })
	}
	if n := rc.rendered.Load() - before; n != 3 {
		t.Errorf("rendered %d times", n)
	}
}

// TestRenderCacheKeepsQueued: what waits for a client is in memory anyway, and serves the
// next one who is shown it, as long as it waits.
func TestRenderCacheKeepsQueued(t *testing.T) {
	rc := newRenderCache(heldText)
	get := func(i int) *rendering {
		m := Message{ID: fmt.Sprint(i), From: testUser("bob"), Target: "#c", Text: strings.Repeat("word ", longText/5)}
		return rc.get(m, form{}, func() *rendering { return newRendering(render(&m, form{}, nil)) })
	}
	const texts = 40
	var queues [texts]*sendQueue
	for i := range texts {
		queues[i] = newSendQueue(0, &buffers{}, func() {})
		queues[i].tryShare(get(i))
	}
	if rc.size < 2*maxRenderedSize {
		t.Fatalf("%d bytes are not too many", rc.size)
	}
	before := rc.rendered.Load()
	for i := range texts {
		get(i)
	}
	if n := rc.rendered.Load() - before; n != 0 {
		t.Errorf("%d are there twice", n)
	}
	for i, q := range queues {
		lines, _ := q.take(nil)
		if i%2 == 0 {
			q.take(lines)
		} else {
			q.drop()
		}
	}
	if get(texts); rc.size > maxRenderedSize {
		t.Errorf("%d bytes are kept for nobody", rc.size)
	}
}

// TestRenderCacheParallel: one rendering serves all who ask at once, and one that
// fails fails for all.
func TestRenderCacheParallel(t *testing.T) {
	rc := newRenderCache(heldText)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 100 {
				m := Message{ID: fmt.Sprint(n), From: testUser("bob"), Target: "#c", Text: "x"}
				f := form{old: i%2 == 0, zone: time.UTC}
				if r := rc.get(m, f, func() *rendering { return newRendering(render(&m, f, nil)) }); len(r.lines) != 1 {
					t.Errorf("%d lines", len(r.lines))
				}
			}
		})
	}
	all.Wait()
	broken := func() (ok bool) {
		defer func() { ok = recover() == nil }()
		rc.get(Message{ID: "broken"}, form{}, func() *rendering { panic("broken") })
		return
	}
	for range 2 { // the second finds what the first has left
		if broken() {
			t.Error("a rendering that panics is returned")
		}
	}
}

// TestRenderMemo: what the memo says is what was kept for that message and form,
// also when two messages want one place in it.
func TestRenderMemo(t *testing.T) {
	memo := renderMemo{seed: maphash.MakeSeed()}
	at := time.Now()
	forms := []form{{}, {caps: capServerTime, zone: time.UTC}, {old: true, zone: time.UTC, day: "2026-01-02"}}
	for n := range 2 * memoSize {
		m := &Message{ID: fmt.Sprint(n), Time: at.Add(time.Duration(n/2) * time.Microsecond), From: testUser("bob"), Target: "#c", Text: fmt.Sprint("text ", n)}
		for _, f := range forms {
			if memo.find(m, f) != nil {
				t.Error("a rendering was found that was never made")
			}
			r := newRendering(render(m, f, nil))
			memo.keep(m, f, r)
			if memo.find(m, f) != r {
				t.Error("it was forgotten at once")
			}
		}
	}
	long := &Message{Time: at, Text: strings.Repeat("x", maxMemoText+1)}
	if memo.keep(long, form{}, newRendering(render(long, form{}, nil))); memo.find(long, form{}) != nil {
		t.Error("a text is kept that is too long for that")
	}
}
