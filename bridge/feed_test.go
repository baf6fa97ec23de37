package bridge

import "testing"

// Directus may send one event twice.
func TestOneBatchHoldsARowTwice(t *testing.T) {
	f := &feed{seen: map[string]mark{}}
	if got := f.unseen([]row{{id: "1"}, {id: "2"}, {id: "1"}}); len(got) != 2 {
		t.Errorf("%d rows of 2", len(got))
	}
}
