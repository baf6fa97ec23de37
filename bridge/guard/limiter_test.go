package guard

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge/state"

	"github.com/rs/zerolog"
)

// attack is a guard in front of what Directus counts, and the daemon can be restarted.
type attack struct {
	t     *testing.T
	dir   string
	state *state.Store
	kept  Kept
	guard *Limiter
	inRow map[string]int // wrong passwords by account, as Directus counts them
	most  map[string]int
	tries int
}

// guarded and counters stand for maxGuarded and maxCounters and are reached in a tenth of the
// time.
const guarded, counters = maxGuarded / 10, maxCounters / 10

func newAttack(t *testing.T) *attack {
	a := &attack{t: t, dir: t.TempDir(), inRow: map[string]int{}, most: map[string]int{}}
	a.start()
	t.Cleanup(func() { a.state.Close() })
	return a
}

func (a *attack) start() {
	a.state, a.kept = keptIn(a.t, a.dir)
	a.guard = NewLimiter(10, a.kept, "http://directus", time.Now)
	a.guard.ledger.rounds = 1 // how long a digest takes is not what is tested
	a.guard.most, a.guard.ledger.most = guarded, counters
}

// keptIn opens the kept logins of a directory; without a name they are in memory.
func keptIn(t *testing.T, directory string) (*state.Store, Kept) {
	t.Helper()
	var kept Kept
	s, err := state.Open(directory, func(s *state.Store) []state.Bucket {
		kept = NewKept(s)
		return kept.Buckets()
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return s, kept
}

func (a *attack) restart() {
	a.state.Close()
	a.start()
}

// try logs in as a client does, and reports whether that reached Directus.
func (a *attack) try(remote, email, password string) error {
	if err := a.guard.Refuses(remote, email, password); err != nil {
		return err
	}
	ticket, err := a.guard.Begin(remote, email, password)
	if err != nil {
		return err
	}
	if password == "right" {
		a.inRow[email] = 0
		ticket.Accepted()
		return nil
	}
	a.inRow[email]++
	a.most[email] = max(a.most[email], a.inRow[email])
	ticket.Refused()
	return nil
}

// guess tries another wrong password.
func (a *attack) guess(remote, email string) bool {
	a.tries++
	return a.try(remote, email, fmt.Sprint("guess ", a.tries)) == nil
}

// network is an address of the network of a number.
func network(i int) string { return fmt.Sprintf("10.%d.%d.1", i>>8&255, i&255) }

const victim = "owner@example.com"

// Invented addresses do not make the guard forget what Directus remembers, nor does a
// restart, and whoever has logged in before gets in all the same.
func TestGuardIsNotFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAttack(t)
		if err := a.try(network(1), "known@example.com", "right"); err != nil {
			t.Fatal(err)
		}
		for round := range 4 {
			for range 3 {
				for i := range 50 {
					a.guess(network(100+i), victim)
					a.guess(network(100+i), "known@example.com")
				}
				time.Sleep(time.Hour)
			}
			for i := range guarded + 10 {
				if !a.guess(network(1000+i), fmt.Sprintf("invented-%d-%d@example.com", round, i)) {
					t.Fatal("the flood is held up")
				}
			}
			a.restart()
			if err := a.try(network(101), "known@example.com", "right"); err != nil {
				t.Errorf("round %d: who has logged in before: %v", round, err)
			}
		}
		for email, most := range a.most {
			if most > maxFailures {
				t.Errorf("%s: %d wrong ones in a row", email, most)
			}
		}
		if n := len(a.kept.logins.All()); n > counters+2 || a.guard.ledger.counted > counters || a.guard.ledger.floor == 0 {
			t.Errorf("%d counters, floor %d", n, a.guard.ledger.floor)
		}
		if len(a.guard.accounts) > guarded || len(a.guard.addresses) > guarded {
			t.Errorf("%d accounts and %d addresses are remembered", len(a.guard.accounts), len(a.guard.addresses))
		}
	})
}

