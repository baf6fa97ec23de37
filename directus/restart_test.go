package directus_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"directus-ircd/directus"
)

// Directus is killed in mid-stream: what was sent then is surely not stored or
// in doubt, the link comes back by itself and reports a gap, and the collection
// then holds everything that was confirmed.
func TestKillAndRestart(t *testing.T) {
	everywhere(t, setting{own: true}, func(t *testing.T, w world) {
		kevin, stuart := w.person("Kevin"), w.person("Stuart")
		a := enter(t, w, kevin)
		l := run(t, a)
		tl := follow(t, l.Realtime, "messages")
		tl.active()
		must(t, create(t, l.Realtime, "before"))
		tl.until("echo", func() bool { return len(tl.events) == 1 })
		w.kill()
		for l.State().Up {
			<-time.After(10 * time.Millisecond)
		}
		if err := create(t, l.Realtime, "meanwhile"); !errors.Is(err, directus.ErrNotConnected) {
			t.Errorf("while it is down: %v", err)
		}
		if _, err := w.client().Login(t.Context(), kevin.email, kevin.password, ""); !errors.Is(err, directus.ErrUnavailable) {
			t.Errorf("login while it is down: %v", err)
		}
		w.restart()
		w.post(stuart, "missed")
		tl.until("gap", func() bool { return tl.gaps == 2 && tl.sub.Active() })
		must(t, create(t, l.Realtime, "after"))
		tl.until("echo", func() bool { return slices.Contains(tl.texts(), "after") })
		var items []struct{ Text string }
		must(t, a.Items(t.Context(), "messages", directus.Query{Fields: []string{"text"}, Sort: []string{"id"}}, &items))
		var got []string
		for _, it := range items {
			got = append(got, it.Text)
		}
		if want := []string{"before", "missed", "after"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Over many lifetimes of an access token of three seconds nothing is lost: what
// no event brought, the reading after a gap does. Where nothing else takes the
// processor's time there is no gap either, and one socket does for all.
func TestShortLivedTokens(t *testing.T) {
	everywhere(t, setting{own: true, ttl: 3 * time.Second}, func(t *testing.T, w world) {
		kevin, stuart := w.person("Kevin"), w.person("Stuart")
		a := enter(t, w, kevin)
		l := run(t, a)
		tl := follow(t, l.Realtime, "messages")
		tl.active()
		var want []string
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for _, text := range numbered(150) {
			<-tick.C
			w.post(stuart, text)
			want = append(want, text)
			if len(want)%10 == 0 {
				text = "by kevin " + text
				createSurely(t, l, text)
				want = append(want, text)
			}
		}
		seen, gaps := map[string]bool{}, tl.gaps
		tl.until("all messages", func() bool {
			if tl.gaps > gaps {
				gaps = tl.gaps
				var items []json.RawMessage
				must(t, a.Items(t.Context(), "messages", directus.Query{Fields: []string{"text"}, Limit: -1}, &items))
				tl.events = append(tl.events, directus.Event{Kind: directus.EventCreate, Items: items})
			}
			for _, text := range tl.texts() {
				seen[text] = true
			}
			return len(seen) == len(want)
		})
		if got := w.texts(); !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
		if _, fake := w.(*fakeWorld); fake && gaps != 1 {
			t.Errorf("%d gaps; states %+v", gaps, l.history())
		}
	})
}

// createSurely repeats a create only as long as it was surely not sent.
func createSurely(t *testing.T, l *live, text string) {
	t.Helper()
	for {
		l.up()
		err := create(t, l.Realtime, text)
		if errors.Is(err, directus.ErrNotConnected) {
			continue
		}
		must(t, err)
		return
	}
}

// Run ends when its context does, and runs once.
func TestRunEndsWithItsContext(t *testing.T) {
	everywhere(t, setting{}, func(t *testing.T, w world) {
		a := enter(t, w, w.person("Kevin"))
		ctx, cancel := context.WithCancel(t.Context())
		r := a.Realtime(directus.RealtimeOptions{})
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		must(t, r.Ready(t.Context()))
		if err := r.Run(ctx); err == nil {
			t.Error("a second Run was accepted")
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		must(t, a.Logout(t.Context()))
	})
}
