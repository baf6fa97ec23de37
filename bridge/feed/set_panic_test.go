package feed

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// A panic at any step that decides who reads what leaves nobody attached between two
// feeds, whoever took the step: the feed ends, with the sessions of all who read it, and
// the next who comes is given another.
func TestPanicBetweenTwoFeeds(t *testing.T) {
	for name, step := range map[string]func(m *feedsModel, readers []*Reader){
		"expel":  func(m *feedsModel, _ []*Reader) { m.setRights(m.members[0], nil) },
		"attach": func(m *feedsModel, _ []*Reader) { m.attach(m.members[0]) },
		"detach": func(m *feedsModel, readers []*Reader) { m.feeds.Detach(readers[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				m := newFeedsModel(t, 0)
				defer m.feeds.Close()
				ada, bob, eve := m.members[0], m.members[1], m.members[2]
				key := Key{Group: m.group, Audience: ada.names.Audience(m.group)}
				broken := func() {}
				var readers []*Reader
				for _, of := range []*testMember{ada, ada, bob} {
					readers = append(readers, m.feeds.Attach(key, of, func(bool) { broken() }))
				}
				m.write()
				synctest.Wait()
				f := readers[0].Feed
				bell := f.rung
				broken, f.rung = func() { panic("broken") }, closed()
				log := zerolog.Nop()
				if err := ircd.Recover(&log, func() error { step(m, readers); return nil }); !errors.Is(err, ircd.ErrPanic) {
					t.Fatalf("nothing has panicked: %v", err)
				}
				broken, f.rung = func() {}, bell
				for who, of := range map[string]*testMember{"ada": ada, "bob": bob} {
					if !errors.Is(of.ended, ircd.ErrPanic) {
						t.Errorf("%s goes on: %v", who, of.ended)
					}
				}
				if m.feeds.open[key] == f {
					t.Error("the feed goes on")
				}
				for _, r := range readers { // as their sessions are closed
					m.feeds.Detach(r)
				}
				if r := m.feeds.Attach(Key{Group: m.group, Audience: eve.names.Audience(m.group)}, eve, func(bool) {}); r == nil || r.Feed == f {
					t.Error("who comes next is given the feed that has panicked")
				}
			})
		})
	}
}

// closed is a bell that panics when it is rung.
func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
