package directus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// RealtimeOptions of a Realtime.
type RealtimeOptions struct {
	// OnState is called by Run, one call at a time, when the link comes up, when it goes
	// down, and after each failed attempt to connect. It must not block.
	OnState func(State)
	// OnDemand makes Run open the first socket only when there is a Subscription, somebody
	// waits in Ready, or Want was called. Then it is kept up like any other.
	OnDemand bool
}

// State is the condition of the link.
type State struct {
	Up bool
	// Failures is the number of attempts to connect that have failed since the link
	// went down, or since Run began.
	Failures int
	// Err is why the link is down; nil while it is up and before the first
	// attempt.
	Err error
	// Since is when the link came up or went down; zero before the end of the first attempt
	// to connect, which nobody may have asked for yet: see RealtimeOptions.OnDemand.
	Since time.Time
}

// A Realtime is one socket of one account, kept up by Run. It is safe for
// concurrent use.
type Realtime struct {
	// Static after construction.
	account *Account
	opts    RealtimeOptions
	log     zerolog.Logger
	slot    chan struct{} // cap 1: held by the unanswered items request
	over    chan struct{} // closed when Run returns
	kick    chan struct{} // cap 1: filled by Retry
	wanted  chan struct{} // closed by Want

	// Owned by Run's goroutine, and by the ones that it waits for in apart.
	backoff backoff
	now     State

	mu      sync.Mutex    // guards what follows; no other lock is taken under it
	waiting int           // number of callers that wait in Ready
	link    *link         // nil while the link is down
	ready   chan struct{} // closed while the link is up, replaced when it goes down
	subs    []*Subscription
	state   State // copy of now
	why     error // why the link is down
	ended   error // what Ready returns once over is closed
	ran     bool  // Run was called
	asked   bool  // wanted is closed
}

// Realtime returns a link that is down until Run is called.
func (a *Account) Realtime(opts RealtimeOptions) *Realtime {
	r := &Realtime{
		account: a, opts: opts,
		log:    a.log,
		slot:   make(chan struct{}, 1),
		over:   make(chan struct{}),
		kick:   make(chan struct{}, 1),
		wanted: make(chan struct{}),
		ready:  make(chan struct{}),
	}
	if !opts.OnDemand {
		r.Want()
	}
	return r
}

// Want makes Run open a socket if it waits for a reason to.
func (r *Realtime) Want() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.asked {
		r.asked = true
		close(r.wanted)
	}
}

// demand waits until a socket is wanted, or the account is over, which the first attempt to
// connect finds out.
func (r *Realtime) demand(ctx context.Context) error {
	over := errand{do: func() {
		if r.account.isOver() {
			r.Want()
		}
	}}
	r.account.tell(&over)
	defer over.stop()
	defer r.account.untell(&over)
	over.ring()
	select {
	case <-r.wanted:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run waits until a socket is wanted, connects, authenticates, subscribes and reads, and does so again with
// growing pauses whenever the link goes down. It returns the error of ctx, or
// ErrLoggedOut when Directus has ended the account's session. Its goroutines
// are gone when it returns. It may be called once.
func (r *Realtime) Run(ctx context.Context) error {
	r.mu.Lock()
	again := r.ran
	r.ran = true
	r.mu.Unlock()
	if again {
		return errors.New("realtime: Run was called twice")
	}
	err := r.demand(ctx)
	if err == nil {
		r.now.Since = time.Now()
		err = r.run(ctx)
	}
	r.mu.Lock()
	r.ended = fmt.Errorf("%w: %w", ErrNotConnected, err)
	if errors.Is(err, ErrLoggedOut) {
		r.ended = err
	}
	r.mu.Unlock()
	close(r.over)
	return err
}

func (r *Realtime) run(ctx context.Context) error {
	wasUp := false
	for {
		select {
		case <-r.kick: // a Retry before this attempt has its wish
		default:
		}
		var l *link
		var err error
		apart(&r.log, func() {
			if l, err = r.connect(ctx); err == nil {
				r.setUp(l)
			}
		})
		if err == nil {
			err = r.serve(ctx, l)
			r.backoff.up(time.Since(l.opened))
			wasUp = true
		}
		apart(&r.log, func() { r.setDown(err, wasUp) })
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrLoggedOut):
			return err
		}
		delay := r.backoff.next(wasUp)
		if r.awaited() {
			delay = min(delay, awaitedDelay)
		}
		delay = max(delay, min(retryAfter(err), maxDelay))
		wasUp = false
		r.log.Debug().Stringer("delay", delay.Round(time.Millisecond)).Int("failures", r.now.Failures).Msg("realtime link waits to reconnect")
		kick := r.kick
		if retryAfter(err) > 0 {
			kick = nil // Directus itself asked to wait, so Retry must not shorten it
		}
		if err := sleep(ctx, delay, kick); err != nil {
			return err
		}
	}
}

