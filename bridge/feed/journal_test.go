package feed

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

func TestJournal(t *testing.T) {
	f := &Feed{}
	j := &f.journal
	add := func(n int) {
		for range n {
			j.append(Entry{Row: collection.Row{ID: strconv.FormatInt(j.endLocked(), 10)}})
		}
	}
	rung := 0
	a, b := &Reader{Feed: f, wake: func(bool) { rung++ }}, &Reader{Feed: f, wake: func(bool) {}}
	j.attach(a)
	add(3)
	j.attach(b)
	add(2)
	j.append()
	check := func(name string, r *Reader, want ...string) {
		t.Helper()
		_, news, ok := r.Read()
		if !ok || len(news) != len(want) {
			t.Fatalf("%s: got %d entries, %v; want %v", name, len(news), ok, want)
		}
		for i, e := range news {
			if e.Row.ID != want[i] {
				t.Errorf("%s: got %s, want %s", name, e.Row.ID, want[i])
			}
		}
	}
	if rung != 5 {
		t.Errorf("rung %d times", rung)
	}
	check("b", b, "3", "4")
	check("a", a, "0", "1", "2", "3", "4")
	check("a again", a)
	if len(j.entries) != 0 {
		t.Errorf("%d entries are kept though all have read them", len(j.entries))
	}
	add(MaxBehind)
	check("b", b, func() (ids []string) {
		for i := range MaxBehind {
			ids = append(ids, strconv.Itoa(5+i))
		}
		return ids
	}()...)
	add(1)
	if _, _, ok := a.Read(); ok {
		t.Error("a reader that was overtaken is not told")
	}
	if len(j.entries) > MaxBehind {
		t.Errorf("%d entries are kept for a reader that is behind", len(j.entries))
	}
	j.detach(a)
	check("b", b, strconv.Itoa(5+MaxBehind))
}

// Long texts do not wait without bound for who reads slowly, and are no reason to end
// who does not.
func TestJournalOfLongTexts(t *testing.T) {
	f := &Feed{}
	j := &f.journal
	slow, quick := &Reader{Feed: f, wake: func(bool) {}}, &Reader{Feed: f, wake: func(bool) {}}
	j.attach(slow)
	j.attach(quick)
	long := strings.Repeat("x", 1<<20)
	add := func(n int) {
		t.Helper()
		page := make([]Entry, n)
		for i := range page {
			page[i] = Entry{Event: &ircd.Message{Text: long}}
		}
		j.append(page...)
		if _, news, ok := quick.Read(); !ok || len(news) != n {
			t.Fatalf("who reads at once is given %d of %d, %v", len(news), n, ok)
		}
	}
	most := 0
	for range 100 {
		add(1)
		most = max(most, len(j.entries))
	}
	if held := most << 20; held > MaxBehindBytes || held < MaxBehindBytes/2 {
		t.Errorf("%d MiB were kept", held>>20)
	}
	if _, _, ok := slow.Read(); ok {
		t.Error("a reader that was overtaken is not told")
	}
	add(100) // a page of them
	j.detach(slow)
	add(100)
	if len(j.entries) != 0 || j.bytes != 0 {
		t.Errorf("%d entries, %d bytes are kept though all have read them", len(j.entries), j.bytes)
	}
}

// Where a reader is passed on, its positions go on from there, whatever comes into the
// journal that it has left.
func TestPositionsOfWhoIsPassedOn(t *testing.T) {
	old, own := &Feed{}, &Feed{}
	m, other := &testMember{}, &testMember{log: zerolog.Nop()}
	r := &Reader{member: m, Feed: old, wake: func(bool) {}}
	old.journal.attach(r)
	old.journal.attach(&Reader{member: other, Feed: old, wake: func(bool) {}})
	news := []Entry{{Row: collection.Row{ID: "1"}}, {Row: collection.Row{ID: "2"}}}
	old.journal.append(news...)
	old.journal.hand(m, own)
	old.journal.append(news...)
	if got := r.End(); got != 2 {
		t.Errorf("what comes next has position %d, want 2", got)
	}
	own.journal.append(news[0])
	if got := r.End(); got != 3 {
		t.Errorf("what comes next has position %d, want 3", got)
	}
}

