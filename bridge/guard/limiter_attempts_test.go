package guard

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/state"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

func reason(err error) string {
	var le *ircd.LoginError
	if !errors.As(err, &le) {
		return "ok"
	}
	return [...]string{"rejected", "unavailable", "otp", "limited"}[le.Reason]
}

// comesBack is how long a refused client waits: a minute each time during the first day, then an
// hour.
func comesBack(begun time.Time) {
	if time.Since(begun) < 24*time.Hour {
		time.Sleep(time.Minute)
	} else {
		time.Sleep(time.Hour)
	}
}

func TestGuardAsksOnceAboutAWrongPassword(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		g := NewLimiter(10, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
		asked := 0
		for begun := time.Now(); time.Since(begun) < 60*24*time.Hour; comesBack(begun) {
			ticket, err := g.Begin("192.0.2.1", "Kevin@example.com", "wrong")
			if err == nil {
				asked++
				ticket.Refused()
			} else if reason(err) != "rejected" {
				t.Fatal(err)
			}
		}
		if asked > maxFailures {
			t.Errorf("Directus was asked %d times about one wrong password", asked)
		}
	})
}

// A client that repeats one wrong password, as Halloy does, costs its owner neither the account
// nor a pause: Directus is asked again ever more rarely, and the right password is let through.
func TestGuardForgivesOneMistake(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		g := NewLimiter(10, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
		asked := 0
		for range 720 {
			if ticket, err := g.Begin("192.0.2.1", "kevin@example.com", "mistyped"); err == nil {
				asked++
				ticket.Refused()
			} else if reason(err) != "rejected" {
				t.Fatal(err)
			}
			if asked == 1 && g.Refuses("192.0.2.1", "kevin@example.com", "right") != nil {
				t.Fatal("the right password has to wait")
			}
			time.Sleep(5 * time.Second)
		}
		if asked > 4 { // at once, and after 5, 15 and 35 minutes
			t.Errorf("Directus was asked %d times in an hour", asked)
		}
		ticket, err := g.Begin("192.0.2.1", "kevin@example.com", "right")
		if err != nil {
			t.Fatal(err)
		}
		ticket.Accepted()
	})
}

func TestGuardStopsGuessing(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		g := NewLimiter(10, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
		asked := 0
		for i := range 3 * 3600 {
			ticket, err := g.Begin(fmt.Sprintf("192.0.2.%d", i%200), "kevin@example.com", fmt.Sprint(i))
			if err == nil {
				asked++
				ticket.Refused()
			} else if reason(err) != "limited" {
				t.Fatal(err)
			}
			if i == 10 && asked > 12 {
				t.Errorf("%d attempts in ten seconds", asked)
			}
			time.Sleep(time.Second)
		}
		for range 30 * 24 { // and for a month, some at once
			time.Sleep(time.Hour)
			var tickets []*ticket
			for i := range 5 {
				if ticket, err := g.Begin("192.0.2.1", "kevin@example.com", fmt.Sprint(time.Now(), i)); err == nil {
					tickets = append(tickets, ticket)
				}
			}
			asked += len(tickets)
			for _, ticket := range tickets {
				ticket.Refused()
			}
		}
		if asked > 25 {
			t.Errorf("%d guesses reached Directus, which suspends the account at the 26th", asked)
		}
	})
}

func TestGuardKnowsTheRightPassword(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		g := NewLimiter(10, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
		for range 1000 {
			ticket, err := g.Begin("2001:db8::1", "kevin@example.com", "right")
			if err != nil {
				t.Fatalf("a right password is limited: %v", err)
			}
			ticket.Accepted()
		}
		ticket, err := g.Begin("", "kevin@example.com", "wrong")
		if err != nil {
			t.Fatal(err)
		}
		ticket.Refused()
		if _, err := g.Begin("", "kevin@example.com", "wrong"); reason(err) != "rejected" {
			t.Errorf("asked again: %v", err)
		}
		ticket, err = g.Begin("", "kevin@example.com", "right")
		if err != nil {
			t.Fatal(err)
		}
		ticket.Accepted()
		if _, err := g.Begin("", "kevin@example.com", "wrong"); reason(err) != "rejected" {
			t.Errorf("asked again because the right one was used: %v", err)
		}
		// Whoever guesses does not keep out who knows the password.
		for i := range 50 {
			if ticket, err := g.Begin("192.0.2.1", "kevin@example.com", fmt.Sprint(i)); err == nil {
				ticket.Refused()
			}
		}
		ticket, err = g.Begin("192.0.2.1", "kevin@example.com", "right")
		if err != nil {
			t.Fatalf("kept out: %v", err)
		}
		// Until it is changed: then it is a wrong password like any other.
		ticket.Refused()
		if _, err := g.Begin("", "kevin@example.com", "right"); reason(err) != "limited" {
			t.Errorf("the changed password: %v", err)
		}
	})
}

// An account that was suspended lets its clients in as soon as it is restored, though
// they have all been refused with the right password.
func TestGuardAndSuspension(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		g := NewLimiter(10, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
		begin := func() *ticket {
			t.Helper()
			ticket, err := g.Begin("", "kevin@example.com", "right")
			if err != nil {
				t.Fatal(err)
			}
			return ticket
		}
		begin().Accepted()
		for _, ticket := range []*ticket{begin(), begin(), begin()} {
			ticket.Refused()
		}
		begin().Accepted()
	})
}

