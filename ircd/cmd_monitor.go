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
	// maxMonitor is how many nicks a client may wait for (MONITOR in 005).
	maxMonitor = 100
	// monitorTimeout is how long a client's other commands wait at most while
	// the backend says who of those nicks may be known.
	monitorTimeout = 5 * time.Second
	// monitorRetry is when it is asked again if it did not.
	monitorRetry = 30 * time.Second
)

// monitor is the list of a client's MONITOR. The loop owns it.
type monitor struct {
	list map[string]*monitored // by folded nick
	// doubtful are those on the list who may have come, gone, or become known
	// or unknown to the client since it was told.
	doubtful map[string]struct{}
	// again is set while the backend is left in peace, after it failed.
	again <-chan time.Time
}

// monitored is a nick on the list.
type monitored struct {
	nick   string // as the client wrote it
	online bool   // what the client was told last
}

func newMonitor() monitor {
	return monitor{list: make(map[string]*monitored), doubtful: make(map[string]struct{})}
}

// doubt notes that something happened to a nick.
func (m *monitor) doubt(nick string) {
	if len(m.list) == 0 {
		return // as nearly always
	}
	if key := wire.Fold(nick); m.list[key] != nil {
		m.doubtful[key] = struct{}{}
	}
}

// doubtAll is doubt for all who are online, or for all who are not: those the
// client leaves a channel with may become unknown, those in one that it joins
// known.
func (m *monitor) doubtAll(online bool) {
	for key, w := range m.list {
		if w.online == online {
			m.doubtful[key] = struct{}{}
		}
	}
}

// monitors reports whether the client is to see what happens to a user with whom
// it shares no channel (IRCv3 extended-monitor). Whom it was not told to be
// online, it may not know.
func (c *conn) monitors(u User) bool {
	w := c.monitor.list[wire.Fold(u.Nick)]
	return c.caps.has(capExtendedMonitor) && w != nil && w.online
}

// settleMonitor tells the client who of its list has come or gone. The loop
// calls it when it has shown everything else, for it may take a while.
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

// checkMonitored finds out who of some nicks on the list is online, as far as
// the client may know, and returns those of whom the client was told otherwise.
// A request to the backend is made only for those who are connected and share no
// channel; what it does not answer in time is asked again later.
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

// monitorWord adds a nick on the list to those that are online, with their mask,
// or to those that are not.
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

// cmdMonitor keeps the list (https://ircv3.net/specs/extensions/monitor).
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
		return errorReply(wire.ERR_UNKNOWNERROR, "Unknown subcommand: there are + - C L S", m.Command)
	}
	return nil
}

// monitorAdd puts nicks on the list and says who of them is online. Those that
// cannot be a nick are not kept: they never will be.
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

// replyCommas sends a numeric with a list divided by commas, as often as it
// takes; not at all if it is empty.
func (c *conn) replyCommas(numeric string, words []string) {
	room := wire.MaxBody - len(":"+c.srv.source+" "+numeric+" "+c.nick+" :")
	for _, list := range wire.Pack(words, room) {
		c.reply(numeric, strings.ReplaceAll(list, " ", ","))
	}
}
