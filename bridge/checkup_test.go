package bridge

import (
	"context"
	"testing"

	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
	"directus-ircd/ircd/ircdtest"
)

// noRights is an account of a Directus that does not tell rights: they may have changed whenever
// it is asked.
type noRights struct{}

func (noRights) Permissions(context.Context) (directus.Permissions, error) { return nil, nil }
func (noRights) Administrator(context.Context) (bool, error)               { return false, nil }

// As long as it is not certain that a user was taken off what is shared with people who
// may read more, nothing of it is shown, and the next check makes up for it.
func TestChangeOfRightsIsHonouredLater(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		ada := stillMember(t)
		defer ada.feeds.Close()
		ada.rights = rights.NewCache(noRights{}, &rights.Shared{})
		renew := func() {
			if err := ada.rights.Renew(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		renew()
		ada.honoured.Store(ada.rights.Changes())
		if !ada.isVerified() {
			t.Fatal("there is no proof")
		}
		renew()
		if ada.isVerified() {
			t.Error("proven, though nobody has looked at the feeds since the rights have changed")
		}
	})
}
