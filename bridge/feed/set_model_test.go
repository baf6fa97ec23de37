package feed

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// feedsModel holds feeds, as sessions use them, against what each reader is to be
// shown: the rows that were written while it was attached, each once and in order,
// whoever may share a feed with whom meanwhile.
type feedsModel struct {
	t       *testing.T
	rand    *rand.Rand
	feeds   *Set
	account *directus.Account // of all members
	group   *collection.Group
	members []*testMember
	readers []*modelReader
	rows    []collection.Row
	brought map[*Feed]int // how many of them a feed was offered
}

// modelReader is what a session is to its feeds.
type modelReader struct {
	*Reader
	want, got []string
	tooSlow   bool // it was told so, and is shown nothing any more
}

// allRights are permissions that prove that a user sees what others see.
var allRights = directus.Permissions{
	"messages":       {"read": {Access: "full", Fields: []string{"*"}}},
	"directus_users": {"read": {Access: "full", Fields: []string{"*"}}},
}

// testMember is a member whose link never comes up.
type testMember struct {
	account *directus.Account
	rt      *directus.Realtime
	names   *people.Directory
	rights  *rights.Cache
	log     zerolog.Logger
	told    toldRights
	ended   error
}

// toldRights are the permissions that Directus tells, each time anew.
type toldRights struct{ all directus.Permissions }

func (r *toldRights) Permissions(context.Context) (directus.Permissions, error) {
	all := maps.Clone(r.all)
	for name, actions := range all {
		all[name] = maps.Clone(actions)
	}
	return all, nil
}

func (r *toldRights) Administrator(context.Context) (bool, error) { return false, nil }

func newTestMember(account *directus.Account, all directus.Permissions) *testMember {
	m := &testMember{account: account, rt: account.Realtime(directus.RealtimeOptions{}), log: zerolog.Nop(), told: toldRights{all}}
	m.rights = rights.NewCache(&m.told, &rights.Shared{})
	_ = m.rights.Renew(context.Background(), nil)
	m.names = (&people.Community{}).NewDirectory(account, m.rights, people.Options{})
	return m
}

func (m *testMember) Account() *directus.Account        { return m.account }
func (m *testMember) Realtime() *directus.Realtime      { return m.rt }
func (m *testMember) Names() *people.Directory          { return m.names }
func (m *testMember) Rights() *rights.Cache             { return m.rights }
func (m *testMember) Log() *zerolog.Logger              { return &m.log }
func (m *testMember) Link() directus.State              { return directus.State{} }
func (m *testMember) IsOver() bool                      { return m.ended != nil }
func (m *testMember) End(err error)                     { m.ended = err }
func (m *testMember) CheckRights(context.Context) error { return nil }

func modelAccount(t *testing.T) *directus.Account {
	return directustest.NewFake(t, directustest.FakeOptions{}).LogIn(directustest.FakeUser{Email: "ada@example.com", Password: "ada"})
}

func newFeedsModel(t *testing.T, seed uint64) *feedsModel {
	m := &feedsModel{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)), feeds: NewSet(), brought: map[*Feed]int{},
		group: &collection.Group{Collection: "messages", Common: true, Channels: []*collection.Channel{{Config: collection.Config{Name: "#messages"}}}},
	}
	m.group.Prepare()
	m.group.Dates = &collection.Dates{}
	m.account = modelAccount(t)
	for range 3 {
		m.members = append(m.members, newTestMember(m.account, allRights))
	}
	return m
}

func (m *feedsModel) attach(of *testMember) {
	key := Key{Group: m.group, Owner: of}
	if p := of.names.Audience(m.group); p != "" {
		key = Key{Group: m.group, Audience: p}
	}
	r := m.feeds.Attach(key, of, func(bool) {})
	if r == nil {
		m.t.Fatal("not attached")
	}
	m.readers = append(m.readers, &modelReader{Reader: r})
}

// write stores a row, which every feed brings by its event. What a feed of a member's
// own knows to be unread it reads before.
func (m *feedsModel) write() {
	r := collection.Row{ID: strconv.Itoa(len(m.rows) + 1), Date: m.account.Now()}
	m.rows = append(m.rows, r)
	for _, f := range m.feeds.open {
		m.catchUp(f)
	}
	for _, r := range m.readers {
		r.want = append(r.want, m.rows[len(m.rows)-1].ID)
	}
}

