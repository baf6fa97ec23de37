package ircd

import (
	"errors"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/wire"
)

func TestParseHistory(t *testing.T) {
	at := func(s string) Position {
		p, err := time.Parse(wire.TimeFormat, s)
		if err != nil {
			t.Fatal(err)
		}
		return Position{Time: p}
	}
	id := func(s string) Position { return Position{MsgID: s} }
	noon := "2019-01-04T12:00:00.123Z"
	long := strings.Repeat("9", 30)
	for _, c := range []struct {
		line string
		want HistoryQuery
		fail string // the code and the parameters instead
	}{
		{line: "LATEST #c * 50", want: HistoryQuery{Target: "#c", Limit: 50}},
		{line: "latest #C * 500", want: HistoryQuery{Target: "#C", Limit: 500}},
		{line: "LATEST bob msgid=Ab=c 501", want: HistoryQuery{Target: "bob", From: id("Ab=c"), Limit: 500}},
		{line: "LATEST #c * " + long, want: HistoryQuery{Target: "#c", Limit: 500}},
		{line: "BEFORE #c timestamp=" + noon + " 1", want: HistoryQuery{Target: "#c", Mode: HistoryBefore, From: at(noon), Limit: 1}},
		{line: "BEFORE #c * 7", want: HistoryQuery{Target: "#c", Limit: 7}},
		{line: "after #c MsgId=X 007", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: id("X"), Limit: 7}},
		{line: "AROUND #c TIMESTAMP=" + noon + " 2", want: HistoryQuery{Target: "#c", Mode: HistoryAround, From: at(noon), Limit: 2}},
		{line: "BETWEEN #c timestamp=" + noon + " msgid=1 9", want: HistoryQuery{Target: "#c", Mode: HistoryBetween, From: at(noon), To: id("1"), Limit: 9}},
		{line: "BETWEEN #c msgid=2 msgid=1 9", want: HistoryQuery{Target: "#c", Mode: HistoryBetween, From: id("2"), To: id("1"), Limit: 9}},
		{line: "TARGETS timestamp=" + noon + " timestamp=" + noon + " 1000", want: HistoryQuery{From: at(noon), To: at(noon), Limit: 500}},
		// Times as people and other programs write them.
		{line: "AFTER #c timestamp=2019-01-04T12:00:00Z 1", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: at("2019-01-04T12:00:00.000Z"), Limit: 1}},
		{line: "AFTER #c timestamp=2019-01-04T12:00:00.123999Z 1", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: at(noon), Limit: 1}},
		{line: "AFTER #c timestamp=2019-01-04T13:00:00.123+01:00 1", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: at(noon), Limit: 1}},
		{line: "AFTER #c timestamp=0001-01-01T00:00:00.000Z 1", want: HistoryQuery{Target: "#c", Mode: HistoryAfter, From: at("1970-01-01T00:00:00.000Z"), Limit: 1}},

		{line: "", fail: "INVALID_PARAMS *"},
		{line: "OLDEST #c * 1", fail: "INVALID_PARAMS OLDEST"},
		{line: "latest", fail: "INVALID_PARAMS LATEST"},
		{line: "LATEST #c", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c *", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * 1 1", fail: "INVALID_PARAMS LATEST #c"},
		{line: "BETWEEN #c msgid=1 9", fail: "INVALID_PARAMS BETWEEN #c"},
		{line: "TARGETS timestamp=" + noon + " 9", fail: "INVALID_PARAMS TARGETS"},
		{line: "LATEST #c * 0", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * 00", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * -1", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * +1", fail: "INVALID_PARAMS LATEST #c"},
		{line: "LATEST #c * ten", fail: "INVALID_PARAMS LATEST #c"},
		{line: "AFTER #c * 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "BETWEEN #c msgid=1 * 1", fail: "INVALID_PARAMS BETWEEN #c"},
		{line: "TARGETS * * 1", fail: "INVALID_PARAMS TARGETS"},
		{line: "AFTER #c 12 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c msgid= 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c =1 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c timestamp=1546603200 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c timestamp=2019-13-04T12:00:00.123Z 1", fail: "INVALID_PARAMS AFTER #c"},
		{line: "AFTER #c id=1 1", fail: "INVALID_MSGREFTYPE AFTER #c"},
		{line: "TARGETS msgid=1 timestamp=" + noon + " 1", fail: "INVALID_MSGREFTYPE TARGETS"},
	} {
		r, err := parseHistory(strings.Fields(c.line))
		var e *Error
		switch {
		case errors.As(err, &e):
			if got := e.Code + " " + strings.Join(e.Params, " "); got != c.fail {
				t.Errorf("%q: refused with %q, want %q", c.line, got, c.fail)
			}
			if e.Numeric != "" || e.Text == "" {
				t.Errorf("%q: told %+v", c.line, e)
			}
		case err != nil || c.fail != "":
			t.Errorf("%q: %v, want %q", c.line, err, c.fail)
		case r.query != c.want:
			t.Errorf("%q:\n got %+v\nwant %+v", c.line, r.query, c.want)
		}
	}
}

// FuzzParseHistory: whatever a client asks for, the backend is asked for
// something that it can answer, or the client is told what is wrong.
func FuzzParseHistory(f *testing.F) {
	for _, line := range []string{
		"LATEST #c * 50", "BEFORE #c * 50", "AFTER bob timestamp=2019-01-04T12:00:00.123Z 50", "AROUND #c msgid=a.b 1",
		"BETWEEN #c msgid=1 timestamp=0001-01-01T00:00:00.000Z 99999999999999999999", "TARGETS timestamp=2019-01-04T12:00:00.123Z timestamp=2019-01-04T12:00:00Z 1000",
		"", "LATEST", "latest  * 1", "AFTER #c timestamp=2019-01-04T12:00:00.123+23:59 1", "AFTER #c timestamp=0000-01-01T00:00:00Z 1", "AFTER #c =* 0",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		params := strings.Split(line, " ")
		r, err := parseHistory(params)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Text == "" || len(e.Params) == 0 || len(e.Params) > 2 {
				t.Fatalf("refused with %#v", err)
			}
			switch e.Code {
			case failParams, failRefType:
			default:
				t.Fatalf("refused with the code %q", e.Code)
			}
			return
		}
		q := r.query
		if q.Limit < 1 || q.Limit > maxHistory || r.sub != strings.ToUpper(params[0]) {
			t.Fatalf("understood as %+v", r)
		}
		for _, p := range []Position{q.From, q.To} {
			if p.MsgID != "" && !p.Time.IsZero() || !p.Time.Equal(p.Time.Truncate(time.Millisecond)) || !p.Time.IsZero() && p.Time.Unix() < 0 {
				t.Fatalf("position %+v", p)
			}
		}
		from, to := q.From != (Position{}), q.To != (Position{})
		want := map[string][2]bool{"BEFORE": {true, false}, "AFTER": {true, false}, "AROUND": {true, false}, "BETWEEN": {true, true}, "TARGETS": {true, true}}
		if w, ok := want[r.sub]; ok && q.Mode != HistoryLatest && (from != w[0] || to != w[1]) {
			t.Fatalf("bounds of %+v", r)
		}
		if r.sub == "TARGETS" && (q.From.MsgID != "" || q.To.MsgID != "" || !from || !to) {
			t.Fatalf("targets by %+v", r)
		}
	})
}