// Directus sees no more than maxFailures in a row, however long somebody tries, from however
// many networks and over however many restarts. Attempts under way count too.
func TestGuardBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAttack(t)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 60 * 24 {
			var tickets []*ticket
			for range 30 {
				a.tries++
				if ticket, err := a.guard.Begin(network(random.IntN(65536)), victim, fmt.Sprint(a.tries)); err == nil {
					tickets = append(tickets, ticket)
				}
			}
			for _, ticket := range tickets {
				a.inRow[victim]++
				if a.inRow[victim]%3 == 0 {
					ticket.Lost()
				} else {
					ticket.Refused()
				}
			}
			time.Sleep(time.Hour)
			if i%100 == 0 {
				a.restart()
			}
		}
		if n := a.inRow[victim]; n != maxFailures {
			t.Errorf("%d wrong ones in a row", n)
		}
	})
}

// An owner who has never logged in gets in within a minute with the right password, whenever
// that is and whatever a few networks guess.
func TestGuardLetsTheOwnerIn(t *testing.T) {
	for i, networks := range []int{1, 1, 3, openFailures} {
		for after := time.Duration(0); after < 48*time.Hour; after = 2*after + 7*time.Second {
			synctest.Test(t, func(t *testing.T) {
				a := newAttack(t)
				a.guard.Limit([]int{10, 1, 3, 10}[i])
				for begun := time.Now(); time.Since(begun) < after; time.Sleep(min(after, max(time.Second, after/200))) {
					for i := range networks {
						a.guess(network(i), victim)
					}
				}
				came := time.Now()
				for a.try(network(500), victim, "right") != nil {
					for i := range networks {
						a.guess(network(i), victim)
					}
					time.Sleep(time.Second)
					if time.Since(came) > time.Minute {
						t.Fatalf("%d networks, after %v: %v", networks, after, a.try(network(500), victim, "right"))
					}
				}
			})
		}
	}
}

// A remembered password gets in at once when all other attempts are used up, even from a network
// that guesses. If it was changed, it counts as one failure and is forgotten.
func TestGuardRemembersTheRightPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAttack(t)
		if err := a.try(network(1), victim, "right"); err != nil {
			t.Fatal(err)
		}
		a.restart()
		for i := range 300 {
			a.guess(network(i), victim)
			a.guess(network(1), fmt.Sprint(i, victim))
			time.Sleep(24 * time.Hour)
		}
		if n := a.inRow[victim]; n != maxFailures-reservedFailures {
			t.Errorf("%d guesses", n)
		}
		a.restart()
		if err := a.guard.Refuses(network(1), victim, "right"); err != nil {
			t.Fatal(err)
		}
		var tickets []*ticket
		for range 5 {
			if ticket, err := a.guard.Begin(network(1), victim, "right"); err == nil {
				tickets = append(tickets, ticket)
			}
		}
		if len(tickets) != reservedFailures {
			t.Errorf("%d at once", len(tickets))
		}
		tickets[0].Unknown()
		tickets[1].Lost()
		if err := a.try(network(1), victim, "right"); err != nil {
			t.Fatal(err)
		}
		if row := a.guard.ledger.of(a.guard.ledger.name(victim)); row.Failures != 0 || row.Networks != nil {
			t.Errorf("kept after a success: %+v", row)
		}
		changed, err := a.guard.Begin(network(1), victim, "right")
		if err != nil {
			t.Fatal(err)
		}
		changed.Refused()
		if row := a.guard.ledger.of(a.guard.ledger.name(victim)); row.Failures != 1 || row.Secret != nil {
			t.Errorf("kept of a password that is wrong by now: %+v", row)
		}
	})
}

// A refusal while another login is under way may have reached Directus after that: it stays
// counted.
func TestGuardCountsWhatOvertakes(t *testing.T) {
	a := newAttack(t)
	a.guess(network(1), victim)
	right, err := a.guard.Begin(network(2), victim, "right")
	if err != nil {
		t.Fatal(err)
	}
	a.guess(network(1), victim)
	a.guess(network(3), victim)
	right.Accepted()
	if row := a.guard.ledger.of(a.guard.ledger.name(victim)); row.Failures != 2 {
		t.Errorf("%d failures", row.Failures)
	}
}

