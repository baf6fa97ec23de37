package ircd

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// maxMonitor is how many nicks a client may monitor (MONITOR in 005).
	maxMonitor = 100
	// monitorTimeout is how long a client's other commands wait while the backend says
	// which of the nicks the client may know.
	monitorTimeout = 5 * time.Second
	// monitorRetry is about when the backend is asked again after a failure.
	monitorRetry = 30 * time.Second
)

// monitor is a client's MONITOR list. loop owns it. Its maps are made when it gets its first nick.
type monitor struct {
	list map[string]*monitored // by folded nick
	// doubtful holds the folded nicks on the list whose state may have changed since the
	// client was told: connected or not, known to the client or not.
	doubtful map[string]struct{}
	// again is set after the backend has failed, and readable when it may be asked again.
	again <-chan time.Time
}

// monitored is a nick on the list.
type monitored struct {
	nick   string // as the client wrote it
	online bool   // as the client was last told
}

// doubt records that the state of a nick may have changed.
func (m *monitor) doubt(nick string) {
	if len(m.list) == 0 {
		return // the common case
	}
	if key := wire.Fold(nick); m.list[key] != nil {
		m.doubtful[key] = struct{}{}
	}
}

// doubtAll is doubt for all nicks that are online, or for all that are not. When the client
// leaves a channel, users there may become unknown to it; when it joins one, known.
func (m *monitor) doubtAll(online bool) {
	for key, w := range m.list {
		if w.online == online {
			m.doubtful[key] = struct{}{}
		}
	}
}

// monitors reports whether the client is to be shown changes of a user with whom it shares no
// channel (IRCv3 extended-monitor). A client may not learn of users that it was never told
// are online.
func (c *conn) monitors(u User) bool {
	w := c.monitor.list[wire.Fold(u.Nick)]
	return c.caps.has(capExtendedMonitor) && w != nil && w.online
}

// settleMonitor tells the client which monitored users have come or gone. loop calls it after
// showing everything else, because it may take a while.
func (c *conn) settleMonitor(ctx context.Context) {
	if len(c.monitor.doubtful) == 0 || c.monitor.again != nil {
		return
	}
	ctx, cancel := withPatience(ctx)
	defer cancel()
	var on, off []string
	for _, key := range c.checkMonitored(ctx, slices.Sorted(maps.Keys(c.monitor.doubtful))) {
		on, off = c.monitorWord(key, on, off)
	}
	c.sendMonitor(on, off)
}

// checkMonitored finds out which of some nicks on the list are online, as far as the client
// may know, and returns those whose state has changed. The backend is asked only about users
// who are connected and share no channel with the client. What it does not answer in time is
// asked again later.
func (c *conn) checkMonitored(ctx context.Context, keys []string) (changed []string) {
	ctx, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	for i, key := range keys {
		w := c.monitor.list[key]
		_, online, err := c.find(ctx, w.nick)
		if err != nil {
			c.log.Debug().Err(err).Msg("look up a monitored user")
			c.monitor.doubtful[key] = struct{}{}
			if c.monitor.again == nil {
				c.monitor.again = time.After(monitorRetry/2 + rand.N(monitorRetry))
			}
			if ctx.Err() == nil {
				continue
			}
			for _, key := range keys[i:] {
				c.monitor.doubtful[key] = struct{}{}
			}
			break
		}
		delete(c.monitor.doubtful, key)
		if w.online != online {
			w.online = online
			changed = append(changed, key)
		}
	}
	return changed
}

// monitorWord appends a nick on the list to on, with its mask, or to off.
func (c *conn) monitorWord(key string, on, off []string) ([]string, []string) {
	w := c.monitor.list[key]
	if p, ok := c.srv.roster.ByNick(w.nick); ok && w.online {
		return append(on, prefixOf(p.User)), off
	}
	return on, append(off, w.nick)
}

func (c *conn) sendMonitor(on, off []string) {
	c.replyCommas(irc.RPL_MONONLINE, on)
	c.replyCommas(irc.RPL_MONOFFLINE, off)
}

// cmdMonitor changes and shows the list (https://ircv3.net/specs/extensions/monitor).
func (c *conn) cmdMonitor(ctx context.Context, m *irc.Message) error {
	sub, nicks := strings.ToUpper(m.Param(0)), wire.Targets(m.Param(1))
	switch {
	case (sub == "+" || sub == "-") && len(nicks) == 0:
		return errorReply(irc.ERR_NEEDMOREPARAMS, "Not enough parameters", m.Command)
	case sub == "+":
		c.monitorAdd(ctx, nicks)
	case sub == "-":
		c.monitorRemove(nicks)
	case sub == "C":
		c.monitorRemove(slices.Collect(maps.Keys(c.monitor.list)))
	case sub == "L":
		var list []string
		for _, key := range slices.Sorted(maps.Keys(c.monitor.list)) {
			list = append(list, c.monitor.list[key].nick)
		}
		c.replyCommas(irc.RPL_MONLIST, list)
		c.reply(irc.RPL_ENDOFMONLIST, "End of MONITOR list")
	case sub == "S":
		var on, off []string
		for _, key := range slices.Sorted(maps.Keys(c.monitor.list)) {
			on, off = c.monitorWord(key, on, off)
		}
		c.sendMonitor(on, off)
	default:
		return errorReply(wire.ERR_UNKNOWNERROR, "Unknown subcommand: use one of + - C L S", m.Command)
	}
	return nil
}

// monitorAdd adds nicks to the list and tells the client which of them are online. Invalid
// nicks are reported as offline and not kept.
func (c *conn) monitorAdd(ctx context.Context, nicks []string) {
	var added, on, off, full []string
	for _, nick := range nicks {
		key := wire.Fold(nick)
		switch {
		case !wire.IsNick(nick):
			off = append(off, nick)
			continue
		case c.monitor.list[key] != nil:
		case len(c.monitor.list) >= maxMonitor:
			full = append(full, nick)
			continue
		default:
			if c.monitor.list == nil {
				c.monitor.list, c.monitor.doubtful = make(map[string]*monitored), make(map[string]struct{})
			}
			c.monitor.list[key] = &monitored{nick: nick}
			c.srv.roster.Watch(c.member, key)
		}
		added = append(added, key)
	}
	c.checkMonitored(ctx, added)
	for _, key := range added {
		on, off = c.monitorWord(key, on, off)
	}
	c.sendMonitor(on, off)
	for _, list := range wire.Pack(full, wire.MaxMiddle) {
		c.reply(irc.ERR_MONLISTFULL, strconv.Itoa(maxMonitor), strings.ReplaceAll(list, " ", ","), "The list is full")
	}
}

func (c *conn) monitorRemove(nicks []string) {
	for _, nick := range nicks {
		key := wire.Fold(nick)
		if c.monitor.list[key] != nil {
			delete(c.monitor.list, key)
			delete(c.monitor.doubtful, key)
			c.srv.roster.Unwatch(c.member, key)
		}
	}
}

// replyCommas sends a numeric with a list separated by commas, on as many lines as it takes;
// none if the list is empty.
func (c *conn) replyCommas(numeric string, words []string) {
	room := wire.MaxBody - len(":"+c.srv.source+" "+numeric+" "+c.nick+" :")
	for _, list := range wire.Pack(words, room) {
		c.reply(numeric, strings.ReplaceAll(list, " ", ","))
	}
}
