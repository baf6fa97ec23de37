package faults

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is a stored message.
type row struct {
	key    key
	id     int64 // the primary key
	date   time.Time
	author string // the id of the Directus user
	place  int    // in the order of the collection
}

// collection is what is stored in the end.
type collection struct {
	rows  []row
	of    map[key]int // places
	times map[key]int // how often each is stored
}

// readAll reads a collection in its order: by date, and by key where dates are equal.
func (w *world) readAll(name string) *collection {
	w.t.Helper()
	var items []struct {
		ID      int64     `json:"id"`
		Text    string    `json:"text"`
		Date    time.Time `json:"date_created"`
		Created string    `json:"user_created"`
	}
	w.dx.Do(http.MethodGet, "/items/"+name, url.Values{
		"limit": {"-1"}, "sort": {"date_created,id"}, "fields": {"id,text,date_created,user_created"},
	}, nil, &items)
	c := &collection{of: map[key]int{}, times: map[key]int{}}
	for _, item := range items {
		if k, ok := parseKey(item.Text); ok {
			c.of[k] = len(c.rows)
			c.times[k]++
			c.rows = append(c.rows, row{k, item.ID, item.Date, item.Created, len(c.rows)})
		}
	}
	return c
}

// tally is what a run has come to.
type tally struct {
	sent, stored, refused, perhaps, unheard int
	perhapsStored, unheardStored            int
	delivered                               int
	lost, doubled, disordered               int
	again                                   int // to a device that had not yet acknowledged it
	leftOut                                 int // as Directus could not give it in time, of which a device was told
	unread                                  int // backlogs whose rest Directus could not give in time, so that the connection was closed
	stranger, leaked                        int
	untrue, handed, barred                  int
}

// judge counts. It is called when all clients have ended.
func (w *world) judge() tally {
	w.t.Helper()
	var sum tally
	stores := map[string]*collection{}
	for _, channel := range channels {
		stores[channel] = w.readAll(collectionOf(channel))
	}
	w.judgeSending(&sum, stores)
	w.judgeAuthors(&sum, stores)
	for _, r := range w.readers {
		before := sum
		for _, channel := range channels {
			w.judgeReader(&sum, r, channel, stores[channel])
		}
		w.note("%s: %d connections, delivered %d, lost %d, doubled %d, out of order %d, wrong author %d, leaked %d", r.name, len(r.stays),
			sum.delivered-before.delivered, sum.lost-before.lost, sum.doubled-before.doubled, sum.disordered-before.disordered,
			sum.stranger-before.stranger, sum.leaked-before.leaked)
	}
	sum.stranger += w.book.broken["wrong author"] + w.book.broken["wrong person"]
	sum.leaked += w.book.broken["leaked"]
	sum.handed = w.book.broken["nick changed hands"]
	w.judgeOrdeals()
	return sum
}

// untrue notes that a sender was told what is not so.
func (w *world) untrue(sum *tally, format string, args ...any) {
	sum.untrue++
	w.blame("told untruly: "+format, args...)
}

// judgeAuthors finds what is stored as somebody else's than whoever wrote it.
func (w *world) judgeAuthors(sum *tally, stores map[string]*collection) {
	authors := map[string]string{}
	for _, x := range w.writers {
		authors[x.name] = x.person.user.ID
	}
	for _, d := range w.directs {
		authors[d.name] = d.user.ID
	}
	for channel, store := range stores {
		for _, row := range store.rows {
			if want := authors[row.key.writer]; want != "" && want != row.author {
				sum.stranger++
				w.blame("wrong author: %v in %s is stored as one by %s", row.key, channel, w.nickOf(row.author))
			}
		}
	}
}

// judgeSending holds what the writers were told against what is stored.
func (w *world) judgeSending(sum *tally, stores map[string]*collection) {
	for k, l := range w.book.letters {
		n := stores[l.channel].times[k]
		if k.barred() {
			w.judgeBarred(sum, l, n)
			continue
		}
		sum.sent++
		sum.stored += min(n, 1)
		if n > 1 {
			sum.doubled += n - 1
			w.note("doubled: %v is stored %d times, told %v, refused %d times", k, n, l.outcome, l.refused)
		}
		if n > 1 && l.refused > 0 {
			w.untrue(sum, "%v was stored when its writer was told that it is not, and sent again", k)
		}
		switch l.outcome {
		case stored:
			if n == 0 {
				sum.lost++
				w.note("lost: %v was told to be stored", k)
			}
		case refused:
			sum.refused++
			if n > 0 {
				w.untrue(sum, "%v is stored, and its writer was told that it is not", k)
			}
		case perhaps:
			sum.perhaps++
			sum.perhapsStored += n
			if n > 0 && w.couldKnow(l, stores[l.channel]) {
				w.untrue(sum, "%v was stored at once, and its writer was told that it perhaps is", k)
			}
		case unheard:
			sum.unheard++
			sum.unheardStored += n
		case pending:
			w.fail("%v: its writer knows nothing of it", k)
		}
	}
}

// soon is until when a message is stored that is found before its writer is told that it is in doubt: the daemon looks
// for 3 s at least.
const soon = 2 * time.Second

// couldKnow reports that a message in doubt was there to be found, in a fault that does not last, by whoever could look.
func (w *world) couldKnow(l *letter, store *collection) bool {
	brief := slices.ContainsFunc(w.book.brief, func(s spell) bool {
		return s.writer == l.key.writer && l.known.After(s.from) && l.known.Before(s.to)
	})
	return brief && store.rows[store.of[l.key]].date.Sub(l.asked) < soon
}

// slow is a delivery worth a note.
const slow = 10 * time.Second

// unreadable is for how long Directus must not have given the rest of a backlog before a connection may be closed for it.
const unreadable = time.Minute