// A client that goes on with a password that was changed leaves enough attempts for the
// new one, on the same network.
func TestGuardAndAnOldPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAttack(t)
		for begun := time.Now(); time.Since(begun) < 30*24*time.Hour; comesBack(begun) {
			_ = a.try(network(1), victim, "old")
		}
		if a.inRow[victim] != maxRepeats {
			t.Errorf("asked %d times", a.inRow[victim])
		}
		if err := a.try(network(1), victim, "right"); err != nil {
			t.Error(err)
		}
	})
}

// An account whose low counter was merged into the floor is still taken to have failed.
func TestLedgerFloor(t *testing.T) {
	l := newLedger(NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
	for round := range 3 {
		for i := range maxCounters {
			l.fail(fmt.Sprintf("%d of %d", i, round), false, 0)
		}
		l.fail("one more", false, 0)
		for i := range maxCounters {
			if name := fmt.Sprintf("%d of %d", i, round); l.of(name).Failures < 1 {
				t.Fatalf("%s is forgotten", name)
			}
		}
	}
	if again := newLedger(Kept{logins: l.rows, key: keyTable(l.key), store: state.InMemory(zerolog.Nop())}, "", time.Now); again.floor != l.floor || again.counted != l.counted || l.floor == 0 {
		t.Errorf("floor %d of %d, %d counters of %d", again.floor, l.floor, again.counted, l.counted)
	}
}

func keyTable(key []byte) *state.Table[[]byte] {
	t := state.NewTable[[]byte](state.InMemory(zerolog.Nop()), "key", "key")
	t.Put(keyName, key)
	return t
}

// One account has one name, however its address is written.
func TestLedgerNames(t *testing.T) {
	l := newLedger(NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
	for _, email := range []string{"Owner@Example.com", " owner@example.com", "öwnér@example.com", "o\u0308wner@example.com", "ｏwner@example.com"} {
		if l.name(email) != l.name(victim) {
			t.Errorf("%q has another name", email)
		}
	}
	if l.name("owner2@example.com") == l.name(victim) {
		t.Error("two accounts have one name")
	}
}

// Passwords beyond the bound are forgotten, the least recently used first; failures are not.
func TestLedgerIsBounded(t *testing.T) {
	l := newLedger(NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
	name := func(i int) string { return fmt.Sprintf("%032d", i) }
	for i := range maxSecrets {
		l.put(name(i), storedLogin{Secret: []byte{1}, Used: int64(i), Failures: i % 3})
	}
	l.succeed("new", 0, []byte{1})
	rows := l.rows.All()
	if l.remembered > maxSecrets || l.counted > maxCounters || rows[name(0)].Secret != nil || rows[name(maxSecrets-1)].Secret == nil || rows["new"].Secret == nil {
		t.Errorf("%d secrets, %d counters", l.remembered, l.counted)
	}
	if l.of(name(2)).Failures != 2 {
		t.Errorf("%d failures", l.of(name(2)).Failures)
	}
	if n := l.remembered + l.counted; n != len(rows) {
		t.Errorf("%d rows are taken for %d", len(rows), n)
	}
}

func BenchmarkDigest(b *testing.B) {
	l := newLedger(NewKept(state.InMemory(zerolog.Nop())), "", time.Now)
	l.rounds = digestRounds
	for b.Loop() {
		l.digest("name", "password")
	}
}

// What is written to a file is hashed slowly.
func TestDigestRounds(t *testing.T) {
	for directory, want := range map[string]int{"": 1, t.TempDir(): digestRounds} {
		state, kept := keptIn(t, directory)
		if l := newLedger(kept, "", time.Now); l.rounds != want {
			t.Errorf("%q: %d rounds", directory, l.rounds)
		}
		state.Close()
	}
}
