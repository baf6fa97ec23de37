package ircd

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

// historyTimeout is how long a CHATHISTORY waits for the backend. gamja, Kiwi and Halloy
// send one request after the other, so a missing answer is worse than an error.
const historyTimeout = 10 * time.Second

// cmdChathistory sends past messages (IRCv3 chathistory), in a batch if the client supports
// that. Like ergo and soju it does not require the capability: a client that sends the
// command understands the answer.
func (c *conn) cmdChathistory(ctx context.Context, m *irc.Message) error {
	if !c.features().History {
		return errorReply(irc.ERR_UNKNOWNCOMMAND, "Past messages cannot be queried here", m.Command)
	}
	r, err := parseHistory(m.Params)
	switch {
	case err != nil:
		return err
	case r.sub == historyTargets:
		return c.historyTargets(ctx, &r)
	}
	return c.historyPage(ctx, &r)
}

func (c *conn) historyPage(ctx context.Context, r *historyRequest) error {
	switch q := &r.query; {
	case wire.IsChannel(q.Target):
	case !wire.IsNick(q.Target):
		return r.fail(failTarget, "No such channel or nick")
	case !c.set.features.Private:
		return r.fail(failTarget, "There are no private messages here")
	}
	r.query.Reactions = c.caps.has(capEventPlayback) && c.caps.has(capMessageTags) && c.caps.has(capBatch)
	// A client that does not read must not hold a page. However long it takes to read what
	// was sent before, the page then gets the full time of a command.
	if alive, err := c.written(ctx); err != nil || !alive {
		return err
	}
	ctx, cancel := withPatience(Lasting(ctx))
	defer cancel()
	page, err := historyAsked(ctx, r, func(ctx context.Context) (*HistoryPage, error) {
		return c.has.history.History(ctx, r.query)
	})
	if err != nil {
		return err
	}
	// News that the batch may contain too go before it: clients can drop duplicates that
	// come before the end of the batch, but gamja shows those after it twice.
	if err := c.poll(ctx); err != nil {
		return err
	}
	target := page.Target
	if !wire.IsChannel(target) && wire.Fold(target) == wire.Fold(r.query.Target) {
		target = r.query.Target // a client may compare it with what it has asked for
	}
	b := c.openHistory(c.endTags(page.End), "chathistory", target)
	return c.showEvents(ctx, b, page, time.Time{})
}

