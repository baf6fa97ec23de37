package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// pulsePeriod is the time between two signs of life.
	pulsePeriod = time.Second
	// pulseLimit is the age from which the last one is too old.
	pulseLimit = 10 * time.Second
)

var errStuck = errors.New("the daemon is stuck")

// pulse shows that the daemon makes progress: once a second it passes through what
// everything else has to pass as well, such as the locks of the packages. If one of
// them were never released, nothing else might notice.
type pulse struct {
	steps []func() bool // each passes through something, and may report that it is stuck
	last  atomic.Int64  // nanoseconds since start, which a change of the clock does not move
	start time.Time
}

func newPulse(steps ...func() bool) *pulse { return &pulse{steps: steps, start: time.Now()} }

func (p *pulse) run(ctx context.Context) {
	beat := time.NewTicker(pulsePeriod)
	defer beat.Stop()
	for {
		if !slices.ContainsFunc(p.steps, func(step func() bool) bool { return !step() }) {
			p.last.Store(int64(time.Since(p.start)))
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return
		}
	}
}

// check is nil as long as the daemon lives. It never waits.
func (p *pulse) check() error {
	if time.Since(p.start)-time.Duration(p.last.Load()) > pulseLimit {
		return errStuck
	}
	return nil
}