// catchUp publishes what a feed has not seen, and was open for.
func (m *feedsModel) catchUp(f *Feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rows := m.rows[m.brought[f]:]
	m.brought[f] = len(m.rows)
	for _, r := range rows {
		if _, seen := f.seen[r.ID]; seen || r.Date.Before(f.opened) {
			continue
		}
		f.markSeen(&rendering{Row: r}, true)
		f.journal.append(Entry{Row: r, Channel: m.group.Channels[0], Event: &ircd.Message{ID: r.ID}})
	}
}

func (m *feedsModel) read(r *modelReader) {
	for next := r.Next.Load(); next != nil; next = r.Next.Load() {
		r.Reader = next
	}
	if r.Feed.Key.IsShared() && r.member.Names().Audience(m.group) != r.Feed.Key.Audience {
		m.t.Errorf("a reader is where its rights do not let it be")
	}
	first, news, ok := r.Read()
	if !ok {
		if r.tooSlow = true; len(r.want)-len(r.got) <= MaxBehind {
			m.t.Errorf("a reader that is %d rows behind is told that these are too many", len(r.want)-len(r.got))
		}
		return
	}
	if end := r.End(); len(news) > 0 && end != first+int64(len(news)) {
		m.t.Errorf("%d entries from %d on, and the end is %d", len(news), first, end)
	}
	for _, e := range news {
		if _, again := r.Skip[e.Row.ID]; !again {
			r.got = append(r.got, e.Row.ID)
		}
	}
	r.check(m.t, false)
}

// check compares what a reader was shown: all of it, or the beginning.
func (r *modelReader) check(t *testing.T, all bool) {
	t.Helper()
	if r.tooSlow {
		return
	}
	if n := len(r.got); n > len(r.want) || all && n < len(r.want) || !slices.Equal(r.got, r.want[:n]) {
		t.Fatalf("shown %v\nof %v", r.got, r.want)
	}
}

// setRights gives a member other rights, as a check finds them.
func (m *feedsModel) setRights(of *testMember, all directus.Permissions) {
	of.told.all = all
	_ = of.rights.Renew(m.t.Context(), nil)
	m.feeds.Expel(of)
}

func (m *feedsModel) step() string {
	of := m.members[m.rand.IntN(len(m.members))]
	switch n := m.rand.IntN(100); {
	case n < 12:
		m.attach(of)
		return "attach"
	case n < 20 && len(m.readers) > 0:
		i := m.rand.IntN(len(m.readers))
		m.feeds.Detach(m.readers[i].Reader)
		m.readers = slices.Delete(m.readers, i, i+1)
		return "detach"
	case n < 26:
		m.setRights(of, nil)
		return "expel"
	case n < 30:
		m.setRights(of, allRights)
		return "allow"
	case n < 31 && m.rand.IntN(12) == 0:
		for range MaxBehind + m.rand.IntN(100) - 50 {
			m.write()
		}
		return "flood"
	case n < 60:
		m.write()
		return "write"
	case len(m.readers) > 0:
		m.read(m.readers[m.rand.IntN(len(m.readers))])
	}
	return "read"
}

// Whatever becomes of who reads a feed, nobody is shown a row twice, or none, or in
// another order, and nobody stays where its rights do not let it be.
func TestFeedsModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				m := newFeedsModel(t, seed)
				defer m.feeds.Close()
				for range 200 {
					m.step()
					time.Sleep(time.Millisecond)
				}
				for _, r := range m.readers {
					for next := r.Next.Load(); next != nil; next = r.Next.Load() {
						r.Reader = next
					}
					m.catchUp(r.Feed)
					m.read(r)
					r.check(t, true)
				}
				for _, r := range m.readers {
					m.feeds.Detach(r.Reader)
				}
				if n := m.feeds.Count(); n != 0 {
					t.Errorf("%d feeds are open though nobody reads", n)
				}
			})
		})
	}
}
