package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// Directus compares neither uuids nor texts by anything but equality: many rows of
// one date, an import for example, and many authors are read all the same, however
// few it gives at once.
func TestManyOfOneDate(t *testing.T) {
	for _, limit := range []int{0, 1, 7} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChatAt(t, directustest.FakeOptions{QueryLimitMax: limit}, nil, messages("letters"))
				c.fake.AddCollection("letters", directustest.FakeCollection{Fields: []string{"text", "nonce"}, UUIDKey: true})
				authors := make([]string, 9)
				for i := range authors {
					authors[i] = c.person(fmt.Sprint("author", i))
				}
				total := 130
				if limit == 1 {
					total = 20
				}
				c.fake.Insert("letters", authors[0], map[string]any{"text": "old"})
				a := c.visit("ada", "#messages")
				c.fake.Down()
				date := time.Now().Add(time.Second).UTC().Format("2006-01-02T15:04:05.000Z")
				for i := range total {
					c.fake.Insert("letters", authors[i%9], map[string]any{"text": fmt.Sprint("line ", i), "date_created": date})
				}
				time.Sleep(5 * time.Second)
				c.fake.Up()
				time.Sleep(time.Minute)
				got := map[string]bool{}
				events, err := a.poll()
				if err != nil {
					t.Fatal(err)
				}
				for _, ev := range events {
					if m, ok := ev.(*ircd.Message); ok {
						if got[m.Text] {
							t.Errorf("%s twice", m.Text)
						}
						got[m.Text] = true
					}
				}
				if len(got) != total {
					t.Errorf("%d of %d messages", len(got), total)
				}
				if b := c.visit("bob", "#messages"); len(b.backlog) != min(50, total+1) {
					t.Errorf("%d messages of backlog", len(b.backlog))
				}
			})
		})
	}
}
