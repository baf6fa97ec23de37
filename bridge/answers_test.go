package bridge

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
)

// Many answers to one long message bring no more of it each than is quoted: neither by
// events nor when they are read.
func TestAnswersToOneLongMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, s, seen := answersChat(t)
		if _, err := s.Join(t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
			t.Fatal(err)
		}
		ada, text := s.person.ID, "the long one "+strings.Repeat("long ", directus.MaxString/5)
		fake.Insert("messages", ada, map[string]any{"text": text})
		synctest.Wait()
		seen.questions.Store(0)
		const answers = 60
		for i := range answers {
			fake.Insert("messages", ada, map[string]any{"text": fmt.Sprint("answer ", i), "reply": 1})
		}
		synctest.Wait()
		if n := seen.questions.Load(); n != 0 {
			t.Errorf("the events of %d answers were not enough: %d questions", answers, n)
		}
		quoted := 0
		events, err := s.Poll(t.Context())
		for _, e := range events {
			if m, ok := e.(*ircd.Message); ok && m.Quote != nil && strings.HasPrefix(m.Quote.Text, "the long one long") {
				quoted++
			}
		}
		if quoted != answers || err != nil {
			t.Errorf("%d answers were shown: %v", quoted, err)
		}
		p, err := s.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: answers})
		if err != nil || len(p.Events) != answers {
			t.Fatal(len(p.Events), err)
		}
		if n := seen.questions.Load(); n > 4 {
			t.Errorf("%d answers took %d questions", answers, n)
		}
	})
}

// answersChat is a session of ada in a channel whose messages may answer others.
func answersChat(t *testing.T) (*directustest.Fake, *session, *answers) {
	t.Helper()
	return openChat(t, 0, 0, collection.Config{Fields: collection.Fields{Reply: "reply"}}, directustest.FakeCollection{
		Fields: []string{"text", "reply"}, Relations: map[string]string{"reply": "messages"},
	})
}
