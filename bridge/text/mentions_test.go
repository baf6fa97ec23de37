package text

import (
	"slices"
	"strings"
	"testing"
)

const adaID, bobID = "639a1f2e-0000-4000-8000-00000000000a", "639a1f2e-0000-4000-8000-00000000000b"

func nickOf(id string) (string, bool) {
	nick, ok := map[string]string{adaID: "Ada", bobID: "Bob-b"}[id]
	return nick, ok
}

func idOf(nick string) (string, bool) {
	id, ok := map[string]string{"ada": adaID, "bob-b": bobID}[strings.ToLower(nick)]
	return id, ok
}

func TestShowMentions(t *testing.T) {
	unknown := "639a1f2e-0000-4000-8000-00000000000c"
	for _, c := range []struct {
		in, want string
		ids      []string
	}{
		{"hello", "hello", nil},
		{"@" + adaID + ": hi (@" + bobID + ")", "@Ada: hi (@Bob-b)", []string{adaID, bobID}},
		{"\x02@" + strings.ToUpper(adaID) + "\x02.", "\x02@Ada\x02.", []string{adaID}},
		{"@" + unknown + " @" + adaID + " @" + adaID, "@" + unknown + " @Ada @Ada", []string{unknown, adaID}},
		{"x@" + adaID + " @" + adaID + "0 https://e.org/@" + adaID, "x@" + adaID + " @" + adaID + "0 https://e.org/@" + adaID, nil},
		{adaID + " @ada", adaID + " @ada", nil},
	} {
		if got := ShowMentions(c.in, nickOf); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		if got := MentionedIDs(c.in); !slices.Equal(got, c.ids) {
			t.Errorf("%q: got %v, want %v", c.in, got, c.ids)
		}
	}
	var many strings.Builder
	for i := range 100 {
		many.WriteString("@639a1f2e-0000-4000-8000-0000000000" + string("0123456789"[i/10]) + string("0123456789"[i%10]) + " ")
	}
	if got := MentionedIDs(many.String()); len(got) != maxMentioned {
		t.Errorf("%d users are looked up for one text", len(got))
	}
}

func TestStoreMentions(t *testing.T) {
	a, b := "@"+adaID, "@"+bobID
	for _, c := range []struct{ in, want, nicks string }{
		{"hello", "hello", ""},
		{"@ada hi", a + " hi", "ada"},
		{"Ada: hi", a + ": hi", "Ada"},
		{"bob-b, hi @Ada, @ADA.", b + ", hi " + a + ", " + a + ".", "bob-b Ada"},
		{"ada:", a + ":", "ada"},
		{"a\nada: b\n\tada: c", "a\n" + a + ": b\n\tada: c", "ada"},
		{"ada hi, ada: hi", "ada hi, ada: hi", ""},
		{"note: x, @nobody", "note: x, @nobody", "note nobody"},
		{"ada:hi ada,hi", "ada:hi ada,hi", ""},
		{"(@ada) \"@ada\" \x02@ada\x02's **@ada**", "(" + a + ") \"" + a + "\" \x02" + a + "\x02's **" + a + "**", "ada"},
		{"a@ada @ada@e.org @ada.example @ada/x https://e.org/@ada `@ada` @adaé", "a@ada @ada@e.org @ada.example @ada/x https://e.org/@ada `@ada` @adaé", ""},
		{"@ada- @ada_", "@ada- @ada_", ""},
		{a, a, ""},
		{"@everyone_who_is_here_with_a_very_long_name", "@everyone_who_is_here_with_a_very_long_name", ""},
		{"https: x\nada: y", "https: x\n" + a + ": y", "https ada"},
	} {
		if got := StoreMentions(c.in, idOf); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
		if got := strings.Join(MentionedNicks(c.in), " "); got != c.nicks {
			t.Errorf("%q: got the names %q, want %q", c.in, got, c.nicks)
		}
	}
	if got := MentionedNicks(strings.Repeat("@a @b @c @d @e @f @g @h @i @j ", 9)); len(got) != maxMentioning {
		t.Errorf("%d names are looked up for one message", len(got))
	}
}

// Who is mentioned comes back by nick, in every format.
func FuzzMentions(f *testing.F) {
	f.Add("ada: @bob-b, x@ada")
	f.Add("\x02@ada\x02\n\nada, y")
	f.Fuzz(func(t *testing.T, typed string) {
		stored := StoreMentions(typed, idOf)
		if len(MentionedIDs(typed)) > 0 {
			return
		}
		shown := strings.ToLower(ShowMentions(stored, nickOf))
		// "ada:" comes back as "@ada:".
		if strings.ReplaceAll(shown, "@", "") != strings.ReplaceAll(strings.ToLower(typed), "@", "") {
			t.Fatalf("%q is stored as %q and shown as %q", typed, stored, shown)
		}
	})
}
