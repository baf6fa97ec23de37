package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// addDated makes a table with a date of some type.
func addDated(dx *directustest.Server, name, kind string, special ...string) {
	field := func(name, kind string, special ...string) map[string]any {
		return map[string]any{"field": name, "type": kind, "meta": map[string]any{"special": special}, "schema": map[string]any{}}
	}
	id := field("id", "integer")
	id["schema"] = map[string]any{"is_primary_key": true, "has_auto_increment": true}
	if kind == "dateTime" && len(special) > 0 { // one of the two is enough for keys that Directus does not compare
		id = field("id", "uuid", "uuid")
		id["schema"] = map[string]any{"is_primary_key": true, "length": 36, "has_auto_increment": false}
	}
	dx.Do("POST", "/collections", nil, map[string]any{"collection": name, "meta": map[string]any{}, "schema": map[string]any{}, "fields": []any{
		id, field("user_created", "uuid", "user-created"), field("date_created", kind, special...),
		field("text", "text"), field("room", "string"), field("status", "string"),
	}}, nil)
}

// History on a real Directus is what a list in memory would give.
func TestRealHistory(t *testing.T) {
	dx := directustest.Shared(t)
	for kind, given := range map[string]time.Duration{"timestamp": time.Millisecond, "dateTime": time.Second} {
		t.Run(kind, func(t *testing.T) {
			table := "past_" + strings.ToLower(kind)
			addDated(dx, table, kind)
			if dx.Database() == directustest.MariaDB { // which keeps no fractions
				given = time.Second
			}
			stored, step := "2006-01-02T15:04:05.000Z", time.Millisecond
			if kind == "dateTime" { // stored with a fraction that is not given
				stored, step = "2006-01-02T15:04:05.000", 300*time.Millisecond
			}
			rows := draw(40, stored, given, step, func(item map[string]any) string {
				var made struct {
					ID json.Number `json:"id"`
				}
				dx.Do("POST", "/items/"+table, nil, item, &made)
				return made.ID.String()
			})
			for _, r := range rows {
				if r.gone {
					dx.Do("DELETE", "/items/"+table+"/"+r.id, nil, nil, nil)
				}
			}
			base, err := url.Parse(dx.URL)
			if err != nil {
				t.Fatal(err)
			}
			b, err := bridge.New(bridge.Options{
				Client: directus.New(base, directus.Options{}), Channels: []collection.Config{pastChannel(table)},
				NickFields: []string{"first_name"}, Logger: logger(t),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close(context.Background())
			s, err := full(b.Login(t.Context(), ircd.Credentials{Secret: directustest.AdminToken}))
			if err != nil {
				t.Fatal(err)
			}
			defer closeSession(t, s)
			p := newPast(rows, given == time.Second)
			begin := time.Now()
			queries := sample(p.questions(9), 4)
			p.check(t, s, queries)
			t.Logf("%d queries in %v", len(queries), time.Since(begin))
		})
	}
}

var timeTag = regexp.MustCompile(`\btime=([^;\s]+)`)

// A client that knows nothing but times begins at its JOIN and finds each message
// once, backwards, whatever the dates are; what comes then is new. A field of type
// dateTime is given in whole seconds and stored in more: many items within one
// second must not make the backlog and the catch-up go round in circles.
func TestRealPagingByTime(t *testing.T) {
	dx := directustest.Shared(t)
	for _, kind := range []string{"timestamp", "dateTime"} {
		t.Run(kind, func(t *testing.T) {
			const total = 250
			table := "paged_" + strings.ToLower(kind)
			addDated(dx, table, kind, "date-created")
			var items []map[string]any // in one request: many have one date
			for i := range total {
				items = append(items, map[string]any{"text": fmt.Sprint("line ", i), "room": "a"})
			}
			dx.Do("POST", "/items/"+table, nil, items, nil)
			s := start(t, dx, nil, pastChannel(table))
			c := ircdtest.Dial(t, s.address)
			c.LoginSASL("x", "token", directustest.AdminToken, "server-time", "message-tags", "batch", "draft/chathistory")
			c.Send("JOIN #messages")
			at := timeTag.FindStringSubmatch(c.Expect("@* JOIN :#messages"))[1]
			c.Expect("* 366 *")
			begin := time.Now()
			seen := map[string]bool{}
			for pages := 0; ; pages++ {
				if pages > total {
					t.Fatal("no end")
				}
				c.Send("CHATHISTORY BEFORE #messages timestamp=" + at + " 40")
				c.Expect("* BATCH +* chathistory #messages")
				n := 0
				for line := c.ExpectNext("*"); !strings.Contains(line, " BATCH -"); line = c.ExpectNext("*") {
					_, text, _ := strings.Cut(line, " PRIVMSG #messages :")
					if seen[text] {
						t.Errorf("%s twice", text)
					}
					if seen[text] = true; n == 0 {
						at = timeTag.FindStringSubmatch(line)[1]
					}
					n++
				}
				if n == 0 {
					break
				}
			}
			if len(seen) != total {
				t.Errorf("%d of %d", len(seen), total)
			}
			t.Logf("paged in %v", time.Since(begin))
			plain := ircdtest.Dial(t, s.address)
			plain.LoginPass("x", directustest.AdminToken)
			plain.Send("JOIN #messages")
			plain.Expect("* PRIVMSG #messages :*line *")
			dx.Do("POST", "/items/"+table, nil, map[string]any{"text": "live", "room": "a"}, nil)
			plain.Expect("* PRIVMSG #messages :live")
			c.Expect("@* PRIVMSG #messages :live")
		})
	}
}