// If all connections of a user come back at once with a password that was changed meanwhile, so
// few of them reach Directus that it does not suspend the account.
func TestGuardKnowsAChangedPassword(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		g := NewLimiter(10, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
		asked := 0
		come := func(n int) (tickets []*ticket) {
			for range n {
				if ticket, err := g.Begin("", "kevin@example.com", "right"); err == nil {
					tickets = append(tickets, ticket)
				}
			}
			asked += len(tickets)
			return tickets
		}
		for _, ticket := range come(100) {
			ticket.Accepted()
		}
		waves := [][]*ticket{come(100), come(100)}
		asked = 0
		for _, ticket := range slices.Concat(waves...) {
			asked++
			ticket.Refused()
		}
		for range 100 { // and again whenever they may
			for _, ticket := range come(100) {
				ticket.Refused()
			}
			time.Sleep(time.Hour)
		}
		if asked > 25 {
			t.Errorf("Directus was asked %d times about one wrong password", asked)
		}
	})
}

func TestGuardCountsPendingAndNetworks(t *testing.T) {
	g := NewLimiter(3, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
	for i := range 3 {
		if _, err := g.Begin(fmt.Sprintf("2001:db8::%d", i), "", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.Begin("2001:db8::ffff", "", "x"); reason(err) != "limited" {
		t.Errorf("a fourth attempt of one network at a time: %v", err)
	}
	if _, err := g.Begin("2001:db8:1::1", "", "x"); err != nil {
		t.Errorf("another network: %v", err)
	}
	if _, err := NewLimiter(0, NewKept(state.InMemory(zerolog.Nop())), "", time.Now).Begin("192.0.2.1", "a@b.c", "x"); err != nil {
		t.Errorf("no limit: %v", err)
	}
}

// A changed limit also holds for addresses and accounts that are known already.
func TestGuardLimitChanges(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		guesses := 0
		fail := func(g *Limiter, n int) (asked int) {
			for range n {
				guesses++
				ticket, err := g.Begin("192.0.2.1", "kevin@example.com", fmt.Sprint(guesses))
				if err == nil {
					asked++
					ticket.Refused()
				}
			}
			return asked
		}
		g := NewLimiter(0, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
		fail(g, 1)
		if g.Limit(3); fail(g, 10) != 3 {
			t.Error("who came before has no limit")
		}
		if g.Limit(0); fail(g, 5) != 5 {
			t.Error("who came before has the limit that is gone")
		}
		g.Limit(2)
		g.Limit(2)
		if fail(g, 10) != 2 {
			t.Error("another limit than the last")
		}
		g.Limit(2)
		if fail(g, 10) != 0 {
			t.Error("the same limit lets in anew")
		}
	})
}

func TestGuardIsBounded(t *testing.T) {
	g := NewLimiter(10, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
	before := heap()
	for i := range 2 * maxGuarded {
		ticket, err := g.Begin(fmt.Sprintf("192.%d.%d.%d", i>>16, i>>8&255, i&255), fmt.Sprintf("user%d@example.com", i), "x")
		if err != nil {
			t.Fatal(err)
		}
		ticket.Refused()
		if ticket, err = g.Begin("", "", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		ticket.Accepted()
	}
	if len(g.accounts) > maxGuarded || len(g.addresses) > maxGuarded {
		t.Errorf("%d accounts and %d addresses are remembered", len(g.accounts), len(g.addresses))
	}
	if grown := heap() - before; grown > 20<<20 {
		t.Errorf("%d kB are kept", grown>>10)
	}
	runtime.KeepAlive(g)
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// An address that keeps failing is admitted less and less often, and told when.
func TestGuardDelayGrows(t *testing.T) {
	for name, begin := range map[string]func(g *Limiter, i int) (*ticket, error){
		"from your address": func(g *Limiter, i int) (*ticket, error) {
			return g.Begin("192.0.2.1", fmt.Sprintf("user%d@example.com", i), "x")
		},
		"to this account": func(g *Limiter, i int) (*ticket, error) {
			return g.Begin("", "kevin@example.com", fmt.Sprint(i))
		},
	} {
		ircdtest.Bubble(t, func(t *testing.T) {
			const perMinute = 2
			g := NewLimiter(perMinute, NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
			tries := 0
			pause := func(want time.Duration) {
				t.Helper()
				for range perMinute {
					ticket, err := begin(g, tries)
					if err != nil {
						t.Fatalf("%s: a failure too few: %v", name, err)
					}
					tries++
					ticket.Refused()
				}
				_, err := begin(g, tries)
				if err == nil || reason(err) != "limited" || err.Error() != "Too many failed logins "+name+". Try again in "+want.String() {
					t.Errorf("%s: got %v, want %v", name, err, want)
				}
				time.Sleep(want)
			}
			for _, want := range []time.Duration{1, 2, 4, 8, 15, 15} {
				if name == "to this account" && want == 15 {
					break // maxFailures is near, which has a pause of its own
				}
				pause(want * time.Minute)
			}
			time.Sleep(maxDelay + time.Second)
			pause(firstDelay)
		})
	}
}
