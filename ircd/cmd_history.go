package ircd

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// historyTimeout bounds what one CHATHISTORY waits for the backend. gamja, Kiwi
// and Halloy ask for one thing after the other: an answer that never comes is
// worse than an error.
const historyTimeout = 10 * time.Second

// cmdChathistory shows what was said (IRCv3 chathistory). It asks for no
// capability, as ergo and soju do not: who sends the command knows the answer. It
// is a batch for clients that know batches, and the same lines without one for
// those who do not.
func (c *conn) cmdChathistory(ctx context.Context, m *irc.Message) error {
	r, err := parseHistory(m.Params)
	switch {
	case err != nil:
		return err
	case r.sub == historyTargets:
		return c.historyTargets(ctx, &r)
	}
	return c.historyPage(ctx, &r)
}

// historyPage shows the messages of one target.
func (c *conn) historyPage(ctx context.Context, r *historyRequest) error {
	switch q := &r.query; {
	case wire.IsChannel(q.Target):
	case !wire.IsNick(q.Target):
		return r.fail(failTarget, "No such channel or nick")
	case !c.set.features.Private:
		return r.fail(failTarget, "Private messages are not carried here")
	}
	r.query.Reactions = c.caps.has(capEventPlayback) && c.caps.has(capMessageTags) && c.caps.has(capBatch)
	ctx, cancel, alive, err := c.whenWritten(ctx)
	if err != nil || !alive {
		return err
	}
	defer cancel()
	page, err := historyAsked(ctx, r, func(ctx context.Context) (*HistoryPage, error) {
		return c.session.History(ctx, r.query)
	})
	if err != nil {
		return err
	}
	// What is known by now is shown before the batch that may hold it too: a client
	// can leave out what comes before the end of the batch that it waits for, and
	// gamja shows what comes after it once more.
	if err := c.poll(ctx); err != nil {
		return err
	}
	b := c.openHistory(c.endTags(page.End), "chathistory", page.Target)
	return c.showEvents(ctx, b, page.Events, page.More)
}

// historyTargets lists where something was said. The bounds may be given in
// either order: gamja begins with the later one.
func (c *conn) historyTargets(ctx context.Context, r *historyRequest) error {
	from, to := r.query.From.Time, r.query.To.Time
	if to.Before(from) {
		from, to = to, from
	}
	targets, err := historyAsked(ctx, r, func(ctx context.Context) ([]HistoryTarget, error) {
		return c.session.Targets(ctx, from, to, r.query.Limit)
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(targets, func(a, b HistoryTarget) int { return cmp.Compare(a.Latest.UnixMilli(), b.Latest.UnixMilli()) })
	b := c.openHistory(c.endTags(len(targets) < r.query.Limit), "draft/chathistory-targets")
	for _, t := range targets {
		c.sendIn(b, &wire.Line{
			Source: c.srv.source, Command: "CHATHISTORY",
			Params: []string{historyTargets, t.Name, t.Latest.UTC().Format(wire.TimeFormat)},
		})
		if err := c.flushLong(ctx); err != nil {
			return err
		}
	}
	c.closeHistory(b)
	return nil
}

// historyAsked asks the backend within historyTimeout, and makes a FAIL of
// whatever goes wrong.
func historyAsked[T any](ctx context.Context, r *historyRequest, ask func(context.Context) (T, error)) (T, error) {
	asking, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	answer, err := ask(asking)
	var e *Error
	switch {
	case err == nil:
		return answer, nil
	case ended(ctx) != nil:
		return answer, ended(ctx)
	case errors.As(err, &e):
		fail := r.fail(historyCode(e), e.Text)
		fail.Err = e.Err
		return answer, fail
	}
	fail := r.fail(failMessage, "Messages could not be retrieved: try again later")
	fail.Err = err
	return answer, fail
}

// historyCode is the code of a backend's refusal.
func historyCode(e *Error) string {
	switch e.Code {
	case failParams, failTarget, failRefType, failMessage:
		return e.Code
	}
	switch e.Numeric {
	case irc.ERR_NOSUCHNICK, irc.ERR_NOSUCHCHANNEL, irc.ERR_NOTONCHANNEL:
		return failTarget
	}
	return failMessage
}

// endTags mark the batch behind which there is nothing more.
func (c *conn) endTags(last bool) []wire.Tag {
	if !last || !c.caps.has(capChathistory|capMessageTags) {
		return nil
	}
	return []wire.Tag{{Key: "draft/chathistory-end"}}
}
