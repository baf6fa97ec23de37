package bridge

import (
	"context"

	"directus-ircd/ircd"
)

// Start implements ircd.Session.
func (s *session) Start(context.Context, ircd.JoinOptions) error { return nil }
