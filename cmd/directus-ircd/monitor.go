package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// monitorInterval is the time between two questions while Directus answers,
	// monitorRetry while it does not.
	monitorInterval = 15 * time.Second
	monitorRetry    = 5 * time.Second
	// monitorTimeout is how long an answer may take.
	monitorTimeout = 5 * time.Second
	// monitorPatience is how many times in a row Directus must fail to answer
	// before IRC clients are told.
	monitorPatience = 2
	// monitorLimit is the age from which the last answer, or failure, is too old.
	monitorLimit = time.Minute
)

// monitor asks Directus from time to time whether it is there, and tells whoever
// wants to know.
type monitor struct {
	ping func(context.Context) error
	// changed is told, from run's goroutine, when Directus goes and comes; it
	// is there to begin with.
	changed func(available bool)
	log     zerolog.Logger
	asked   chan struct{} // closed when the first answer is in
	once    sync.Once     // closes it

	mu     sync.Mutex // a leaf lock
	err    error      // the last answer; guarded by mu
	since  time.Time  // of which answers have been like the last one; guarded by mu
	turned time.Time  // when it came; guarded by mu
}

func newMonitor(ping func(context.Context) error, changed func(bool), log zerolog.Logger) *monitor {
	return &monitor{ping: ping, changed: changed, log: log, asked: make(chan struct{}), turned: time.Now()}
}

// run asks until ctx ends. The operator is told at the start, and when something
// changes.
func (m *monitor) run(ctx context.Context) {
	failures, told := 0, false
	for first := true; ; first = false {
		err := m.ask(ctx)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		m.keep(err, first)
		if ctx.Err() != nil {
			return
		}
		wait := jitter(monitorInterval)
		if err != nil {
			failures++
			wait = jitter(monitorRetry)
		}
		switch {
		case err != nil && !told && (first || failures >= monitorPatience):
			told = true
			m.log.Warn().Err(err).Msg("directus does not answer: nobody can log in until it does")
		case err == nil && (first || told):
			told = false
			m.log.Info().Msg("directus answers")
		}
		switch {
		case err != nil && failures == monitorPatience:
			m.changed(false)
		case err == nil && failures >= monitorPatience:
			m.changed(true)
		}
		if err == nil {
			failures = 0
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// turns reports whether run goes round, as it should.
func (m *monitor) turns() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.turned) < monitorLimit
}

func (m *monitor) keep(err error, first bool) {
	m.mu.Lock()
	now := time.Now()
	if first || (err == nil) != (m.err == nil) {
		m.since = now
	}
	m.err, m.turned = err, now
	m.mu.Unlock()
	if first {
		m.once.Do(func() { close(m.asked) })
	}
}

// errNotAsked says that Directus has not been heard of yet.
var errNotAsked = errors.New("it was not asked yet")

// state is the last answer, and for how long answers have been like it. It never waits.
func (m *monitor) state() (lasts time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		return 0, errNotAsked
	}
	return time.Since(m.since), m.err
}

// jitter spreads a wait by a tenth to either side.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5)
}

func (m *monitor) ask(ctx context.Context) error {
	asking, cancel := context.WithTimeoutCause(ctx, monitorTimeout, errors.New("no answer in time"))
	defer cancel()
	return m.ping(asking)
}

// check returns the last answer; at the start it waits for the first one.
func (m *monitor) check(ctx context.Context) error {
	select {
	case <-m.asked:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}
