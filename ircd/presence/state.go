package presence

import (
	"maps"
	"time"

	"directus-ircd/ircd/wire"
)

// SetAway marks a connection as away, or as present if text is empty.
func (r *Roster) SetAway(m *Member, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aways++
	m.away, m.awaySeq = text, r.aways
	r.refreshAway(m.p)
}

const (
	// unattended is the AWAY of a client with nobody in front of it (IRCv3 pre-away).
	unattended = "*"
	// awayText is shown for a user whose clients are all unattended.
	awayText = "Away"
)

// refreshAway derives a user's away state from the connections: away if all are, with
// the text of the latest AWAY. Unattended connections count only if there are no others.
// The caller holds mu.
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

// Touch records that a user has sent a message.
func (r *Roster) Touch(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.p.active = time.Now()
}

// Rename changes a user's real name. The user's own connections are told too.
func (r *Roster) Rename(m *Member, realname string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setRealname(m.p, realname)
}

// setRealname is Rename for a caller that holds mu.
func (r *Roster) setRealname(p *user, realname string) {
	realname = wire.Clip(realname, wire.NameLen)
	if realname == p.user.Realname {
		return
	}
	p.user.Realname = realname
	ev := &Event{Kind: Renamed, User: p.user}
	r.tellAround(p, ev)
	for m := range p.conns {
		r.pass(m.inbox, ev)
	}
}

// SetBot marks a connection as a bot's, or as no bot's.
func (r *Roster) SetBot(m *Member, bot bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.bot = bot
	r.refreshBot(m.p)
}

// refreshBot derives whether a user is a bot from the connections: only if all say so.
// Somebody who runs a bot and a client under one account is a person, whom other bots
// should not ignore. The caller holds mu.
func (r *Roster) refreshBot(p *user) {
	bot := true
	for m := range p.conns {
		bot = bot && m.bot
	}
	r.markBot(p, bot)
}

// markBot marks a user as a bot, or not. The caller holds mu.
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
