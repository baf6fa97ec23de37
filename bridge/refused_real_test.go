package bridge_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
	"directus-ircd/ircd/ircdtest"
)

// What Directus refuses without an answer over the socket is refused within some
// seconds, with the reason that it gives over REST, and nothing else suffers from it:
// with something that makes a message known, and without.
func TestRealRefusals(t *testing.T) {
	dx := ownServer(t, directustest.Setup(setup.Options{Edit: true}))
	dx.Do(http.MethodPost, "/fields/"+dx.Collection, nil, map[string]any{"field": "ticket", "type": "string", "schema": map[string]any{"is_unique": true}}, nil)
	dx.Do(http.MethodPatch, "/fields/"+dx.Collection+"/text", nil, map[string]any{"meta": map[string]any{
		"validation": map[string]any{"_and": []any{map[string]any{"text": map[string]any{"_ncontains": "forbidden"}}}},
	}}, nil)
	var flow struct{ ID string }
	dx.Do(http.MethodPost, "/flows", nil, map[string]any{"name": "throws", "status": "active", "trigger": "event", "options": map[string]any{
		"type": "filter", "scope": []string{"items.create", "items.update"}, "collections": []string{dx.Collection}, "return": "$last",
	}}, &flow)
	var run struct{ ID string }
	dx.Do(http.MethodPost, "/operations", nil, map[string]any{"flow": flow.ID, "key": "run", "name": "run", "type": "exec", "position_x": 1, "position_y": 1,
		"options": map[string]any{"code": `module.exports = async function(data) { if (JSON.stringify(data.$trigger.payload).includes("poison")) { throw new Error("no"); } return data.$trigger.payload; }`}}, &run)
	dx.Do(http.MethodPatch, "/flows/"+flow.ID, nil, map[string]any{"operation": run.ID}, nil)

	marked, plain := messages(dx.Collection), messages(dx.Collection)
	marked.Corrections, plain.Name, plain.Fields.Nonce = true, "#plain", ""
	s := start(t, dx, nil, marked, plain)
	ada := dx.CreateUser("Ada", "")
	c := s.modern(ada.Email, ada.Password, "#messages", "#plain")
	for _, target := range []string{"#messages", "#plain"} {
		for text, reason := range map[string]string{"forbidden words": "Validation failed", "poison": "A Flow or a rule of the database"} {
			begin := time.Now()
			c.Send("PRIVMSG "+target+" :"+text, "PING :alive")
			refusal, pong := "* 404 * "+target+" :Not sent:*", "* PONG *alive"
			line := c.Expect(refusal, pong)
			if ircdtest.Match(pong, line) { // which does not wait for long
				line, pong = c.Expect(refusal), ""
			}
			t.Logf("%s %s after %v: %s", target, text, time.Since(begin), line)
			if !strings.Contains(strings.ToLower(line), strings.ToLower(reason)) {
				t.Errorf("%s: the sender is told %q", target, line)
			}
			if pong != "" {
				c.Expect(pong)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("%s, %s: it took %v", target, text, took)
			}
			c.Send("PRIVMSG " + target + " :after it")
			c.Expect("* PRIVMSG " + target + " :after it")
		}
	}
	c.Send("PRIVMSG #messages :some words")
	c.Expect("* PRIVMSG #messages :some words")
	for change, reason := range map[string]string{"s/some/forbidden/": "Validation failed", "s/some/poison/": "a Flow or a rule of the database"} {
		c.Send("PRIVMSG #messages :" + change)
		line := c.Expect("* 404 * #messages :Not corrected:*")
		if !strings.Contains(line, reason) {
			t.Errorf("%s: told %q", change, line)
		}
	}
}
