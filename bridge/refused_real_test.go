package bridge_test

import (
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
	dx.Refuse(dx.Collection)
	for name, key := range map[string]map[string]any{"ledger": directustest.Key("id", "integer"), "handmade": directustest.Key("id", "string")} {
		dx.AddCollection(name, key, directustest.Field("text", "text"), directustest.Special("user-created", directustest.Field("user_created", "uuid")),
			directustest.Special("date-created", directustest.Field("date_created", "timestamp")))
		dx.Grant(name, "read", "create")
	}
	dx.AddField("ledger", directustest.Field("must", "string", map[string]any{"is_nullable": false}))
	marked, plain := messages(dx.Collection), messages(dx.Collection)
	marked.Corrections, plain.Name, plain.Fields.Nonce = true, "#plain", ""
	ledger, handmade := messages("ledger"), messages("handmade")
	ledger.Name, ledger.Fields.Nonce, handmade.Name, handmade.Fields.Nonce = "#ledger", "", "#handmade", ""
	s := start(t, dx, nil, marked, plain, ledger, handmade)
	ada := dx.CreateUser("Ada", "")
	c := s.modern(ada.Email, ada.Password, "#messages", "#plain", "#ledger", "#handmade")
	for target, reason := range map[string]string{"#ledger": `field "must". Value is required`, "#handmade": `field "id". Value is required`} {
		begin := time.Now()
		c.Send("PRIVMSG " + target + " :some words")
		if line := c.Expect("* 404 * " + target + " :Not sent:*"); !strings.Contains(line, reason) || time.Since(begin) > 5*time.Second {
			t.Errorf("%s after %v: %s", target, time.Since(begin), line)
		}
	}
	for _, target := range []string{"#messages", "#plain"} {
		for text, reason := range map[string]string{directustest.InvalidWord + " words": "Validation failed", directustest.ThrowingWord: "A Flow or a rule of the database"} {
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
	for change, reason := range map[string]string{"s/some/" + directustest.InvalidWord + "/": "Validation failed", "s/some/" + directustest.ThrowingWord + "/": "a Flow or a rule of the database"} {
		c.Send("PRIVMSG #messages :" + change)
		line := c.Expect("* 404 * #messages :Not corrected:*")
		if !strings.Contains(line, reason) {
			t.Errorf("%s: told %q", change, line)
		}
	}
	c.Send("PRIVMSG #messages :not for long")
	msgid := tagOf(c.Expect("* PRIVMSG #messages :not for long"), "msgid")
	c.Send("REDACT #messages " + msgid)
	if line := c.Expect("* FAIL REDACT *"); !strings.Contains(line, "REDACT_FORBIDDEN") || !strings.Contains(line, "a Flow or a rule of the database") {
		t.Errorf("REDACT: told %q", line)
	}
}