// Retry makes Run try to connect at once if it waits to do so. Call it when there is
// reason to believe that Directus is back.
func (r *Realtime) Retry() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// setUp makes a new link available to callers, and tells OnState.
func (r *Realtime) setUp(l *link) {
	r.mu.Lock()
	r.link = l
	close(r.ready)
	r.mu.Unlock()
	r.log.Info().Int("failures", r.now.Failures).Msg("realtime link up")
	r.publish(State{Up: true, Since: time.Now()})
}

// lost withdraws a link the moment it ends, so that nobody uses it before Run has noticed.
// The goroutine that ended the link calls it.
func (r *Realtime) lost(l *link, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link == l {
		r.link, r.why = nil, err
		r.ready = make(chan struct{})
	}
}

// setDown tells subscriptions and OnState that there is no link, and why. wasUp says that
// there was one until now.
func (r *Realtime) setDown(err error, wasUp bool) {
	r.mu.Lock()
	r.why = err
	r.mu.Unlock()
	for _, s := range r.subscriptions() {
		s.linkDown()
	}
	s := State{Failures: r.now.Failures + 1, Err: err, Since: r.now.Since}
	if wasUp {
		s.Failures, s.Since = 0, time.Now()
	}
	if !errors.Is(err, context.Canceled) {
		level := zerolog.InfoLevel
		if s.Failures > 1 {
			level = zerolog.DebugLevel // every user would repeat it at each attempt
		}
		r.log.WithLevel(level).Err(err).Int("failures", s.Failures).Msg("realtime link down")
	}
	r.publish(s)
}

func (r *Realtime) publish(s State) {
	r.now = s
	r.mu.Lock()
	r.state = s
	r.mu.Unlock()
	if r.opts.OnState != nil {
		r.opts.OnState(s)
	}
}

// State is the present condition of the link.
func (r *Realtime) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// awaited reports whether somebody waits in Ready.
func (r *Realtime) awaited() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting > 0
}

// await adds n to the number of callers that wait in Ready.
func (r *Realtime) await(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting += n
}

// Ready waits until the link is up and authenticated. While somebody waits, Run tries to
// connect at short intervals. See also RealtimeOptions.OnDemand. The error is that of ctx, ErrLoggedOut if the account is
// over, or ErrNotConnected if Run has returned for another reason.
func (r *Realtime) Ready(ctx context.Context) error {
	r.Want()
	r.await(1)
	defer r.await(-1)
	for {
		r.mu.Lock()
		ready, up := r.ready, r.link != nil
		r.mu.Unlock()
		if up {
			return nil
		}
		r.Retry()
		select {
		case <-ready:
		case <-r.over:
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.ended
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Subscribe asks for events of a collection until Subscription.Close, over this link and
// all that follow it. It does not wait for Directus. Directus does not refuse a user who
// may not read the collection: a gap then comes in place of each event. So read the
// collection first.
func (r *Realtime) Subscribe(collection string, q SubscriptionQuery) *Subscription {
	s := newSubscription(r, collection, q)
	r.Want()
	r.mu.Lock()
	r.subs = append(r.subs, s)
	l := r.link
	r.mu.Unlock()
	if l != nil {
		l.subscribing.ring()
	}
	return s
}

// unsubscribe is the second half of Subscription.Close.
func (r *Realtime) unsubscribe(s *Subscription) {
	r.mu.Lock()
	r.subs = slices.DeleteFunc(r.subs, func(other *Subscription) bool { return other == s })
	l := r.link
	r.mu.Unlock()
	if l != nil {
		l.subscribing.ring()
	}
}

// subscriptions returns a copy of the list of open subscriptions.
func (r *Realtime) subscriptions() []*Subscription {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.subs)
}

// current returns the link that is up, or nil and the reason why there is none.
func (r *Realtime) current() (*link, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link != nil {
		return r.link, nil
	}
	return nil, r.why
}
