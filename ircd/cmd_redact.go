package ircd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// redactInvalidTarget is a code of FAIL REDACT. Sessions return others.
const redactInvalidTarget = "INVALID_TARGET"

// cmdRedact deletes a message (draft/message-redaction). It does not require the capability,
// which only decides how deletions are shown.
func (c *conn) cmdRedact(ctx context.Context, m *irc.Message) error {
	target := m.Param(0)
	switch ch := c.channels[wire.Fold(target)]; {
	case ch != nil:
		target = ch.name
	case strings.HasPrefix(target, "#"):
		return failReply(redactInvalidTarget, "Not deleted: you are not in that channel, join it first", target)
	case !c.set.features.Private:
		return failReply(redactInvalidTarget, "Not deleted: there are no private messages here", target)
	case !wire.IsNick(target):
		return failReply(redactInvalidTarget, "Not deleted: no such channel or nick", target)
	}
	r, err := c.session.Redact(ctx, target, m.Param(1), wire.Clip(wire.CleanText(m.Param(2)), maxReason))
	if err != nil {
		return err
	}
	err = c.poll(ctx) // earlier events are shown first
	if r != nil {
		c.showRedaction(r)
	}
	return err
}

// showRedaction shows that a message was deleted: as a REDACT to clients that support it,
// otherwise in words, if Options.DeleteNotices asks for it.
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

// renderRedaction makes the REDACT (draft/message-redaction) of a redaction with the source
// of the line in By and the window in Target. The source is always a user's mask: Halloy
// drops the line otherwise.
func renderRedaction(r *Redaction, f form) []wire.Line {
	l := wire.Line{Tags: actorTags(r.By, f, r.Time), Source: prefixOf(r.By), Command: "REDACT", Params: []string{r.Target, r.MsgID}}
	if r.Reason != "" {
		l.Params, l.Trailing = append(l.Params, wire.CleanText(r.Reason)), true
	}
	return []wire.Line{l}
}

// deletionText describes a deletion in words. Users recognize a message by its time and its
// text; without a time the result is empty.
func deletionText(r *Redaction) string {
	if r.Said.IsZero() {
		return ""
	}
	when := ago(r.Time.Sub(r.Said))
	text := "A message by " + r.From.Nick + " from " + when + " was deleted"
	switch {
	case r.byAuthor():
		text = r.From.Nick + " deleted a message from " + when
	case r.By.ID != "":
		text = r.By.Nick + " deleted a message by " + r.From.Nick + " from " + when
	}
	if said := wire.Beginning(r.Text, maxQuote); said != "" && r.byAuthor() {
		text += `: "` + said + `"`
	}
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	return text
}

// ago describes how long ago something was.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 10*time.Second:
		return "a moment ago"
	case d < time.Minute:
		return plural(d/time.Second, "second")
	case d < time.Hour:
		return plural(d/time.Minute, "minute")
	case d < day:
		return plural(d/time.Hour, "hour")
	}
	return plural(d/day, "day")
}

func plural(n time.Duration, unit string) string {
	if n == 1 {
		return "1 " + unit + " ago"
	}
	return fmt.Sprintf("%d %ss ago", int64(n), unit)
}
