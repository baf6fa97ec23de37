package ircd

import (
	"maps"
	"time"

	"directus-ircd/ircd/wire"
)

// setAway marks a connection as away, or here again if text is empty.
func (r *roster) setAway(m *member, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aways++
	m.away, m.awaySeq = text, r.aways
	r.refreshAway(m.p)
}

const (
	// unattended is the AWAY of a client that nobody sits at (IRCv3 pre-away).
	unattended = "*"
	// awayText is what others are told of a user whose clients are all so.
	awayText = "Away"
)

// refreshAway derives a user's state from those of the connections: away when
// all are, with the words of the latest. Unattended ones count for nothing if
// there is any other. The caller holds mu.
func (r *roster) refreshAway(p *presence) {
	text := awayText
	var latest uint64
	for m := range p.conns {
		if m.away == "" {
			text = ""
			break
		}
		if m.away != unattended && m.awaySeq > latest {
			text, latest = m.away, m.awaySeq
		}
	}
	if text != p.away {
		p.away = text
		r.tellAround(p, &presenceEvent{kind: awayChanged, user: p.user, away: text})
	}
}

// touch notes that a user has said something.
func (r *roster) touch(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.p.active = time.Now()
}

// rename gives a user another real name. The user's own connections are told
// as well.
func (r *roster) rename(m *member, realname string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setRealname(m.p, realname)
}

// setRealname is rename under the lock.
func (r *roster) setRealname(p *presence, realname string) {
	realname = wire.Clip(realname, wire.NameLen)
	if realname == p.user.Realname {
		return
	}
	p.user.Realname = realname
	ev := &presenceEvent{kind: renamed, user: p.user}
	r.tellAround(p, ev)
	for m := range p.conns {
		m.inbox.add(ev)
	}
}

// setSecure notes that what a connection says is encrypted on its way.
func (r *roster) setSecure(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.secure = true
}

// setBot marks a connection as that of a bot, or not.
func (r *roster) setBot(m *member, bot bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.bot = bot
	r.refreshBot(m.p)
}

// refreshBot derives the mark of a user from those of the connections: a bot if
// all say so. Somebody who runs a bot beside a client of their own, under one
// account, is a person whom other bots are to listen to. The caller holds mu.
func (r *roster) refreshBot(p *presence) {
	bot := true
	for m := range p.conns {
		bot = bot && m.bot
	}
	r.markBot(p, bot)
}

// markBot marks a user. The caller holds mu.
func (r *roster) markBot(p *presence, bot bool) {
	if p.bot == bot {
		return
	}
	p.bot = bot
	bots := make(map[string]struct{})
	if old := r.bots.Load(); old != nil {
		maps.Copy(bots, *old)
	}
	if bot {
		bots[p.user.ID] = struct{}{}
	} else {
		delete(bots, p.user.ID)
	}
	r.bots.Store(&bots)
}

// isBot reports whether a user is connected and marked as a bot. It takes no
// lock.
func (r *roster) isBot(id string) bool {
	bots := r.bots.Load()
	if bots == nil {
		return false
	}
	_, ok := (*bots)[id]
	return ok
}
