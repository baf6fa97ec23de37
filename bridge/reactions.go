package bridge

import (
	"context"

	"directus-ircd/ircd"
)

// React implements ircd.Session.
func (s *session) React(context.Context, ircd.Reacting) (*ircd.Reaction, error) {
	return nil, notOffered("TAGMSG")
}
