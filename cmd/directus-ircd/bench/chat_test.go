package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

const (
	channel    = "#messages"
	collection = "messages"
)

// chat is a Directus with people in it.
type chat interface {
	address() string
	// people returns the static tokens of n different users.
	people(n int) []string
	// post stores messages of somebody else, in one request, and returns when they are stored.
	post(texts ...string)
}

// realChat is a real Directus.
type realChat struct {
	*directustest.Server
	tb     testing.TB
	writer directustest.User
	tokens []string // of the users there are so far
}

func newRealChat(tb testing.TB) *realChat {
	tb.Helper()
	s := directustest.Start(tb, directustest.DefaultHashes())
	c := &realChat{Server: s, tb: tb, writer: s.CreateUser("Wanda", "Writer")}
	for range 100 {
		c.post("Node.js has to warm up")
	}
	return c
}

func (c *realChat) address() string { return c.URL }

func (c *realChat) post(texts ...string) {
	items := make([]map[string]any, len(texts))
	for i, text := range texts {
		items[i] = map[string]any{"text": text}
	}
	if err := c.Account(c.writer).Do(context.Background(), http.MethodPost, "/items/"+collection, nil, items, nil); err != nil {
		c.tb.Fatal(err)
	}
}

// people makes many users at once. They have no password, which would cost a tenth of a second each.
func (c *realChat) people(n int) []string {
	const together = 100
	for len(c.tokens) < n {
		var users []map[string]any
		for range min(together, n-len(c.tokens)) {
			i := len(c.tokens)
			c.tokens = append(c.tokens, fmt.Sprintf("token-of-the-reader-%d", i))
			users = append(users, map[string]any{
				"email": fmt.Sprintf("reader%d@example.com", i), "first_name": fmt.Sprintf("Reader%d", i), "token": c.tokens[i],
				"role": setup.RoleID, "status": "active",
			})
		}
		c.Do(http.MethodPost, "/users", nil, users, nil)
	}
	return c.tokens[:n]
}
