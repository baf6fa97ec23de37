package ircd

import (
	"context"
	"strings"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// redactInvalidTarget is a code of FAIL REDACT; the others come from the Session.
const redactInvalidTarget = "INVALID_TARGET"

// cmdRedact has a message deleted (draft/message-redaction). It may be used
// without the capability too: that one decides only how a deletion is shown.
func (c *conn) cmdRedact(ctx context.Context, m *irc.Message) error {
	target := m.Param(0)
	switch ch := c.channels[wire.Fold(target)]; {
	case ch != nil:
		target = ch.name
	case strings.HasPrefix(target, "#"):
		return &Error{Code: redactInvalidTarget, Params: []string{target}, Text: "Not deleted: you are not in that channel, join it first"}
	case !c.set.features.Private:
		return &Error{Code: redactInvalidTarget, Params: []string{target}, Text: "Not deleted: there are no private messages here"}
	case !wire.IsNick(target):
		return &Error{Code: redactInvalidTarget, Params: []string{target}, Text: "Not deleted: no such channel or nick"}
	}
	r, err := c.session.Redact(ctx, target, m.Param(1), wire.Clip(wire.CleanText(m.Param(2)), maxReason))
	if err != nil {
		return err
	}
	err = c.poll(ctx) // what was said before is shown before
	if r != nil {
		c.showRedaction(r)
	}
	return err
}

// showRedaction shows that a message was deleted: as such to clients that know
// what that is, else in words, if that is wanted.
func (c *conn) showRedaction(r *Redaction) {
	if r.Time.IsZero() {
		now := *r // the event is shared
		now.Time = c.srv.now()
		r = &now
	}
	switch {
	case c.knowsRedactions():
		f, line := c.form(false), *r
		line.By, line.Target = c.srv.undoing(r.By, r.Target, r.From, r.To, c.user)
		c.sendAll(batch{}, c.srv.redactions.get(line, f, func() *rendering { return newRendering(renderRedaction(&line, f)) }))
	case c.set.DeleteNotices:
		if text := deletionText(r); text != "" {
			c.showService(&ServiceNotice{Target: r.Target, Text: text})
		}
	}
}

func (c *conn) knowsRedactions() bool { return c.caps.has(capRedaction) && c.caps.has(capMessageTags) }
