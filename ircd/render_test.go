package ircd

import (
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/wire"
)

func renderText(m *Message, f form) []string {
	var got []string
	for _, l := range render(m, f, nil) {
		got = append(got, strings.TrimSuffix(string(wire.Append(nil, &l)), "\r\n"))
	}
	return got
}

func TestRender(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)
	berlin := time.FixedZone("CET", 3600)
	msg := func(kind Kind, text string) *Message {
		return &Message{ID: "id1", Time: at, From: testUser("bob"), Target: "#c", Kind: kind, Text: text}
	}
	today := form{zone: berlin, old: true, day: "2026-03-04"}
	later := form{zone: berlin, old: true, day: "2026-03-05"}
	for _, tc := range []struct {
		name string
		m    *Message
		f    form
		want []string
	}{
		{"live", msg(Privmsg, "hi"), form{zone: berlin}, []string{":bob!u@directus PRIVMSG #c :hi"}},
		{"notice", msg(Notice, "hi"), form{zone: berlin}, []string{":bob!u@directus NOTICE #c :hi"}},
		{"action", msg(Action, "waves"), form{zone: berlin}, []string{":bob!u@directus PRIVMSG #c :\x01ACTION waves\x01"}},
		{"today", msg(Privmsg, "hi"), today, []string{":bob!u@directus PRIVMSG #c :[06:06] hi"}},
		{"earlier", msg(Privmsg, "hi"), later, []string{":bob!u@directus PRIVMSG #c :[2026-03-04 06:06] hi"}},
		{"old action", msg(Action, "waves"), today, []string{":bob!u@directus PRIVMSG #c :\x01ACTION [06:06] waves\x01"}},
		{
			"server-time", msg(Privmsg, "hi"), form{zone: berlin, old: true, caps: capServerTime},
			[]string{"@time=2026-03-04T05:06:07.089Z :bob!u@directus PRIVMSG #c :hi"},
		},
		{
			"all tags, two lines", msg(Privmsg, "a\r\n \nb"), form{zone: berlin, caps: formCaps &^ capMultiline},
			[]string{
				"@time=2026-03-04T05:06:07.089Z;msgid=id1;account=acc-bob :bob!u@directus PRIVMSG #c :a",
				"@time=2026-03-04T05:06:07.089Z;account=acc-bob :bob!u@directus PRIVMSG #c :b",
			},
		},
		{"two actions", msg(Action, "a\nb"), form{zone: berlin}, []string{":bob!u@directus PRIVMSG #c :\x01ACTION a\x01", ":bob!u@directus PRIVMSG #c :\x01ACTION b\x01"}},
		{"nothing to show", msg(Privmsg, " \n\x00"), form{zone: berlin}, nil},
		{"forged line", msg(Privmsg, "a\r\nQUIT :x\x00\x01VERSION\x01"), form{zone: berlin}, []string{":bob!u@directus PRIVMSG #c :a", ":bob!u@directus PRIVMSG #c :QUIT :xVERSION"}},
	} {
		t.Run(tc.name, func(t *testing.T) { expectAll(t, renderText(tc.m, tc.f), tc.want) })
	}
}

// TestRenderSplit: no line is over 512 bytes with its real prefix, and nothing
// of the text is missing.
func TestRenderSplit(t *testing.T) {
	text := strings.Repeat("Grüße ✓ ", 400)
	for _, kind := range []Kind{Privmsg, Notice, Action} {
		for _, old := range []bool{false, true} {
			m := &Message{ID: "x", Time: time.Unix(0, 0), From: testUser("bob"), Target: "#messages", Kind: kind, Text: text}
			lines := renderText(m, form{zone: time.UTC, old: old})
			joined := ""
			for _, l := range lines {
				if len(l)+2 > 512 {
					t.Errorf("kind %d: %d bytes", kind, len(l)+2)
				}
				_, body, _ := strings.Cut(l, " :")
				joined += body
			}
			if n := strings.Count(joined, "Grüße"); n != 400 {
				t.Errorf("kind %d, old %v: %d of 400 words", kind, old, n)
			}
		}
	}
}

// TestRenderIsBounded: a text of half a million lines is shown up to a point.
func TestRenderIsBounded(t *testing.T) {
	for _, caps := range []capSet{0, capMultiline} {
		lines := render(&Message{From: testUser("alice"), Target: "#messages", Text: strings.Repeat("a\n", 500_000)}, form{caps: caps}, nil)
		if len(lines) > 2010 {
			t.Errorf("%d lines", len(lines))
		}
	}
}