// historyTargets lists the channels and users with messages.
func (c *conn) historyTargets(ctx context.Context, r *historyRequest) error {
	targets, err := historyAsked(ctx, r, func(ctx context.Context) ([]HistoryTarget, error) {
		return c.has.history.Targets(ctx, r.query.From.Time, r.query.To.Time, r.query.Limit)
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
	c.closeBatch(b)
	return nil
}

// historyAsked calls ask with a timeout of historyTimeout and turns its error into a FAIL.
func historyAsked[T any](ctx context.Context, r *historyRequest, ask func(context.Context) (T, error)) (T, error) {
	asking, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	answer, err := ask(asking)
	if err != nil {
		err = failed(ctx, err, "Messages could not be retrieved: try again later", historyCode, r.context()...)
	}
	return answer, err
}

// historyCode is the code for FAIL CHATHISTORY that matches a backend's error.
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

// endTags are the tags of a batch that is the last one.
func (c *conn) endTags(last bool) []wire.Tag {
	if !last || !c.caps.has(capChathistory|capMessageTags) {
		return nil
	}
	return []wire.Tag{{Key: "draft/chathistory-end"}}
}

// maxHistory is how many messages or targets a CHATHISTORY returns at most (ISUPPORT
// CHATHISTORY). Asking for more is no error: gamja always asks for 1000 targets.
const maxHistory = 500

// The codes of FAIL CHATHISTORY (IRCv3 chathistory, "Errors and Warnings").
const (
	failParams  = "INVALID_PARAMS"
	failTarget  = "INVALID_TARGET"
	failRefType = "INVALID_MSGREFTYPE"
	failMessage = "MESSAGE_ERROR"
)

// historyForm is the form of a subcommand of CHATHISTORY: its mode and how many references
// it takes.
type historyForm struct {
	mode HistoryMode
	refs int
}

// historyForms are the subcommands that ask for messages.
var historyForms = map[string]historyForm{
	"LATEST":  {HistoryLatest, 1},
	"BEFORE":  {HistoryBefore, 1},
	"AFTER":   {HistoryAfter, 1},
	"AROUND":  {HistoryAround, 1},
	"BETWEEN": {HistoryBetween, 2},
}

// historyTargets is the subcommand that lists channels and users with messages. It takes no
// target.
const historyTargets = "TARGETS"

// historyRequest is a parsed CHATHISTORY.
type historyRequest struct {
	sub string // in upper case
	// query is what is asked for. For TARGETS only From.Time, To.Time and Limit are set.
	query HistoryQuery
}

// fail makes the error for a request.
func (r *historyRequest) fail(code, text string) *Error { return failReply(code, text, r.context()...) }

// context is the context of errors. The target, if any, is always the fourth parameter: Kiwi
// uses it to find out which of its requests failed.
func (r *historyRequest) context() []string {
	if r.query.Target == "" {
		return []string{r.sub}
	}
	return []string{r.sub, r.query.Target}
}

// parseHistory parses the parameters of CHATHISTORY. Subcommands and types of references are
// case-insensitive, and BEFORE * means LATEST *, which old Kiwi sends.
func parseHistory(params []string) (historyRequest, error) {
	var r historyRequest
	if len(params) == 0 || params[0] == "" {
		return r, failReply(failParams, "Insufficient parameters: the subcommand is missing", "*")
	}
	r.sub = strings.ToUpper(params[0])
	form, known := historyForms[r.sub]
	rest := params[1:]
	switch {
	case known && len(rest) > 0:
		r.query.Target, rest = rest[0], rest[1:]
	case r.sub == historyTargets:
		form.refs = 2
	case !known:
		r.sub = params[0]
		return r, r.fail(failParams, "Unknown command")
	}
	switch want := form.refs + 1; {
	case len(rest) < want:
		return r, r.fail(failParams, "Insufficient parameters")
	case len(rest) > want:
		return r, r.fail(failParams, "Too many parameters")
	}
	r.query.Mode = form.mode
	return r, r.parseSelectors(rest[:form.refs], rest[form.refs])
}

func (r *historyRequest) parseSelectors(refs []string, limit string) error {
	q := &r.query
	to := []*Position{&q.From, &q.To}
	for i, ref := range refs {
		if ref == "*" && (r.sub == "LATEST" || r.sub == "BEFORE") {
			q.Mode = HistoryLatest
			continue
		}
		p, code := parsePosition(ref)
		switch {
		case code == "" && r.sub == historyTargets && p.MsgID != "":
			return r.fail(failRefType, "TARGETS takes timestamp= references only")
		case code == failRefType:
			return r.fail(code, "The types of references are msgid= and timestamp=")
		case code != "":
			return r.fail(code, "Invalid reference: write msgid=… or timestamp=YYYY-MM-DDThh:mm:ss.sssZ")
		}
		*to[i] = p
	}
	n, ok := parseLimit(limit)
	if !ok {
		return r.fail(failParams, "Invalid limit: write a number of at least 1")
	}
	q.Limit = n
	return nil
}

// parsePosition parses a reference. code is the code of the error; empty if there is none.
func parsePosition(ref string) (p Position, code string) {
	kind, value, ok := strings.Cut(ref, "=")
	switch {
	case !ok || kind == "" || value == "":
		return p, failParams
	case strings.EqualFold(kind, "msgid"):
		return Position{MsgID: value}, ""
	case strings.EqualFold(kind, "timestamp"):
		t, ok := wire.ParseTime(value)
		if !ok {
			return p, failParams
		}
		return Position{Time: t}, ""
	}
	return p, failRefType
}

// parseLimit parses a limit and lowers it to maxHistory.
func parseLimit(s string) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" || strings.Trim(s, "0") == "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	if err != nil { // too large for an int
		return maxHistory, true
	}
	return min(n, maxHistory), true
}
