package presence

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/wire"
)

// presenceOf makes events of words like "a+#x" (JOIN), "a-#x" (PART), "a!" (QUIT),
// "a~text" (AWAY), "a=name" (a real name), "a>" and "a<" (online and offline), "a?"
// (an invitation), and "a*" (typing).
func presenceOf(words string) []*Event {
	kinds := map[byte]Kind{
		'+': Joined, '-': Parted, '!': Quit, '~': AwayChanged, '=': Renamed, '>': Online, '<': Offline, '?': Invited, '*': Typing,
	}
	var events []*Event
	for w := range strings.FieldsSeq(words) {
		ev := &Event{Kind: kinds[w[1]], User: User{ID: w[:1], Nick: w[:1]}}
		switch ev.Kind {
		case Joined, Parted:
			ev.Channel = w[2:]
		case AwayChanged:
			ev.Away = w[2:]
		case Renamed:
			ev.User.Realname = w[2:]
		}
		ev.Text = w
		events = append(events, ev)
	}
	return events
}

func wordsOf(events []*Event) string {
	var words []string
	for _, ev := range events {
		words = append(words, ev.Text)
	}
	return strings.Join(words, " ")
}

func TestCompact(t *testing.T) {
	for _, tt := range []struct{ events, want string }{
		{"", ""},
		{"a+#x", "a+#x"},
		{"a+#x a-#x", ""},
		{"a-#x a+#x", "a-#x a+#x"},
		{"a+#x a-#x a+#x", "a+#x"},
		{"a-#x a+#x a-#x a+#x", "a-#x a+#x"},
		{"a+#x a+#y a-#x", "a+#y"},
		{"a+#x b+#x a-#x", "b+#x"},
		{"a~1 a~2 a~3", "a~3"},
		{"a~1 b~1 a~ b~2", "a~ b~2"},
		{"a=A a~1 a=B a~2", "a=B a~2"},
		{"a+#x a~1 a!", "a!"},
		{"a! a+#x a!", "a!"},
		{"a! a+#x a~1 a~2", "a! a+#x a~2"},
		{"a! a+#x a-#x", "a!"},
		{"a+#x b! a~1 b+#x b~1", "a+#x b! a~1 b+#x b~1"},
		{"a> a< a>", "a>"},
		{"a> a! a<", "a! a<"},
		{"a? a? a!", "a? a? a!"},
		{"a* a+#x a*", "a+#x"},
	} {
		if got := wordsOf(compact(presenceOf(tt.events))); got != tt.want {
			t.Errorf("%s: %q remains, not %q", tt.events, got, tt.want)
		}
	}
}

// clientView is what a client knows of others after it was shown events.
type clientView map[string]string

func (v clientView) show(events []*Event) clientView {
	for _, ev := range events {
		id := ev.User.ID
		switch ev.Kind {
		case Joined:
			v[id+" in "+wire.Fold(ev.Channel)] = ""
		case Parted:
			delete(v, id+" in "+wire.Fold(ev.Channel))
		case Quit:
			maps.DeleteFunc(v, func(k, _ string) bool { return strings.HasPrefix(k, id+" ") })
		case AwayChanged:
			v[id+" away"] = ev.Away
		case Renamed:
			v[id+" name"] = ev.User.Realname
		case Online, Offline:
			v["monitor "+id] = fmt.Sprint(ev.Kind)
		}
	}
	return v
}

// TestCompactShowsTheSame: compacted as often as may be, events of any order leave a
// client, whoever was in its channels before, with what all of them do.
func TestCompactShowsTheSame(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	for range 5000 {
		in, all, some := make(map[string]bool), clientView{}, clientView{}
		for _, id := range []string{"a", "b"} {
			if rnd.IntN(2) == 0 {
				in[id+"#x"] = true
				start := presenceOf(id + "+#x " + id + "~old")
				all.show(start)
				some.show(start)
			}
		}
		var words []string
		var pending []*Event
		for range rnd.IntN(40) {
			id := pick("a", "b", "b")
			w := id + pick("~1", "~", "=A", "=B", ">", "<", "*", "?")
			switch rnd.IntN(8) {
			case 0:
				w = id + "!"
				maps.DeleteFunc(in, func(k string, _ bool) bool { return k[:1] == id })
			case 1, 2, 3:
				c := pick("#x", "#y")
				w = id + "+" + c
				if in[id+c] {
					w = id + "-" + c
				}
				in[id+c] = !in[id+c]
			}
			words = append(words, w)
			pending = append(pending, presenceOf(w)...)
			if rnd.IntN(5) == 0 {
				pending = compact(pending)
			}
		}
		all.show(presenceOf(strings.Join(words, " ")))
		some.show(compact(pending))
		if !maps.Equal(all, some) {
			t.Fatalf("%q ends in %v, %q in %v", words, all, wordsOf(compact(pending)), some)
		}
	}
}

func BenchmarkInboxAdd(b *testing.B) {
	b.ReportAllocs()
	in := NewInbox(bell.New())
	events := presenceOf("a+#x a~1 a-#x b~1 b+#x b~ b-#x")
	for i := 0; b.Loop(); i++ {
		in.add(events[i%len(events)])
	}
}