// Who was too far behind in the journal that it leaves is told so by the next one.
func TestTooSlowToBePassedOn(t *testing.T) {
	old, own := &Feed{}, &Feed{}
	m, other := &testMember{}, &testMember{log: zerolog.Nop()}
	slow, quick, third := &Reader{member: m, Feed: old, wake: func(bool) {}}, &Reader{member: m, Feed: old, wake: func(bool) {}}, &Reader{member: other, Feed: old, wake: func(bool) {}}
	for _, r := range []*Reader{slow, quick, third} {
		old.journal.attach(r)
	}
	for range MaxBehind + minFull {
		old.journal.append(Entry{})
		quick.Read()
		third.Read()
	}
	old.journal.append(Entry{Row: collection.Row{ID: "last"}, Event: &ircd.Message{}})
	if unread := old.journal.hand(m, own); len(unread) != 1 {
		t.Errorf("%d rows are to be read again", len(unread))
	}
	if _, _, ok := slow.Next.Load().Read(); ok {
		t.Error("a reader that was overtaken is not told")
	}
	own.journal.append(Entry{Row: collection.Row{ID: "next"}})
	own.journal.detach(slow.Next.Load())
	if _, news, ok := quick.Next.Load().Read(); !ok || len(news) != 1 {
		t.Errorf("who is not behind is given %d entries, %v", len(news), ok)
	}
}

// A feed of one's own begins where the member was shown something last, as far as it
// is known what that was.
func TestForkReadsWhatWasNotShown(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		date, opened, forgot time.Time
		want                 time.Time
	}{
		"shown nothing for a while": {date: now.Add(-10 * time.Minute), want: now.Add(-10 * time.Minute)},
		"shown all":                 {date: now, want: now.Add(-time.Minute)},
		"before the feed":           {date: now.Add(-10 * time.Minute), opened: now.Add(-5 * time.Minute), want: now.Add(-time.Minute)},
		"among what is forgotten":   {date: now.Add(-10 * time.Minute), forgot: now.Add(-10 * time.Minute), want: now.Add(-time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			m := &testMember{rt: new(directus.Account).Realtime(directus.RealtimeOptions{})}
			f := New(Key{Group: &collection.Group{}, Audience: "all"}, m, test.opened)
			f.forgot, f.trust.date = test.forgot, now.Add(-time.Minute)
			f.journal.attach(&Reader{member: m, Feed: f, wake: func(bool) {}})
			f.seen["1"] = mark{date: test.date}
			f.journal.append(Entry{Row: collection.Row{ID: "1", Date: test.date}, Event: &ircd.Message{}})
			own := f.fork(Key{Group: f.Group, Owner: m}, m)
			if _, seen := own.seen["1"]; seen || !own.cursor.date.Equal(test.want) {
				t.Errorf("reads from %v, want %v", own.cursor.date.Sub(now), test.want.Sub(now))
			}
		})
	}
}

// Who loses the proof between the choice of a shared feed and the way into it was not
// expelled, and does not get there.
func TestNobodyEntersWithoutProof(t *testing.T) {
	fs := NewSet()
	defer fs.Close()
	may := rights.NewCache(nil, nil)
	m := &testMember{names: (&people.Community{}).NewDirectory(nil, may, people.Options{}), rights: may}
	if r := fs.Attach(Key{Group: &collection.Group{}, Audience: "some minutes ago"}, m, func(bool) {}); r != nil {
		t.Error("a member reads a feed that it has no proof for")
	}
}

// Directus may send one event twice.
func TestOneBatchHoldsARowTwice(t *testing.T) {
	f := &Feed{seen: map[string]mark{}}
	if got := f.unseen([]collection.Row{{ID: "1"}, {ID: "2"}, {ID: "1"}}); len(got) != 2 {
		t.Errorf("%d rows of 2", len(got))
	}
}
