package bridge

import (
	"context"
	"time"

	"directus-ircd/ircd"
)

// watchProfile looks now and then whether the user has got another name, until
// ctx ends; its caller joins it. A nick in use does not change.
func (m *member) watchProfile(ctx context.Context) {
	timer := time.NewTimer(jitter(nameLife))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(jitter(nameLife))
		m.renewProfile(ctx)
	}
}

func (m *member) renewProfile(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
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