// judgeReader holds what a reader was shown of a channel against what is stored.
func (w *world) judgeReader(sum *tally, r *reader, channel string, store *collection) {
	everything := map[key]bool{}
	before := map[key]time.Duration{} // how long a connection lasted behind what it showed
	for i, stay := range r.stays {
		mine := slices.DeleteFunc(slices.Clone(stay.sightings), func(s sighting) bool { return s.channel != channel })
		w.judgeRights(sum, r, channel, mine, store)
		w.judgeOrder(sum, r, mine, store)
		shown := map[key]int{}
		for _, s := range mine {
			if l := w.book.letters[s.key]; l != nil && !everything[s.key] && l.outcome == stored {
				if late := s.at.Sub(l.known); late > slow {
					w.note("late: %s was shown %v %v after it was stored, page %d of connection %d", r.name, s, late, s.page, i)
				}
			}
			shown[s.key]++
			everything[s.key] = true
		}
		w.judgeCount(sum, r, shown, mine, store)
		switch {
		case r.device != "":
			w.judgeResuming(sum, r, mine, stay.end, before)
		case stay.unread && i < len(r.stays)-1 && len(mine) > 0 && stay.end.Sub(mine[0].at) > unreadable:
			sum.unread++ // what came live is there, and not all that is in front of it: the next one shows it
		case r.style != paging:
			w.judgeHoles(sum, r, shown, channel, store, i == len(r.stays)-1)
		}
	}
	for k := range everything {
		sum.delivered++
		if store.times[k] == 0 {
			w.fail("%s was shown %v, which is not stored", r.name, k)
		}
	}
	if r.style == paging || r.device != "" {
		w.judgeAll(sum, r, everything, channel, store)
	}
}

func (w *world) judgeRights(sum *tally, r *reader, channel string, mine []sighting, store *collection) {
	for _, s := range mine {
		if !w.mayRead(r.person, s.key, channel) || w.inWindow(r, s) {
			sum.leaked++
			w.blame("leaked: %s was shown %v", r.name, s)
		}
		place, ok := store.of[s.key]
		if !ok {
			continue
		}
		author := store.rows[place].author
		w.book.named(r.person.daemon, s.nick, author, w)
		if nick := w.nickOf(author); nick != "" && nick != s.nick {
			sum.stranger++
			w.blame("wrong author: %s was shown %v by %s", r.name, s, s.nick)
		}
	}
}

// blame notes a broken promise. The first ones are shown as well: a run in CI leaves no notes.
func (w *world) blame(format string, args ...any) {
	w.note(format, args...)
	if w.blamed++; w.blamed <= 40 {
		w.t.Logf(format, args...)
	}
}

// inWindow reports that a message was sent when its reader was not allowed to see it, and shown before it was again.
func (w *world) inWindow(r *reader, s sighting) bool {
	asked := w.book.letters[s.key]
	return asked != nil && slices.ContainsFunc(w.book.windows, func(v window) bool {
		return (v.channel == "" || v.channel == s.channel) && (v.person == nil || v.person == r.person) &&
			asked.asked.After(v.from) && s.at.Before(v.to)
	})
}

// nickOf is the nick that a user has everywhere; empty for namesakes, of whom nobody knows before.
func (w *world) nickOf(user string) string {
	people := slices.Clone(w.people)
	for _, p := range w.pairs {
		people = append(people, p.owner, p.finder)
	}
	for _, p := range people {
		if p.user.ID == user && p.namesake {
			return ""
		}
		if p.user.ID == user {
			return p.user.FirstName
		}
	}
	for _, d := range slices.Concat(w.directs, []*directWriter{w.quiet}) {
		if d.user.ID == user {
			return d.user.FirstName
		}
	}
	return ""
}

// print writes the table, also to the file that FAULTS_REPORT names: "go test" shows
// nothing of a test that passes.
func (w *world) print(sum tally) {
	var b strings.Builder
	tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range []struct {
		name string
		n    any
	}{
		{"messages sent", sum.sent}, {"stored", sum.stored},
		{"delivered, to all readers", sum.delivered},
		{"lost", sum.lost}, {"doubled", sum.doubled}, {"out of order", sum.disordered},
		{"shown to a device once more, as it had not answered PING", sum.again},
		{"left out, and told so, as Directus was too slow", sum.leftOut},
		{"backlogs broken off with their connection, which told so", sum.unread},
		{"wrong author", sum.stranger}, {"leaked", sum.leaked},
		{"told untruly", sum.untrue}, {"nick changed hands", sum.handed},
		{"messages that a Flow refused", sum.barred},
		{"told not sent, not sent again", sum.refused},
		{"told perhaps sent", fmt.Sprintf("%d, of which %d were", sum.perhaps, sum.perhapsStored)},
		{"the sender's own connection cut", fmt.Sprintf("%d, of which %d were sent", sum.unheard, sum.unheardStored)},
	} {
		fmt.Fprintf(tab, "%s\t%v\n", line.name, line.n)
	}
	for _, name := range slices.Sorted(maps.Keys(w.book.faults)) {
		fmt.Fprintf(tab, "fault: %s\t%d\n", name, w.book.faults[name])
	}
	for _, o := range ordeals {
		fmt.Fprintf(tab, "put to the test: %s\t%d\n", o, w.book.ordeals[o])
	}
	tab.Flush()
	report := fmt.Sprintf("Directus %s on %s, seed %d, %v\n%s", w.dx.Version, w.dx.Database(), *seed, w.since(), b.String())
	w.t.Log(report)
	if file := os.Getenv("FAULTS_REPORT"); file != "" {
		if err := os.WriteFile(file, []byte(report), 0o644); err != nil {
			w.t.Error(err)
		}
	}
}
