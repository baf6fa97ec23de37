package ircd

import (
	"strconv"
	"strings"

	"directus-ircd/ircd/wire"
)

// maxHistory is how many messages, or targets, one CHATHISTORY may ask for
// (ISUPPORT CHATHISTORY). More is no error: gamja asks for 1000 targets whatever
// it was told.
const maxHistory = 500

// The codes of FAIL CHATHISTORY (IRCv3 chathistory, "Errors and Warnings").
const (
	failParams  = "INVALID_PARAMS"
	failTarget  = "INVALID_TARGET"
	failRefType = "INVALID_MSGREFTYPE"
	failMessage = "MESSAGE_ERROR"
)

// historyForm is the form of a subcommand of CHATHISTORY: how many references it
// takes, and where they go.
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

// historyTargets is the subcommand that asks for the places where something was
// said. It has no target of its own.
const historyTargets = "TARGETS"

// historyRequest is a CHATHISTORY that was understood.
type historyRequest struct {
	sub string // in upper case
	// query is what is asked for. Of TARGETS only From.Time, To.Time and Limit
	// are set.
	query HistoryQuery
}

// fail makes the error of a request. The target is the fourth parameter wherever
// there is one: Kiwi finds by it which of its requests failed.
func (r *historyRequest) fail(code, text string) *Error {
	params := []string{r.sub}
	if r.query.Target != "" {
		params = append(params, r.query.Target)
	}
	return &Error{Params: params, Text: text, Code: code}
}

// parseHistory reads the parameters of CHATHISTORY. Subcommands and the types of
// references are taken in any case, and BEFORE * is LATEST *, as old Kiwi has it.
func parseHistory(params []string) (historyRequest, error) {
	var r historyRequest
	if len(params) == 0 || params[0] == "" {
		return r, &Error{Params: []string{"*"}, Text: "Insufficient parameters: the subcommand is missing", Code: failParams}
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

// parseSelectors reads the references and the limit.
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
			return r.fail(failRefType, "Targets are listed by timestamp= only")
		case code == failRefType:
			return r.fail(code, "The types of references are msgid= and timestamp=")
		case code != "":
			return r.fail(code, "Invalid reference: write msgid=… or timestamp=YYYY-MM-DDThh:mm:ss.sssZ")
		}
		*to[i] = p
	}
	n, ok := parseLimit(limit)
	if !ok {
		return r.fail(failParams, "Invalid limit: write a number from 1 on")
	}
	q.Limit = n
	return nil
}

// parsePosition reads a reference. The code is empty if it is one.
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

// parseLimit reads a limit, which may be higher than what is given.
func parseLimit(s string) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" || strings.Trim(s, "0") == "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	if err != nil { // more than fits into a number
		return maxHistory, true
	}
	return min(n, maxHistory), true
}
