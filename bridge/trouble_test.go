package bridge

import (
	"slices"
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// What a shared feed has brought for somebody who may not be shown it yet, as Directus was lost
// before their rights were checked again, says that Directus is back only when it is shown.
func TestNewsThatMayNotBeShownAnnounceNothing(t *testing.T) {
	s, j, shared, _ := moving(t, feed.Key{Audience: "all"}, feed.Key{})
	s.abandon(j)
	shared.Bring(feed.Entry{Row: collection.Row{ID: "1"}, Channel: j.Channel, Event: &ircd.Message{ID: "1", Target: "#messages", Text: "hello"}})
	var told []string
	poll := func() {
		t.Helper()
		for range 4 {
			events, err := s.Poll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range events {
				switch ev := ev.(type) {
				case *ircd.ServiceNotice:
					told = append(told, ev.Text)
				case *ircd.Message:
					told = append(told, ev.Text)
				}
			}
		}
	}
	s.member.checked = time.Now().Add(-2 * time.Hour)
	s.member.link = directus.State{Failures: 3}
	if poll(); !slices.Equal(told, []string{downText}) {
		t.Fatalf("while Directus is away: %q", told)
	}
	s.member.checked, s.member.link = time.Now(), directus.State{Up: true}
	if poll(); !slices.Equal(told[1:], []string{backText, "hello"}) {
		t.Errorf("when it is back: %q", told[1:])
	}
}

// Of two channels with one view that are not in the same trouble, as news came between the looks at them, neither hears of
// an outage again and again while the news wait.
func TestNewsOfTwoChannelsInUnequalTrouble(t *testing.T) {
	s, j, shared, _ := moving(t, feed.Key{Audience: "all"}, feed.Key{})
	s.abandon(j)
	other := *j
	other.Channel = &collection.Channel{Config: collection.Config{Name: "#other"}}
	s.setJoined("#other", &other)
	s.member.checked, s.member.link = time.Now(), directus.State{Failures: 3}
	j.told = unreachable
	shared.Bring(feed.Entry{Row: collection.Row{ID: "1"}, Channel: j.Channel, Event: &ircd.Message{ID: "1", Target: "#messages", Text: "hello"}})
	notices, shown := 0, 0
	for range 20 {
		events, err := s.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			switch ev.(type) {
			case *ircd.ServiceNotice:
				notices++
			case *ircd.Message:
				shown++
			}
		}
	}
	if notices > 4 || shown != 1 {
		t.Errorf("%d notices, shown %d times", notices, shown)
	}
}

// A link that comes up proves that Directus answers, whoever was told that it is back: what is
// typed then is not refused for the silence before it.
func TestLinkEndsSilence(t *testing.T) {
	m := stillMember(t)
	m.setSilent(true, sendTimeout)
	m.onState(directus.State{Since: time.Now()})
	if first, next := m.patience(directus.State{}), m.patience(directus.State{}); first != silentTimeout || next != 0 {
		t.Errorf("in the silence sends may take %v and %v", first, next)
	}
	m.onState(directus.State{Up: true, Since: time.Now()})
	if got := m.patience(directus.State{}); got != sendTimeout {
		t.Errorf("with the link up a send may take %v", got)
	}
}
