package feed

import (
	"context"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
)

// Member is the user of a login, as far as feeds need to know: those who read a feed, one of
// whom it reads Directus for. All methods may be called from any goroutine, under the locks
// of this package, and but for CheckRights none waits.
type Member interface {
	Account() *directus.Account
	Realtime() *directus.Realtime
	Names() *people.Directory
	Rights() *rights.Cache
	Log() *zerolog.Logger
	// IsUp reports that the realtime session is open.
	IsUp() bool
	// IsOver reports that the member has ended: nothing is read for it any more.
	IsOver() bool
	// End ends the member, and with it the user's sessions, which are told why.
	End(err error)
	// CheckRights asks Directus what the user may do now.
	CheckRights(ctx context.Context) error
}
