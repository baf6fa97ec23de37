package presence

import (
	"maps"
	"time"

	"directus-ircd/ircd/wire"
)

// SetAway marks a connection as away, or here again if text is empty.
func (r *Roster) SetAway(m *Member, text string) {
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
func (r *Roster) refreshAway(p *user) {
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
		r.tellAround(p, &Event{Kind: AwayChanged, User: p.user, Away: text})
	}
}

// Touch notes that a user has said something.
func (r *Roster) Touch(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.p.active = time.Now()
}

// Rename gives a user another real name. The user's own connections are told
// as well.
func (r *Roster) Rename(m *Member, realname string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setRealname(m.p, realname)
}

// setRealname is rename under the lock.
func (r *Roster) setRealname(p *user, realname string) {
	realname = wire.Clip(realname, wire.NameLen)
	if realname == p.user.Realname {
		return
	}
	p.user.Realname = realname
	ev := &Event{Kind: Renamed, User: p.user}
	r.tellAround(p, ev)
	for m := range p.conns {
		m.inbox.add(ev)
	}
}

// SetSecure notes that what a connection says is encrypted on its way.
func (r *Roster) SetSecure(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.secure = true
}

// SetBot marks a connection as that of a bot, or not.
func (r *Roster) SetBot(m *Member, bot bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.bot = bot
	r.refreshBot(m.p)
}

// refreshBot derives the mark of a user from those of the connections: a bot if
// all say so. Somebody who runs a bot beside a client of their own, under one
// account, is a person whom other bots are to listen to. The caller holds mu.
func (r *Roster) refreshBot(p *user) {
	bot := true
	for m := range p.conns {
		bot = bot && m.bot
	}
	r.markBot(p, bot)
}

// markBot marks a user. The caller holds mu.
func (r *Roster) markBot(p *user, bot bool) {
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

// IsBot reports whether a user is connected and marked as a bot. It takes no
// lock.
func (r *Roster) IsBot(id string) bool {
	bots := r.bots.Load()
	if bots == nil {
		return false
	}
	_, ok := (*bots)[id]
	return ok
}
