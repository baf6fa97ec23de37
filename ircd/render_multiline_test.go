package ircd

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/wire"
)

func TestRenderMultiline(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)
	msg := func(kind Kind, text string) *Message {
		return &Message{ID: "id1", Time: at, From: testUser("bob"), Target: "#c", Kind: kind, Text: text}
	}
	old := form{zone: time.UTC, caps: capMultiline, old: true, day: "2026-03-04"}
	plain := form{zone: time.UTC, caps: capMultiline}
	ref := multilineRef(msg(Privmsg, ""))
	const tags = "time=2026-03-04T05:06:07.089Z;msgid=id1;account=acc-bob"
	for _, tc := range []struct {
		name string
		m    *Message
		f    form
		want []string
	}{
		{"one line", msg(Privmsg, "hi"), plain, []string{":bob!u@directus PRIVMSG #c :hi"}},
		{"one line and blank ones", msg(Privmsg, "hi\n \n\n"), plain, []string{":bob!u@directus PRIVMSG #c :hi"}},
		{
			"all tags", msg(Privmsg, "a\n\n  b\n"), form{zone: time.UTC, caps: formCaps},
			[]string{
				"@" + tags + " :bob!u@directus BATCH +" + ref + " draft/multiline #c",
				"@batch=" + ref + " :bob!u@directus PRIVMSG #c :a",
				"@batch=" + ref + " :bob!u@directus PRIVMSG #c :",
				"@batch=" + ref + " :bob!u@directus PRIVMSG #c :  b",
				":bob!u@directus BATCH -" + ref,
			},
		},
		{
			"a blank line first", msg(Notice, "\nb"), plain,
			[]string{
				":bob!u@directus BATCH +" + ref + " draft/multiline #c",
				"@batch=" + ref + " :bob!u@directus NOTICE #c :",
				"@batch=" + ref + " :bob!u@directus NOTICE #c :b",
				":bob!u@directus BATCH -" + ref,
			},
		},
		{
			"the time stands once", msg(Privmsg, "a\nb"), old,
			[]string{
				":bob!u@directus BATCH +" + ref + " draft/multiline #c",
				"@batch=" + ref + " :bob!u@directus PRIVMSG #c :[05:06] a",
				"@batch=" + ref + " :bob!u@directus PRIVMSG #c :b",
				":bob!u@directus BATCH -" + ref,
			},
		},
		{"an action is none", msg(Action, "a\n\nb"), plain, []string{":bob!u@directus PRIVMSG #c :\x01ACTION a\x01", ":bob!u@directus PRIVMSG #c :\x01ACTION b\x01"}},
		{
			"a long line", msg(Privmsg, strings.Repeat("abcdefg ", 70)), plain,
			[]string{
				":bob!u@directus BATCH +" + ref + " draft/multiline #c",
				"@batch=" + ref + " :bob!u@directus PRIVMSG #c :" + strings.Repeat("abcdefg ", 60),
				"@batch=" + ref + ";draft/multiline-concat :bob!u@directus PRIVMSG #c :" + strings.Repeat("abcdefg ", 10),
				":bob!u@directus BATCH -" + ref,
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) { expectAll(t, renderText(tc.m, tc.f), tc.want) })
	}
}

// Two messages of one history are in batches of different names, and one message
// is in the same batch for everybody.
func TestMultilineRef(t *testing.T) {
	a, b := &Message{ID: "1", Target: "#c"}, &Message{ID: "2", Target: "#c"}
	if multilineRef(a) == multilineRef(b) {
		t.Error("one name for two messages")
	}
	if ref := multilineRef(a); ref != multilineRef(&Message{ID: "1", Target: "#c"}) || !wire.IsReftag(ref) {
		t.Errorf("ref %q", ref)
	}
}

