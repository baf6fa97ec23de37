package ircd

import (
	"testing"
	"time"

	"directus-ircd/ircd/wire"
)

func TestRenderRedaction(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, tc := range []struct {
		name string
		r    Redaction
		f    form
		want string

		reader string
	}{
		{"plain", Redaction{MsgID: "id1", From: testUser("bob"), By: testUser("bob"), Target: "#c"}, form{}, ":bob!u@directus REDACT #c id1", "alice"},
		{"all", Redaction{MsgID: "id1", Time: at, From: testUser("bob"), By: testUser("bob"), Target: "#c", Reason: "spam"}, form{caps: formCaps}, "@time=2026-03-04T05:06:07.000Z;account=acc-bob :bob!u@directus REDACT #c id1 :spam", "alice"},
		{"private", Redaction{MsgID: "id1", From: testUser("bob"), By: testUser("bob"), To: testUser("alice"), Reason: "two\nlines"}, form{}, ":bob!u@directus REDACT alice id1 :two lines", "alice"},
		{"by nobody known", Redaction{MsgID: "id1", From: testUser("bob"), Target: "#c"}, form{caps: formCaps &^ capServerTime}, ":directus!service@irc.test REDACT #c id1", "alice"},
		{"by another", Redaction{MsgID: "id1", From: testUser("bob"), By: testUser("root"), Target: "#c"}, form{caps: formCaps &^ capServerTime}, "@account=acc-root :root!u@directus REDACT #c id1", "alice"},
		{"private, by nobody known, to its author", Redaction{MsgID: "id1", From: testUser("bob"), To: testUser("alice")}, form{caps: formCaps &^ capServerTime}, ":directus!service@irc.test REDACT alice id1", "bob"},
		{"private, by nobody known, to its recipient", Redaction{MsgID: "id1", From: testUser("bob"), To: testUser("alice")}, form{caps: formCaps &^ capServerTime}, ":directus!service@irc.test REDACT bob id1", "alice"},
		{"private, by another, to its author", Redaction{MsgID: "id1", From: testUser("bob"), By: testUser("root"), To: testUser("alice")}, form{caps: formCaps &^ capServerTime}, "@account=acc-root :root!u@directus REDACT alice id1", "bob"},
		{"private, by another, to its recipient", Redaction{MsgID: "id1", From: testUser("bob"), By: testUser("root"), To: testUser("alice")}, form{}, ":root!u@directus REDACT bob id1", "alice"},
		{"private, by the recipient", Redaction{MsgID: "id1", From: testUser("bob"), By: testUser("alice"), To: testUser("alice")}, form{}, ":alice!u@directus REDACT bob id1", "bob"},
		{"private, to oneself, by nobody known", Redaction{MsgID: "id1", From: testUser("bob"), To: testUser("bob")}, form{}, ":directus!service@irc.test REDACT bob id1", "bob"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			shown := tc.r
			shown.By, shown.Target = (&Server{source: "irc.test"}).undoing(tc.r.By, tc.r.Target, tc.r.From, tc.r.To, testUser(tc.reader))
			lines := renderRedaction(&shown, tc.f)
			if got := string(wire.Append(nil, &lines[0])); len(lines) != 1 || got != tc.want+"\r\n" {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDeletionText(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, tc := range []struct {
		name string
		r    Redaction
		want string
	}{
		{"whole", Redaction{Time: at, From: testUser("alice"), By: testUser("alice"), Said: at.Add(-5*time.Minute - time.Second), Text: "beginning \x02of\x02\nit"}, `alice deleted a message from 5 minutes ago: "beginning of it"`},
		{"no text", Redaction{Time: at, From: testUser("alice"), By: testUser("alice"), Said: at.Add(-time.Minute)}, "alice deleted a message from 1 minute ago"},
		{"no time", Redaction{Time: at, From: testUser("alice"), By: testUser("alice"), Text: "secret"}, ""},
		{"reason", Redaction{Time: at, From: testUser("alice"), By: testUser("alice"), Said: at.Add(-3 * time.Hour), Reason: "spam"}, "alice deleted a message from 3 hours ago (spam)"},
		{"nobody known", Redaction{Time: at, From: testUser("alice"), Said: at.Add(-49 * time.Hour), Text: "x"}, "A message by alice from 2 days ago was deleted"},
		{"another", Redaction{Time: at, From: testUser("alice"), By: testUser("root"), Said: at.Add(-49 * time.Hour), Text: "x", Reason: "spam"}, "root deleted a message by alice from 2 days ago (spam)"},
		{"clocks differ", Redaction{Time: at, From: testUser("alice"), By: testUser("alice"), Said: at.Add(time.Second)}, "alice deleted a message from a moment ago"},
		{"seconds", Redaction{Time: at, From: testUser("alice"), By: testUser("alice"), Said: at.Add(-10 * time.Second)}, "alice deleted a message from 10 seconds ago"},
		{"a day", Redaction{Time: at, From: testUser("alice"), By: testUser("alice"), Said: at.Add(-25 * time.Hour)}, "alice deleted a message from 1 day ago"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := deletionText(&tc.r); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
