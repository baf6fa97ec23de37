package feed

import (
	"context"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
)

// Member is the user of a login, as far as feeds need to know: members read a feed, and one of
// them leads it. All methods may be called from any goroutine and, except for End and
// CheckRights, under the locks of this package; only CheckRights waits.
type Member interface {
	Account() *directus.Account
	Realtime() *directus.Realtime
	Names() *people.Directory
	Rights() *rights.Cache
	Log() *zerolog.Logger
	// Link is the state of the realtime session.
	Link() directus.State
	// IsOver reports that the member has ended: nothing is read for it any more.
	IsOver() bool
	// End ends the member, and with it the user's sessions, which are told why.
	End(err error)
	// CheckRights asks Directus what the user may do now.
	CheckRights(ctx context.Context) error
}

// suits reports whether a member sees what all readers see.
func (f *Feed) suits(m Member) bool {
	return !f.Key.IsShared() || m.Names().Audience(f.Group) == f.Key.Audience
}

// Audience is who provably sees what the feed shows: that of a shared feed, or the owner
// alone.
func (f *Feed) Audience() collection.Audience {
	if f.Key.IsShared() {
		return f.Key.Audience
	}
	return collection.AudienceOf(f.Key.Owner.Account().ID())
}
