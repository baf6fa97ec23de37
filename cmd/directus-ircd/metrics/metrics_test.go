package metrics

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
)

func valueOf(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// TestPanicsAreCounted: by the log, in which every package that recovers a panic writes the same.
func TestPanicsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Build{})
		log := zerolog.New(zerolog.NewTestWriter(t)).Hook(m)
		log.Error().Msg("no panic")
		if err := ircd.Recover(&log, func() error { panic("one") }); !errors.Is(err, ircd.ErrPanic) {
			t.Error(err)
		}
		if n := valueOf(t, m.panics); n != 1 {
			t.Errorf("%v panics are counted", n)
		}

		fake := directustest.NewFake(t, directustest.FakeOptions{})
		fake.AddUser(directustest.FakeUser{Email: "kevin@example.com", Password: "secret"})
		var once sync.Once
		client := directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: log, Answered: func(asked directus.Operation, _ directus.Outcome, _ time.Duration) {
			if asked == "subscribe" {
				once.Do(func() { panic("two") })
			}
		}})
		t.Cleanup(client.Close)
		account, err := client.Login(t.Context(), "kevin@example.com", "secret", "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		link := account.Realtime(directus.RealtimeOptions{})
		ended := make(chan error, 1)
		go func() { ended <- link.Run(ctx) }()
		messages := link.Subscribe("messages", directus.SubscriptionQuery{})
		time.Sleep(time.Minute)
		if !messages.Active() {
			t.Error("the link has not been replaced")
		}
		if n := valueOf(t, m.panics); n != 2 {
			t.Errorf("%v panics are counted", n)
		}
		if n := valueOf(t, m.errors); n != 3 {
			t.Errorf("%v errors are counted", n)
		}
		stop()
		<-ended
	})
}

// BenchmarkObserve is what it costs to measure one delivery, with every core at it.
func BenchmarkObserve(b *testing.B) {
	var delivered prometheus.Observer = New(Build{}).Delivered
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			delivered.Observe(.012)
		}
	})
}
