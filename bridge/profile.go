package bridge

import (
	"context"

	"directus-ircd/ircd"
)

// renewProfile looks whether the user has got another name. A nick in use does not
// change.
func (m *member) renewProfile(ctx context.Context) {
	me, err := m.account.Me(ctx, append([]string{"id"}, m.names.fields...))
	if err != nil {
		m.log.Debug().Err(err).Msg("read own name")
		return
	}
	p := m.names.toPerson(me)
	p.id = m.account.ID()
	if realname, changed := m.names.nicks.rename(p); changed {
		m.tell(nil, "profile", &ircd.Profile{Realname: realname})
	}
}
