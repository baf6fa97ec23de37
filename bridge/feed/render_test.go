package feed

import (
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/ircd"
)

// A row that nobody was shown is not converted when it changes. If a session shows it as
// backlog just then, it is converted before the change is applied: it is not taken for a
// message that has left its channel.
func TestChangeOfARowThatIsShownMeanwhile(t *testing.T) {
	now := time.Now()
	m := newTestMember(modelAccount(t), allRights)
	c := &collection.Channel{Config: collection.Config{Name: "#messages"}}
	g := &collection.Group{Collection: "messages", Common: true, Channels: []*collection.Channel{c}}
	g.Prepare()
	g.Dates = &collection.Dates{}
	f := New(Key{Group: g, Owner: m}, m, now)
	defer f.unsubscribe()
	r := f.Attach(m, func(bool) {})

	before := collection.Row{ID: "1", Date: now.Add(-time.Hour), Text: "good morning"}
	after := before
	after.Text = "good evening"
	changed := f.hash([]collection.Row{after})
	f.convert(f.showable(changed), people.References{})
	if changed[0].converted {
		t.Error("a row that nobody was shown is converted")
	}
	f.Remember(before, c, &ircd.Message{ID: "1.x", Text: before.Text, Target: c.Name()})
	again := f.changeAll(changed)
	if len(again) != 1 {
		t.Fatalf("%d rows are to be converted, want 1", len(again))
	}
	f.convert(f.showable(again), people.References{})
	if left := f.changeAll(again); len(left) != 0 {
		t.Errorf("%d rows are to be converted a second time", len(left))
	}
	if _, news, _ := r.Read(); len(news) != 0 {
		t.Errorf("readers are told %v", news[0].Event)
	}
	if _, ok := f.debounced["1"]; !ok || !f.shown.rows["1"].isVisible() {
		t.Errorf("the new text is awaited: %v", ok)
	}
}
