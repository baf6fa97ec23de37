package ircd

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/wire"
)

func TestRenderReply(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	quote := func(age time.Duration, text string) *Quote {
		return &Quote{Nick: "alice", Text: text, Time: at.Add(-age)}
	}
	reply := func(kind Kind, q *Quote, text string) *Message {
		return &Message{ID: "id2", Time: at, From: testUser("bob"), Target: "#c", Kind: kind, Text: text, ReplyTo: "id1", Quote: q}
	}
	edit := func(q *Quote, text string) *Message {
		m := reply(Privmsg, q, text)
		m.ReplyTo, m.Edits, m.By = "", "id0", m.From
		return m
	}
	plain, tags := form{zone: time.UTC}, form{zone: time.UTC, caps: capMessageTags}
	blind := tags
	blind.blind = true
	old := form{zone: time.UTC, old: true, day: "2026-03-04"}
	const (
		young = 4 * time.Minute
		aged  = 5 * time.Minute
		say   = ":bob!u@directus PRIVMSG #c :"
		ref   = "@msgid=id2;+reply=id1;+draft/reply=id1 "
	)
	for _, tc := range []struct {
		name string
		m    *Message
		f    form
		want []string
	}{
		{"with tags", reply(Privmsg, quote(aged, "hello"), "yes"), tags, []string{ref + say + "yes"}},
		{"with tags, on the first line", reply(Privmsg, nil, "yes\nno"), tags, []string{ref + say + "yes", say + "no"}},
		{"with tags, and no use for these", reply(Privmsg, quote(young, "hello"), "yes"), form{zone: time.UTC, caps: capMessageTags, blind: true, plain: true}, []string{"@msgid=id2 " + say + "alice: yes"}},
		{"nothing is known", reply(Privmsg, nil, "yes"), plain, []string{say + "yes"}},
		{"young", reply(Privmsg, quote(young, "hello"), "yes\nno"), plain, []string{say + "alice: yes", say + "no"}},
		{"young, behind blank lines", reply(Privmsg, quote(young, "hello"), "\n\nyes"), plain, []string{say + "alice: yes"}},
		{"young, addressed", reply(Privmsg, quote(young, "hello"), "Alice, yes"), plain, []string{say + "Alice, yes"}},
		{"young, mentioned", reply(Privmsg, quote(young, "hello"), "@alice yes"), plain, []string{say + "@alice yes"}},
		{"young, somebody else", reply(Privmsg, quote(young, "hello"), "alice2: yes"), plain, []string{say + "alice: alice2: yes"}},
		{"young, the nick alone", reply(Privmsg, quote(young, "hello"), "alice"), plain, []string{say + "alice"}},
		{"aged", reply(Privmsg, quote(aged, "hello"), "alice: yes"), plain, []string{say + "> <alice> hello", say + "alice: yes"}},
		{
			"aged, long, of several lines", reply(Privmsg, quote(aged, "a \x02bold\x02 word\n"+strings.Repeat("ö", 60)), "yes"), plain,
			[]string{say + "> <alice> a bold word " + strings.Repeat("ö", 24) + "…", say + "yes"},
		},
		{"aged, without words", reply(Privmsg, quote(aged, " "), "yes"), plain, []string{say + "alice: yes"}},
		{"aged notice", reply(Notice, quote(aged, "hello"), "yes"), plain, []string{":bob!u@directus NOTICE #c :> <alice> hello", ":bob!u@directus NOTICE #c :yes"}},
		{"action", reply(Action, quote(young, "hello"), "nods"), plain, []string{say + "\x01ACTION alice: nods\x01"}},
		{"old", reply(Privmsg, quote(young, "hello"), "yes"), old, []string{say + "[05:06] alice: yes"}},
		{"nothing to show", reply(Privmsg, quote(young, "hello"), " \n"), plain, nil},
		{"blind, young", reply(Privmsg, quote(young, "hello"), "yes"), blind, []string{ref + say + "alice: yes"}},
		{"blind, aged", reply(Privmsg, quote(aged, "hello"), "yes\nno"), blind, []string{say + "> <alice> hello", ref + say + "yes", say + "no"}},
		{"edit", edit(nil, "[edited] s/a/b/"), plain, []string{say + "[edited] s/a/b/"}},
		{"edit, of just now", edit(quote(time.Second, ""), "[edited] s/a/b/"), plain, []string{say + "[edited] s/a/b/"}},
		{"edit, aged", edit(quote(aged, ""), "[edited] s/a/b/"), plain, []string{say + `[edited] (from 5 minutes ago) s/a/b/`}},
		{"edit, with words", edit(quote(0, "we \x02meet …"), "[edited] … noon"), plain, []string{say + `[edited] ("we meet …") … noon`}},
		{"edit, with all", edit(quote(aged, "we …"), "[edited] <bob> … noon"), plain, []string{say + `[edited] (from 5 minutes ago: "we …") <bob> … noon`}},
		{"edit, saying its words", edit(quote(aged, "we meet …"), "[edited] <bob> we meet\nat noon"), plain,
			[]string{say + `[edited] (from 5 minutes ago) <bob> we meet`, say + "at noon"}},
		{"edit with tags", edit(quote(aged, "we …"), "[edited] s/a/b/"), tags, []string{"@msgid=id2;+reply=id0;+draft/reply=id0 " + say + "[edited] s/a/b/"}},
		{"edit, blind", edit(quote(aged, "we …"), "[edited] s/a/b/"), blind,
			[]string{"@msgid=id2;+reply=id0;+draft/reply=id0 " + say + `[edited] (from 5 minutes ago: "we …") s/a/b/`}},
	} {
		t.Run(tc.name, func(t *testing.T) { expectAll(t, renderText(tc.m, tc.f), tc.want) })
	}
}

// What is put before a text leaves the rest of the line to it.
func TestPrefixesAreCounted(t *testing.T) {
	text := strings.Repeat("Grüße ✓ ", 200)
	for _, age := range []time.Duration{0, time.Hour} {
		for _, kind := range []Kind{Privmsg, Notice, Action} {
			m := &Message{
				ID: "x", Time: time.Unix(0, 0), From: testUser("bob"), Target: "#messages", Kind: kind, Text: text,
				ReplyTo: "y", Quote: &Quote{Nick: "a-long-nick-of-thirty-letters-", Text: text, Time: time.Unix(0, 0).Add(-age)},
			}
			said := 0
			for _, l := range renderText(m, form{zone: time.UTC, old: true}) {
				if len(l) > wire.MaxBody {
					t.Errorf("%d bytes: %q", len(l), l)
				}
				said += strings.Count(l, "Grüße")
			}
			if want := 200 + int(age/time.Hour)*5; said != want {
				t.Errorf("kind %d, age %v: %d of %d words", kind, age, said, want)
			}
		}
	}
}
