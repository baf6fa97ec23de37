package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// scriptedDirectus answers in turn: "+" at once, "-" with an error, "." never.
type scriptedDirectus struct {
	mu      sync.Mutex
	answers string      // guarded by mu
	asked   []time.Time // guarded by mu
}

func (d *scriptedDirectus) questions() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked)
}

func (d *scriptedDirectus) next() byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, time.Now())
	answer := d.answers[0]
	if len(d.answers) > 1 {
		d.answers = d.answers[1:]
	}
	return answer
}

func (d *scriptedDirectus) ping(ctx context.Context) error {
	switch d.next() {
	case '+':
		return nil
	case '.':
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return errors.New("connection refused")
}

type monitorCase struct {
	answers string
	changes []string
	waits   []time.Duration // about, between the questions
	log     []string
}

func TestMonitor(t *testing.T) {
	for _, test := range []monitorCase{
		{"+++", nil, []time.Duration{15 * time.Second, 15 * time.Second}, []string{"directus answers"}},
		// One failure is no outage.
		{"+-+-+", nil, []time.Duration{15 * time.Second, 5 * time.Second, 15 * time.Second, 5 * time.Second}, []string{"directus answers"}},
		{"+--+++", []string{"gone", "back"}, []time.Duration{15 * time.Second, 5 * time.Second, 5 * time.Second, 15 * time.Second, 15 * time.Second},
			[]string{"directus answers", "directus does not answer", "directus answers"}},
		{"+----+--+", []string{"gone", "back", "gone", "back"}, nil,
			[]string{"directus answers", "directus does not answer", "directus answers", "directus does not answer", "directus answers"}},
		// No answer is none, after 5 s.
		{"..+", []string{"gone", "back"}, []time.Duration{10 * time.Second, 10 * time.Second}, []string{"directus does not answer", "directus answers"}},
		{"-+", nil, []time.Duration{5 * time.Second}, []string{"directus does not answer", "directus answers"}},
		{"---", []string{"gone"}, nil, []string{"directus does not answer"}},
	} {
		t.Run(test.answers, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) { testMonitor(t, test) })
		})
	}
}

func testMonitor(t *testing.T, test monitorCase) {
	directus := &scriptedDirectus{answers: test.answers}
	questions := len(test.answers)
	var changes []string
	var log strings.Builder
	m := newMonitor(directus.ping, func(available bool) {
		changes = append(changes, map[bool]string{true: "back", false: "gone"}[available])
	}, zerolog.New(&log))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); m.run(ctx) }()
	for len(directus.questions()) < questions {
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
	}
	time.Sleep(monitorTimeout) // the last answer
	synctest.Wait()
	if got, want := m.check(ctx) == nil, strings.HasSuffix(test.answers, "+"); got != want {
		t.Errorf("ready: %v", got)
	}
	cancel()
	<-ended
	if !slices.Equal(changes, test.changes) {
		t.Errorf("changes: %v, want %v", changes, test.changes)
	}
	asked := directus.questions()
	for i, want := range test.waits {
		if got := asked[i+1].Sub(asked[i]); got < want-2*time.Second || got > want+2*time.Second {
			t.Errorf("question %d came after %v, want about %v", i+1, got, want)
		}
	}
	var told []string
	for line := range strings.Lines(log.String()) {
		_, message, _ := strings.Cut(line, `"message":"`)
		message, _, _ = strings.Cut(strings.TrimSuffix(message, "\"}\n"), ":")
		told = append(told, message)
	}
	if !slices.Equal(told, test.log) {
		t.Errorf("log: %q, want %q", told, test.log)
	}
}

func TestMonitorFirstAnswer(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		answer := make(chan error)
		m := newMonitor(func(ctx context.Context) error {
			select {
			case err := <-answer:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}, func(bool) {}, zerolog.Nop())
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); m.run(ctx) }()
		gaveUp, giveUp := context.WithCancel(ctx)
		giveUp()
		if err := m.check(gaveUp); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		checked := make(chan error, 1)
		go func() { checked <- m.check(context.Background()) }()
		synctest.Wait()
		cancel(fmt.Errorf("the end"))
		if err := <-checked; err == nil || err.Error() != "the end" {
			t.Errorf("got %v", err)
		}
		<-ended
	})
}

// IRC clients learn from the monitor whether they can log in.
func TestMonitorTellsClients(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		cfg := config.Default()
		cfg.Directus.URL = "http://directus.example.com"
		d, err := newDaemon(cfg, serveOptions{Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		d.monitor.ping = (&scriptedDirectus{answers: "+--+"}).ping
		ln := ircdtest.NewListener()
		ctx, cancel := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() { d.monitor.run(ctx) })
		ended.Go(func() {
			if err := d.server.Serve(ctx, ln, ircd.ListenOptions{}); err != nil {
				t.Error(err)
			}
		})
		c := ln.Dial(t)
		c.Send("CAP LS 302")
		c.Expect("* CAP * LS *sasl=PLAIN*")
		c.Expect("* CAP * DEL *sasl*")
		c.Expect("* CAP * NEW *sasl=PLAIN*")
		cancel()
		ended.Wait()
		if err := d.backend.Close(t.Context()); err != nil {
			t.Error(err)
		}
		d.client.Close()
	})
}
