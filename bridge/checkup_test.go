package bridge

import (
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// As long as it is not certain that a user was taken off what is shared with people who
// may read more, nothing of it is shown, and the next check makes up for it.
func TestChangeOfRightsIsHonouredLater(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ada := stillMember(t)
		defer ada.feeds.Close()
		ada.rights.Learn(nil, time.Now())
		ada.honoured.Store(ada.rights.Changes())
		if !ada.isVerified() {
			t.Fatal("there is no proof")
		}
		ada.rights.Learn(nil, time.Now())
		if ada.isVerified() {
			t.Error("proven, though nobody has looked at the feeds since the rights have changed")
		}
	})
}