// What the lines of a batch say when they are put together is the text, with
// every prefix counted: none is over 512 bytes.
func FuzzRenderMultiline(f *testing.F) {
	f.Add("a\n\nb", "bob", true)
	f.Add(strings.Repeat("Grüße ✓ ", 300)+"\n"+strings.Repeat("x", 2000), "a-long-nick-of-thirty-letters-", false)
	f.Add(strings.Repeat("\x0304,05\x02a\u0301", 200)+"\u2028\r\n👩‍👩‍👧\n ", "b", true)
	f.Add(strings.Repeat(" ", 1000)+"x", "b", false)
	f.Fuzz(func(t *testing.T, text, nick string, old bool) {
		if !wire.IsNick(nick) {
			nick = "bob"
		}
		m := &Message{ID: "1", Time: time.Unix(0, 0), From: testUser(nick), Target: "#messages", Text: text, ReplyTo: "2", Quote: &Quote{Nick: "alice", Text: "first"}}
		lines := render(m, form{zone: time.UTC, caps: capMultiline, old: old}, nil)
		var got strings.Builder
		for i := range lines {
			l := &lines[i]
			body := string(wire.Append(nil, &wire.Line{Source: l.Source, Command: l.Command, Params: l.Params, Trailing: l.Trailing}))
			if len(body) > 512 {
				t.Errorf("%d bytes: %q", len(body), body)
			}
			if l.Command != "PRIVMSG" {
				continue
			}
			if got.Len() > 0 && !wire.HasTag(l.Tags, tagConcat) {
				got.WriteByte('\n')
			}
			_, written, _ := strings.Cut(strings.TrimSuffix(body[1:], "\r\n"), " :")
			if written != strings.ReplaceAll(l.Params[1], "\t", " ") {
				t.Errorf("%q is written as %q", l.Params[1], written)
			}
			got.WriteString(l.Params[1])
		}
		var want []string
		if wire.Lines(wire.CleanText(text)) != nil {
			quote, rest := quoted(m, wire.CleanText(text))
			want = wire.WholeLines(quote + rest)
		}
		for i, l := range want {
			if !wire.Visible(l) {
				want[i] = ""
			}
		}
		shown := got.String()
		if old {
			shown = strings.TrimPrefix(shown, "[1970-01-01 00:00] ")
		}
		if w := strings.TrimRight(strings.Join(want, "\n"), "\n"); shown != w {
			t.Errorf("%q is shown as %q, want %q", text, shown, w)
		}
	})
}

// A text is cut where its author has cut it, and further only where it does not fit.
func TestComposition(t *testing.T) {
	long := strings.Repeat("abcdefg ", 70)
	text := "\x02how is everyone?\n\n" + long
	m := &Message{ID: "id1", From: testUser("bob"), Target: "#c", Text: text}
	composed := composition{{8, 10}, nil, {16}}
	texts := func(f form, m *Message) []string {
		var list []string
		for _, l := range render(m, f, composed) {
			if l.Command == "PRIVMSG" {
				concat := ""
				if wire.HasTag(l.Tags, tagConcat) {
					concat = "+"
				}
				list = append(list, concat+l.Params[1])
			}
		}
		return list
	}
	room := (&speech{source: "bob!u@directus", command: "PRIVMSG", target: "#c"}).room()
	words := room / 8 * 8
	for f, want := range map[form][]string{
		{}:                   {"\x02how is ", "\x02ev", "\x02eryone?", long[:16], strings.TrimSpace(long[16 : 16+words]), long[16+words:]},
		{caps: capMultiline}: {"\x02how is ", "+ev", "+eryone?", "", long[:16], "+" + long[16:16+words], "+" + long[16+words:]},
	} {
		if got := texts(f, m); !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
	reply := *m
	reply.ReplyTo, reply.Quote = "x", &Quote{Nick: "eve", Text: "why", Time: time.Now()}
	if got := texts(form{}, &reply); got[0] != "eve: \x02how is everyone?" {
		t.Errorf("a reply is cut otherwise: %q", got)
	}
}

// Only the latest compositions are remembered, and only for the text as it was composed.
func TestCompositions(t *testing.T) {
	s := NewServer(newFakeChat(), Options{})
	for i := range 2 * maxCompositions {
		for range 2 {
			s.composed.note("id-bob", strconv.Itoa(i), composition{{1}})
		}
	}
	if len(s.composed.known) != maxCompositions || len(s.composed.order) != maxCompositions {
		t.Errorf("%d are known, %d in order", len(s.composed.known), len(s.composed.order))
	}
	last := strconv.Itoa(2*maxCompositions - 1)
	for m, want := range map[Message]bool{
		{From: testUser("bob"), Text: last}:               true,
		{From: testUser("bob"), Text: "0"}:                false,
		{From: testUser("eve"), Text: last}:               false,
		{From: testUser("bob"), Text: last, Edits: "x"}:   false,
		{From: testUser("bob"), Text: last, Kind: Action}: false,
	} {
		if got := s.composed.of(&m); (got != nil) != want {
			t.Errorf("%+v: %v", m, got)
		}
	}
}
