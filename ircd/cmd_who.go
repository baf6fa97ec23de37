package ircd

import (
	"cmp"
	"context"
	"strings"

	"directus-ircd/ircd/presence"
	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// whoxFields are the fields of WHOX in the order of the reply, whatever order was asked for
// (https://ircv3.net/specs/extensions/whox).
const whoxFields = "tcuihsnfdlaor"

// maxMask is the longest mask that is matched against all users. No value is longer, and a
// line of asterisks would keep the server busy.
const maxMask = 256

// whoQuery is one WHO command.
type whoQuery struct {
	mask   string // as sent
	flags  string // what the mask is matched against; o: operators only
	x      bool   // WHOX
	fields string // the fields asked for, see whoxFields
	token  string
}

// parseWho parses WHO [mask [flags][%fields[,token]]].
func parseWho(m *irc.Message) whoQuery {
	q := whoQuery{mask: m.Param(0), token: "0"}
	var spec string
	q.flags, spec, q.x = strings.Cut(m.Param(1), "%")
	q.fields, spec, _ = strings.Cut(spec, ",")
	if spec != "" {
		q.token = spec[:min(len(spec), 3)]
	}
	return q
}

// cmdWho answers WHO and WHOX for channels that the client is in, a nick, or a mask over the
// users that are visible to the client. The final 315 repeats the mask.
func (c *conn) cmdWho(ctx context.Context, m *irc.Message) error {
	q := parseWho(m)
	if strings.Contains(q.flags, "o") {
		// Operators only: there are none.
	} else if err := c.who(ctx, q); err != nil {
		return err
	}
	c.reply(irc.RPL_ENDOFWHO, cmp.Or(q.mask, "*"), "End of /WHO list")
	return nil
}

func (c *conn) who(ctx context.Context, q whoQuery) error {
	if strings.HasPrefix(q.mask, "#") {
		return c.whoChannels(ctx, q)
	}
	if wire.IsNick(q.mask) && (!q.restricted() || strings.Contains(q.flags, "n")) {
		if found, err := c.whoNick(ctx, q); found || err != nil {
			return err
		}
	}
	if q.mask == "" || q.mask == "0" {
		q.mask = "*"
	}
	if len(q.mask) > maxMask {
		return nil
	}
	for _, p := range c.visible() {
		if c.whoMatches(q, &p) {
			c.whoReply(q, c.anyChannel(p.ID), &p, true)
		}
	}
	return nil
}

// restricted reports whether the flags say what the mask is matched against.
func (q *whoQuery) restricted() bool { return strings.ContainsAny(q.flags, "nuhsra") }

func (c *conn) whoChannels(ctx context.Context, q whoQuery) error {
	return c.each(ctx, "WHO", wire.Targets(q.mask), func(name string) error {
		if ch := c.channels[wire.Fold(name)]; ch != nil {
			for _, p := range c.srv.roster.Members(ch.key) {
				c.whoReply(q, ch.name, &p, true)
			}
		}
		return nil
	})
}

// whoMatches reports whether a mask matches a user: any value, or those named by the flags.
func (c *conn) whoMatches(q whoQuery, p *presence.Person) bool {
	flags := q.flags
	if !q.restricted() {
		flags = "nuhsr"
		if wire.Match(q.mask, prefixOf(p.User)) {
			return true
		}
	}
	values := map[rune]string{'n': p.Nick, 'u': p.Username, 'h': p.Host, 's': c.srv.source, 'r': p.Realname, 'a': p.Account}
	for _, flag := range flags {
		if v, ok := values[flag]; ok && wire.Match(q.mask, v) {
			return true
		}
	}
	return false
}

// whoNick answers for one user, connected or not, and reports whether there is one.
func (c *conn) whoNick(ctx context.Context, q whoQuery) (found bool, err error) {
	p, here, err := c.lookup(ctx, q.mask)
	if err == nil && p == nil && c.isSelf(q.mask) {
		p, here, err = c.lookup(ctx, c.user.Nick)
	}
	if err != nil {
		return true, c.answer(ctx, "WHO", refused(err, irc.ERR_NOSUCHNICK, q.mask))
	}
	if p != nil {
		c.whoReply(q, c.anyChannel(p.ID), p, here)
	}
	return p != nil, nil
}

// anyChannel is the channel to show for a user: the first shared one, or "*".
func (c *conn) anyChannel(id string) string {
	if shared := c.sharedChannels(id); len(shared) > 0 {
		return shared[0]
	}
	return "*"
}

// whoReply sends 352, or 354 for WHOX.
func (c *conn) whoReply(q whoQuery, channel string, p *presence.Person, here bool) {
	flags := "H"
	if !here || p.Away != "" {
		flags = "G"
	}
	if p.Bot {
		flags += string(botMode)
	}
	if !q.x {
		c.reply(irc.RPL_WHOREPLY, channel, p.Username, p.Host, c.srv.source, p.Nick, flags, "0 "+p.Realname)
		return
	}
	values := map[rune]string{
		't': q.token, 'c': channel, 'u': p.Username, 'i': "255.255.255.255", 'h': p.Host, 's': c.srv.source,
		'n': p.Nick, 'f': flags, 'd': "0", 'l': idleSeconds(p), 'a': cmp.Or(p.Account, "0"), 'o': "n/a", 'r': p.Realname,
	}
	var params []string
	for _, f := range whoxFields {
		if strings.ContainsRune(q.fields, f) {
			params = append(params, values[f])
		}
	}
	if strings.ContainsRune(q.fields, 'r') {
		c.reply(wire.RPL_WHOSPCRPL, params...) // the real name always has a colon
	} else {
		c.replyPlain(wire.RPL_WHOSPCRPL, params...)
	}
}
