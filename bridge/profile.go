package bridge

import (
	"context"

	"directus-ircd/ircd"
)

// renewProfile looks whether the user has got another name.
func (m *member) renewProfile(ctx context.Context) {
	realname, changed, err := m.names.Renew(ctx)
	if err != nil {
		m.log.Debug().Err(err).Msg("look for another name")
	}
	if changed {
		m.tell(nil, "profile", &ircd.Profile{Realname: realname})
	}
}
