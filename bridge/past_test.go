package bridge_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// pastRow is a row of the history that the tests of this file ask for.
type pastRow struct {
	id      string
	date    time.Time // as Directus gives it
	text    string
	hidden  bool // in another channel, without text, or marked as deleted
	foreign bool // in another channel
	gone    bool // deleted
	at      time.Time
}

func (r *pastRow) msgid() string { return r.id + "." + strconv.FormatInt(r.date.UnixMilli(), 36) }

func (r *pastRow) compare(id string, date time.Time) int {
	if c := r.date.Compare(date); c != 0 {
		return c
	}
	a, errA := strconv.Atoi(r.id)
	b, errB := strconv.Atoi(id)
	if errA == nil && errB == nil {
		return cmp.Compare(a, b)
	}
	return strings.Compare(r.id, id)
}

// past is the reference: a history held in memory.
type past struct{ rows []*pastRow }

// newPast orders rows and gives them their times; whole: dates come in whole
// seconds.
func newPast(rows []*pastRow, whole bool) *past {
	slices.SortFunc(rows, func(a, b *pastRow) int { return a.compare(b.id, b.date) })
	ranks := map[time.Time]int{}
	for _, r := range rows {
		if r.at = r.date; whole && !r.gone && !r.foreign {
			r.at = r.date.Add(time.Duration(ranks[r.date]) * time.Millisecond)
			ranks[r.date]++
		}
	}
	return &past{rows}
}

// side tells where a row lies: in front of a position, at it, or behind it.
func side(r *pastRow, p ircd.Position) int {
	if p.MsgID == "" {
		return r.at.Compare(p.Time)
	}
	parts := strings.Split(p.MsgID, ".")
	ms, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil {
		panic(err)
	}
	return r.compare(parts[0], time.UnixMilli(ms).UTC())
}

// pick lists the rows on wanted sides of positions.
func (p *past) pick(wanted func(*pastRow) bool) []*pastRow {
	var list []*pastRow
	for _, r := range p.rows {
		if !r.hidden && !r.gone && wanted(r) {
			list = append(list, r)
		}
	}
	return list
}

// first and last cut a list, but not between rows of one time.
func first(list []*pastRow, n int) []*pastRow {
	n = min(n, len(list))
	for n > 0 && n < len(list) && list[n].at.Equal(list[n-1].at) {
		n++
	}
	return list[:n]
}

func last(list []*pastRow, n int) []*pastRow {
	n = max(len(list)-n, 0)
	for n > 0 && n < len(list) && list[n].at.Equal(list[n-1].at) {
		n--
	}
	return list[n:]
}

// answer is what History should give.
func (p *past) answer(q ircd.HistoryQuery) (page []*pastRow, end bool) {
	star := ircd.Position{}
	all, cut := []*pastRow(nil), last
	switch q.Mode {
	case ircd.HistoryLatest:
		all = p.pick(func(r *pastRow) bool { return q.From == star || side(r, q.From) > 0 })
	case ircd.HistoryBefore:
		all = p.pick(func(r *pastRow) bool { return side(r, q.From) < 0 })
	case ircd.HistoryAfter:
		all, cut = p.pick(func(r *pastRow) bool { return side(r, q.From) > 0 }), first
	case ircd.HistoryBetween:
		all, cut = p.pick(func(r *pastRow) bool { return side(r, q.From) > 0 && side(r, q.To) < 0 }), first
		if len(all) == 0 {
			all, cut = p.pick(func(r *pastRow) bool { return side(r, q.From) < 0 && side(r, q.To) > 0 }), last
		}
	case ircd.HistoryAround:
		older := p.pick(func(r *pastRow) bool { return side(r, q.From) < 0 })
		newer := p.pick(func(r *pastRow) bool { return side(r, q.From) >= 0 })
		nOld, nNew := q.Limit/2, q.Limit-q.Limit/2
		nOld, nNew = nOld+max(0, nNew-len(newer)), nNew+max(0, nOld-len(older))
		page = append(slices.Clone(last(older, nOld)), first(newer, nNew)...)
		return page, len(page) == len(older)+len(newer)
	}
	page = cut(all, q.Limit)
	return page, len(page) == len(all)
}

// pastKinds are ways in which databases keep dates: how to write a date, given
// the second and a fraction in tenths of a millisecond, and what Directus gives.
var pastKinds = map[string]struct {
	collection directustest.FakeCollection
	stored     string
	given      time.Duration
	step       time.Duration // between dates
	limit      int           // QUERY_LIMIT_MAX
}{
	"milliseconds": {given: time.Millisecond, step: time.Millisecond, stored: "2006-01-02T15:04:05.000Z"},
	"microseconds": {given: time.Millisecond, step: 250 * time.Microsecond, stored: "2006-01-02T15:04:05.000000Z"},
	"small pages":  {given: time.Millisecond, step: time.Millisecond, stored: "2006-01-02T15:04:05.000Z", limit: 4},
	"seconds": {given: time.Second, step: time.Second, stored: "2006-01-02T15:04:05.000Z",
		collection: directustest.FakeCollection{Dates: directustest.WholeSeconds}},
	"seconds, small pages": {given: time.Second, step: time.Second, stored: "2006-01-02T15:04:05.000Z", limit: 3,
		collection: directustest.FakeCollection{Dates: directustest.WholeSeconds, UUIDKey: true}},
	"dateTime": {given: time.Second, step: 300 * time.Millisecond, stored: "2006-01-02T15:04:05.000Z",
		collection: directustest.FakeCollection{Dates: directustest.DateTime}},
	"dateTime, small pages": {given: time.Second, step: 300 * time.Millisecond, stored: "2006-01-02T15:04:05.000Z", limit: 5,
		collection: directustest.FakeCollection{Dates: directustest.DateTime}},
}

