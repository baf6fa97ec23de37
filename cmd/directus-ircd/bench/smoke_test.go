package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
)

// TestBenchmarks runs what the benchmarks run, with few clients and without a real Directus, so that none falls into
// decay. It says nothing about speed.
func TestBenchmarks(t *testing.T) {
	for name, run := range map[string]func(testing.TB) metrics{
		"LastReader": func(tb testing.TB) metrics { return lastReader(tb, newFakeChat(tb), 2, 2) },
		"SteadyRate": func(tb testing.TB) metrics { return steadyRate(tb, newFakeChat(tb), 2, 2, 5, 2) },
		"Login":      func(tb testing.TB) metrics { return login(tb, newFakeChat(tb), 2, 2) },
		"History":    func(tb testing.TB) metrics { return history(tb, newFakeChat(tb), 12, 6, 5, 1) },
		"Stream": func(tb testing.TB) metrics {
			return stream(tb, func(c chat) []string { return slices.Repeat(c.people(1), 2) }, 1, 10)
		},
		"Join":    func(tb testing.TB) metrics { return joins(tb, 2) },
		"Line":    func(tb testing.TB) metrics { return line(tb, 2, false, 2, 2, time.Millisecond) },
		"LineTLS": func(tb testing.TB) metrics { return line(tb, 2, true, 2, 2, time.Millisecond) },
		"Rooms": func(tb testing.TB) metrics {
			return rooms(tb, size{rooms: 4, users: 2, each: 2}, 1, 8, 20*time.Millisecond)
		},
		"ManyRooms": func(tb testing.TB) metrics { return manyRooms(tb, 20, 2, 20*time.Millisecond) },
		"Memory": func(tb testing.TB) metrics {
			c := newFastChat(tb)
			return memory(tb, startDaemon(tb, c.address()), ircReader, c.people(2), 20*time.Millisecond)
		},
		"MemoryTLS": func(tb testing.TB) metrics {
			c := newFastChat(tb)
			return memory(tb, builds()[0].startSecure(tb, c.address()), secureReader, c.people(2), 20*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) { t.Log(run(t)) })
	}
}

// fakeChat stands in for a real Directus.
type fakeChat struct {
	*directustest.Fake
	url, writer string
	tokens      []string // of the users there are so far
}

func newFakeChat(tb testing.TB) *fakeChat {
	tb.Helper()
	f := directustest.NewFake(tb, directustest.FakeOptions{})
	return &fakeChat{Fake: f, url: f.Listen().String(), writer: f.AddUser(directustest.FakeUser{FirstName: "Wanda"})}
}

func (c *fakeChat) address() string { return c.url }

func (c *fakeChat) post(texts ...string) {
	for _, text := range texts {
		c.Insert(collection, c.writer, map[string]any{"text": text})
	}
}

func (c *fakeChat) people(n int) []string {
	for i := len(c.tokens); i < n; i++ {
		c.tokens = append(c.tokens, fmt.Sprintf("token-of-the-reader-%d", i))
		c.AddUser(directustest.FakeUser{FirstName: fmt.Sprintf("Reader%d", i), Token: c.tokens[i]})
	}
	return c.tokens[:n]
}
