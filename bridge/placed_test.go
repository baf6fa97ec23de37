package bridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd"
)

// A page of long texts has Directus sort their places alone: a database without an index
// sorts whole rows, and would do so for each answer that the page takes.
func TestLongTextsAreNotSorted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, seen := longChat(t, 70, longText, 0)
		page := func(limit int) []string {
			p, err := s.History(t.Context(), ircd.HistoryQuery{Target: "#messages", Mode: ircd.HistoryLatest, Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			return whole(t, p.Events, p.More)
		}
		page(9) // tells how long they are
		sorts, questions := seen.sorts.Load(), seen.questions.Load()
		wantLines(t, "the latest", page(50), 20, 70)
		if n := seen.sorts.Load() - sorts; n != 0 {
			t.Errorf("texts were sorted %d times", n)
		}
		if n := seen.questions.Load() - questions; n > 2*50/8+2 {
			t.Errorf("%d questions", n)
		}
	})
}

// Places that were known are not given twice, and what is deleted or grows too long for
// an answer in between takes nothing else with it.
func TestPlacedRowsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, s, _ := longChat(t, 60, longText, 0)
		group := s.plan.groups[s.plan.channels["#messages"]][0]
		scan := &collection.Scan{Account: s.member.account, Group: group, Down: true, Size: 50}
		var got []string
		for round := 0; !scan.Done; round++ {
			rows, _, err := scan.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				got = append(got, r.ID)
			}
			if round == 2 {
				fake.Remove("messages", "20")
				for _, id := range []string{"18", "17", "16", "15", "14"} {
					fake.Update("messages", id, map[string]any{"text": strings.Repeat("grown ", 40_000)})
				}
			}
		}
		var want []string
		for i := 60; i > 0; i-- {
			if i != 20 {
				want = append(want, fmt.Sprint(i))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
	})
}
