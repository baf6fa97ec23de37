package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A change of very many messages is told in a few lines, whether Directus tells of them
// at once or one by one, and each later change is told by itself again.
func TestManyEditsAtOnce(t *testing.T) {
	for name, pause := range map[string]time.Duration{"at once": 0, "one by one": 5 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				a := c.visit("ada", "#messages")
				var ids []string
				for i := range 200 {
					ids = append(ids, c.write("message %d", i))
				}
				a.news()
				for i, id := range ids {
					c.fake.Update("messages", id, map[string]any{"text": fmt.Sprintf("message %d, tidied", i)})
					time.Sleep(pause)
				}
				lines := a.later(time.Minute)
				if len(lines) > 40 {
					t.Errorf("%d lines", len(lines))
				}
				if told := editsTold(lines); told != len(ids) {
					t.Errorf("%d of %d edits are told of in %q", told, len(ids), lines)
				}
				c.fake.Update("messages", ids[150], map[string]any{"text": "message 150, once more"})
				same(t, a.later(time.Minute), "*[edited]*once more*")
			})
		})
	}
}

// editsTold is how many edits lines tell of, one by one or counted.
func editsTold(lines []string) (told int) {
	for _, l := range lines {
		i := strings.Index(l, "Text:")
		if i < 0 {
			told++
			continue
		}
		var more int
		if n, _ := fmt.Sscanf(l[i:], "Text:%d more messages were edited", &more); n == 1 {
			told += more
		}
	}
	return told
}

// What is said and what is done with the same words differs.
func TestEditOfKind(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, nil)
		a := c.visit("ada", "#messages")
		id := c.write("/me waved")
		a.news()
		c.fake.Update("messages", id, map[string]any{"text": "waved"})
		same(t, a.later(time.Minute), "*[edited] <walt> waved")
		c.fake.Update("messages", id, map[string]any{"text": "/me waved"})
		same(t, a.later(time.Minute), "*[edited] <walt> waved")
		b := c.visit("bob", "#messages") // who has it from the backlog
		c.fake.Update("messages", id, map[string]any{"text": "waved"})
		same(t, b.later(time.Minute), "*[edited] <walt> waved")
	})
}

// That Directus is back is told before what was missed.
func TestBackBeforeWhatWasMissed(t *testing.T) {
	for _, missed := range []int{1, 2, 150} {
		t.Run(fmt.Sprint(missed), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				c := newChat(t, nil)
				people := []*visitor{c.visit("ada", "#messages"), c.visit("bob", "#messages")}
				c.fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict {
					return directustest.RESTVerdict{Status: 500, Code: "INTERNAL_SERVER_ERROR"}
				})
				c.fake.Cut()
				for range missed {
					for _, v := range people {
						v.later(30 * time.Second) // among them that Directus is gone
					}
					c.write("missed")
				}
				c.fake.OnREST(nil)
				for _, v := range people {
					var lines []string
					for range 1200 {
						lines = append(lines, v.later(100*time.Millisecond)...)
					}
					back := false
					for _, l := range lines {
						back = back || strings.Contains(l, "is back")
						if strings.HasSuffix(l, "missed") && !back {
							t.Errorf("not announced: %q", lines)
							break
						}
					}
					if !back {
						t.Errorf("not told: %q", lines)
					}
				}
			})
		})
	}
}