// pastChannel is where the tests of this file look.
func pastChannel(where string) collection.Config {
	c := messages(where)
	c.Fields.Nonce = ""
	c.Filter = map[string]any{"room": map[string]any{"_eq": "a"}}
	c.SoftDelete = &collection.SoftDelete{Field: "status", Values: []string{"archived"}}
	return c
}

// draw invents n rows in a few seconds: where they are is to be told by insert,
// which returns the key.
func draw(n int, stored string, given, step time.Duration, insert func(item map[string]any) (id string)) []*pastRow {
	random := rand.New(rand.NewPCG(3, uint64(n)))
	begin := time.Date(2020, 2, 29, 23, 59, 58, 0, time.UTC)
	rows := make([]*pastRow, n)
	for i := range rows {
		date := begin.Add(time.Duration(random.IntN(12)) * step)
		r := &pastRow{date: date.Truncate(given), text: fmt.Sprint("row ", i)}
		item := map[string]any{"text": r.text, "date_created": date.Format(stored), "room": "a", "status": nil}
		switch random.IntN(8) {
		case 0:
			r.hidden, item["text"] = true, ""
		case 1:
			r.hidden, item["status"] = true, "archived"
		case 2:
			r.hidden, r.foreign, item["room"] = true, true, "b"
		case 3:
			r.gone = true
		}
		r.id = insert(item)
		rows[i] = r
	}
	return rows
}

// questions lists what to ask of a past: every mode, at and around the rows, at
// what is not there any more and at nothing, in every mixture of references.
func (p *past) questions(every int) []ircd.HistoryQuery {
	positions := []ircd.Position{{Time: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)}, {Time: time.Date(2100, 1, 1, 0, 0, 0, 1e6, time.UTC)}}
	for _, ms := range []int{1, 500, 999, 1001} {
		middle := p.rows[len(p.rows)/2].date.Truncate(time.Second)
		positions = append(positions, ircd.Position{Time: middle.Add(time.Duration(ms) * time.Millisecond)})
	}
	for i, r := range p.rows {
		if i%every > 0 && (!r.gone || i%3 > 0) {
			continue
		}
		positions = append(positions, ircd.Position{MsgID: r.msgid()}, ircd.Position{MsgID: r.msgid() + ".e1x"},
			ircd.Position{Time: r.at}, ircd.Position{Time: r.at.Add(time.Millisecond)}, ircd.Position{Time: r.at.Add(456 * time.Microsecond)})
	}
	list := []ircd.HistoryQuery{{Mode: ircd.HistoryLatest, Limit: 1}, {Mode: ircd.HistoryLatest, Limit: 7}, {Mode: ircd.HistoryLatest, Limit: 500}}
	limits := []int{1, 2, 5, 17, 100}
	for i, from := range positions {
		for mode := range ircd.HistoryAround + 1 {
			q := ircd.HistoryQuery{Mode: mode, From: from, Limit: limits[(i+int(mode))%len(limits)]}
			if mode == ircd.HistoryBetween {
				q.To = positions[(i*7+3)%len(positions)]
			}
			list = append(list, q)
		}
	}
	return list
}

// sample takes one of every few.
func sample(queries []ircd.HistoryQuery, every int) []ircd.HistoryQuery {
	var some []ircd.HistoryQuery
	for i := 0; i < len(queries); i += every {
		some = append(some, queries[i])
	}
	return some
}

// check asks and compares.
func (p *past) check(t *testing.T, s fullSession, queries []ircd.HistoryQuery) {
	t.Helper()
	wrong := 0
	for _, q := range queries {
		q.Target = "#Messages"
		page, err := s.History(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		q.From.Time = q.From.Time.Truncate(time.Millisecond)
		q.To.Time = q.To.Time.Truncate(time.Millisecond)
		want, end := p.answer(q)
		wanted, got := []string{}, []string{}
		for _, r := range want {
			wanted = append(wanted, r.at.Format("05.000 ")+r.msgid()+" "+r.text)
		}
		for _, e := range page.Events {
			m := e.(*ircd.Message)
			got = append(got, m.Time.Format("05.000 ")+m.ID+" "+m.Text)
		}
		if !slices.Equal(got, wanted) || page.End != end || page.Target != "#messages" {
			t.Errorf("mode %d from %v to %v limit %d:\n got %q %v\nwant %q %v", q.Mode, q.From, q.To, q.Limit, got, page.End, wanted, end)
			if wrong++; wrong > 5 {
				t.FailNow()
			}
		}
	}
}

// History is what a list in memory would give, whatever the database makes of
// dates.
func TestHistory(t *testing.T) {
	for name, kind := range pastKinds {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, b := fakeBackendWith(t, directustest.FakeOptions{QueryLimitMax: kind.limit}, nil, pastChannel("past"))
				kind.collection.Fields = []string{"text", "room", "status"}
				fake.AddCollection("past", kind.collection)
				ada := addFake(fake, "ada")
				rows := draw(40, kind.stored, kind.given, kind.step, func(item map[string]any) string { return fake.Insert("past", ada, item) })
				for _, r := range rows {
					if r.gone {
						fake.Remove("past", r.id)
					}
				}
				p := newPast(rows, kind.given == time.Second)
				s := open(t, b, "ada")
				queries := p.questions(10)
				if kind.limit > 0 { // which takes many reads
					queries = sample(queries, 2)
				}
				p.check(t, s, queries)
			})
		})
	}
}
