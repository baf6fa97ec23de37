package check

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"directus-ircd/directus"
)

const (
	// manySessions is how many realtime sessions check opens. A proxy that deals them out at
	// random sends all of them to the same one of two processes once in 32 times.
	manySessions = 6
	// sessionAttempts is how often check tries to open a session.
	sessionAttempts = 3
	// eventPatience is how long check waits for the event of a message on all sessions. It
	// comes within milliseconds, or seconds where hundreds of sessions get it one by one.
	eventPatience = 10 * time.Second
)

// shareRedis is what to do about processes of Directus that do not tell each other what happens.
const shareRedis = "let all processes of Directus share one Redis: set REDIS (or REDIS_HOST and its like) in the environment of each to the same address, and restart them"

// sessions opens realtime sessions, which shows whether WebSockets reach Directus and how
// many of them it admits. The caller closes them.
func (p *prober) sessions(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	p.close = func() {
		cancel()
		running.Wait()
	}
	for n := range manySessions {
		link, err := p.openOne(ctx, &running)
		switch {
		case err == nil:
			p.open = append(p.open, link)
			if n%2 == 1 {
				// A session takes two requests. A proxy that deals requests out in turn would
				// give all upgrades to the same one of two processes.
				_ = p.client.Ping(ctx)
			}
		case errors.Is(err, directus.ErrUpgradeRefused):
			p.miss("raise WEBSOCKETS_REST_CONN_LIMIT in the environment of Directus, or remove it, and restart Directus: everybody who is connected takes a session. On Directus 12 look at the state of the licence, too",
				"Directus refuses the %s realtime session: %v", ordinal(n+1), err)
			return
		case n == 0:
			p.miss("make the proxy in front of Directus pass on WebSocket upgrades", "no realtime session opens: %v", err)
			return
		default:
			p.note("run check again, and look in the log of Directus and of the proxy in front of it", "the %s realtime session did not open: %v", ordinal(n+1), err)
			return
		}
	}
	p.ok("a realtime session opens, and %d at the same time", manySessions)
}

// openOne opens a realtime session, whose goroutine is counted in running.
func (p *prober) openOne(ctx context.Context, running *sync.WaitGroup) (*directus.Realtime, error) {
	ctx, end := context.WithCancel(ctx)
	failed := make(chan error, 1) // the last failure
	link := p.account.Realtime(directus.RealtimeOptions{OnState: func(s directus.State) {
		if s.Err == nil || errors.Is(s.Err, context.Canceled) {
			return
		}
		select {
		case <-failed:
		default:
		}
		failed <- s.Err // has room: only the goroutine of Run sends
		if s.Failures >= sessionAttempts || errors.Is(s.Err, directus.ErrUpgradeRefused) {
			end()
		}
	}})
	running.Go(func() { _ = link.Run(ctx) })
	opening, cancel := context.WithTimeout(ctx, 2*directus.DefaultTimeout)
	defer cancel()
	err := link.Ready(opening)
	if err == nil {
		return link, nil
	}
	end()
	select {
	case err = <-failed:
	default:
	}
	return nil, err
}

// A witness is the subscription of one session to the messages of a channel. Where several
// processes of Directus run behind a proxy, the sessions are spread over them.
type witness struct {
	*directus.Subscription
	saw, blind bool // the event came; it cannot be said whether it came
}

// witnesses subscribes on all sessions, and returns those that Directus confirms.
func (p *prober) witnesses(ctx context.Context, collection, key string) (all []*witness) {
	ctx, cancel := context.WithTimeout(ctx, directus.DefaultTimeout)
	defer cancel()
	for _, link := range p.open {
		w := &witness{Subscription: link.Subscribe(collection, directus.SubscriptionQuery{Fields: []string{key}})}
		for !w.Active() && w.Err() == nil && ctx.Err() == nil {
			select {
			case <-w.Wake():
			case <-ctx.Done():
			}
		}
		if w.Drain(); w.Active() {
			all = append(all, w)
		} else {
			w.Close()
		}
	}
	return all
}

// wait waits until the event of the item has come, or ctx ends.
func (w *witness) wait(ctx context.Context, field, key string) {
	for {
		events, gap := w.Drain()
		w.saw = w.saw || created(events, field, key)
		w.blind = w.blind || gap
		if w.saw || w.blind {
			return
		}
		select {
		case <-w.Wake():
		case <-ctx.Done():
			w.blind = !w.Active()
			return
		}
	}
}

// created reports whether the item is among the events.
func created(events []directus.Event, field, key string) bool {
	for _, e := range events {
		for _, raw := range e.Items {
			var item map[string]json.RawMessage
			var text string
			if json.Unmarshal(raw, &item) != nil {
				continue
			}
			if json.Unmarshal(item[field], &text) != nil {
				text = string(item[field])
			}
			if text == key {
				return true
			}
		}
	}
	return false
}

// testify compares what the sessions saw of a message that was sent to a channel.
func (p *prober) testify(ctx context.Context, where, field, key string, witnesses []*witness) {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	saw, missed := 0, 0
	for _, w := range witnesses {
		w.wait(ctx, field, key)
		w.Close()
		switch {
		case w.saw:
			saw++
		case !w.blind:
			missed++
		}
	}
	switch {
	case saw > 0 && missed > 0:
		p.miss(shareRedis+". Until then messages show up late", "%s: %d of %d realtime sessions did not get the event of a message: several processes of Directus run there and do not tell each other", where, missed, saw+missed)
	case missed > 0:
		p.miss("if several processes of Directus run behind a proxy: "+shareRedis, "%s: none of %d realtime sessions got the event of a message that was sent", where, missed)
	case saw > 0:
		p.ok("%s: %d realtime sessions got the event of the message", where, saw)
	}
}

// ordinal is "first", "second" and so on.
func ordinal(n int) string {
	return [...]string{"first", "second", "third", "fourth", "fifth", "sixth"}[n-1]
}
