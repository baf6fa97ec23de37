package directus

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDecodeFrame(t *testing.T) {
	tests := []struct {
		in   string
		want frame
	}{
		{`{"type":"ping"}`, frame{kind: "ping"}},
		{`{"type":"auth","status":"ok","uid":"a"}`, frame{kind: "auth", status: "ok", uid: "a"}},
		{`{"type":"items","data":{"id":1},"uid":42}`, frame{kind: "items", uid: "42", data: json.RawMessage(`{"id":1}`)}},
		{`{"type":"subscription","event":"init","uid":"42"}`, frame{kind: "subscription", event: "init", uid: "42"}},
		{`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"no"},"uid":"c1"}`,
			frame{kind: "items", status: "error", uid: "c1", err: &Error{Code: "FORBIDDEN", Message: "no"}}},
		{`{"type":"server","status":"error","error":{"code":"REQUESTS_EXCEEDED","message":"Too many messages, retry after 1997ms."}}`,
			frame{kind: "server", status: "error", err: &Error{Code: "REQUESTS_EXCEEDED",
				Message: "Too many messages, retry after 1997ms.", RetryAfter: 1997 * time.Millisecond}}},
		{`{"type":"server","status":"error"}`,
			frame{kind: "server", status: "error", err: &Error{Message: "error frame without a code"}}},
	}
	for _, tt := range tests {
		got, err := decodeFrame([]byte(tt.in))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v", tt.in, got, err)
		}
	}
	for _, in := range []string{``, `[]`, `"x"`, `7`, `{"type":3}`, `{`, `{"type":"x","error":7}`} {
		if got, err := decodeFrame([]byte(in)); err == nil {
			t.Errorf("%q: got %+v, want an error", in, got)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, seed := range []string{
		`{"type":"ping"}`, `{"type":"subscription","event":"delete","data":["3",4,null,{}],"uid":7}`,
		`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"no"},"uid":null}`,
		`{"type":"server","status":"error","error":{"code":"REQUESTS_EXCEEDED","message":"retry after 99999999999ms"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := decodeFrame(b)
		if err != nil {
			return
		}
		fr.items()
		fr.keys()
		if fr.err != nil && (fr.err.RetryAfter < 0 || fr.err.RetryAfter > maxDelay) {
			t.Errorf("retry after %v", fr.err.RetryAfter)
		}
		// No frame hurts a link on which nothing is under way.
		l := &link{pending: map[string]*request{}, legs: map[string]*leg{}}
		l.writing.do = func() {}
		if fr.kind != "auth" || fr.err == nil { // that one ends the link, which this one has no socket for
			l.dispatch(fr, len(b))
		}
	})
}

func TestRetryText(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"Too many messages, retry after 250ms.": 250 * time.Millisecond,
		"retry after 999999999ms":               maxDelay,
		"retry after 9999999999999ms":           time.Second,
		"slow down":                             time.Second,
	} {
		if got := retryText(in); got != want {
			t.Errorf("%q: got %v, want %v", in, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	tests := []struct {
		got  Filter
		want string
	}{
		{And(), `{}`},
		{And(Filter{}, Eq("a", 1)), `{"a":{"_eq":1}}`},
		{And(Eq("a", 1), Or(Eq("b", 2), Eq("c.d", "x"))), `{"_and":[{"a":{"_eq":1}},{"_or":[{"b":{"_eq":2}},{"c":{"d":{"_eq":"x"}}}]}]}`},
		{Compare("id", "_lt", json.Number("9007199254740993")), `{"id":{"_lt":9007199254740993}}`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.got)
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s, want %s (%v)", got, tt.want, err)
		}
	}
}

func TestQueryValues(t *testing.T) {
	q := Query{Fields: []string{"id", "a.b"}, Filter: Eq("a", "&=ü"), Sort: []string{"-id"}, Limit: -1, Offset: 3, Search: "x y"}
	v, err := q.values()
	want := "fields=id%2Ca.b&filter=%7B%22a%22%3A%7B%22_eq%22%3A%22%5Cu0026%3D%C3%BC%22%7D%7D&limit=-1&offset=3&search=x+y&sort=-id"
	if err != nil || v.Encode() != want {
		t.Errorf("got %s, %v", v.Encode(), err)
	}
	if v, _ := (Query{}).values(); len(v) != 0 {
		t.Errorf("the zero query is %v", v)
	}
	if _, err := (Query{Filter: Filter{"x": make(chan int)}}).values(); err == nil {
		t.Error("a filter that is not JSON was accepted")
	}
}

func TestItemsPath(t *testing.T) {
	for in, want := range map[string]string{
		"messages": "/items/messages", "directus_files": "/files", "a/b": "/items/a%2Fb", "ü?": "/items/%C3%BC%3F",
	} {
		if got, err := itemsPath(in); err != nil || got != want {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ".", ".."} {
		if got, err := itemsPath(in); err == nil {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

// A text of the user's appears in no error text.
func TestErrorText(t *testing.T) {
	for _, tt := range []struct {
		err  *Error
		want string
	}{
		{&Error{Status: 400, Code: CodeValueTooLong, Message: `Value "my secret" is too long`}, "VALUE_TOO_LONG (HTTP 400)"},
		{&Error{Status: 400, Code: CodeInvalidPayload, Message: `"my secret" is not an email`}, "INVALID_PAYLOAD (HTTP 400)"},
		{&Error{Code: CodeForbidden, Message: "no right"}, "FORBIDDEN: no right"},
		{&Error{Status: 502, Message: "not directus"}, "(HTTP 502): not directus"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestUnavailable(t *testing.T) {
	for _, tt := range []struct {
		err  *Error
		want bool
	}{
		{&Error{Status: 401, Code: CodeInvalidCredentials}, false},
		{&Error{Status: 403, Code: CodeForbidden}, false},
		{&Error{Code: CodeForbidden}, false},
		{&Error{Status: 403, Code: CodeResourceRestricted, Category: "collections"}, false},
		{&Error{Status: 403, Code: CodeResourceRestricted, Category: "login"}, true},
		{&Error{Status: 500, Code: CodeInternal}, true},
		{&Error{Status: 429, Code: CodeRequestsExceeded}, true},
		{&Error{Code: CodeServiceUnavailable}, true},
		{&Error{Status: 404}, true},
	} {
		if got := errors.Is(tt.err, ErrUnavailable); got != tt.want {
			t.Errorf("%v: got %t", tt.err, got)
		}
	}
}

func TestServerInfo(t *testing.T) {
	tests := []struct {
		in   string
		want ServerInfo
	}{
		{`{"version":"12.4.0","rateLimit":false,"queryLimit":{"default":100,"max":-1},"websocket":{"rest":{"authentication":"handshake","path":"/websocket"},"graphql":{},"heartbeat":30}}`,
			ServerInfo{Version: "12.4.0", QueryLimitDefault: 100, QueryLimitMax: -1,
				WebSocket: WebSocketInfo{Enabled: true, Path: "/websocket", Mode: ModeHandshake, Heartbeat: 30 * time.Second}}},
		{`{"version":"10.13.4","websocket":false}`, ServerInfo{Version: "10.13.4", QueryLimitDefault: 100, QueryLimitMax: -1}},
		{`{"websocket":{"rest":false,"heartbeat":30},"rateLimit":{"points":50,"duration":1},"queryLimit":{"default":20,"max":50}}`,
			ServerInfo{QueryLimitDefault: 20, QueryLimitMax: 50, RateLimit: RateLimit{50, time.Second}}},
		{`{"websocket":{"rest":{"authentication":"strict","path":"/ws"},"heartbeat":false}}`,
			ServerInfo{QueryLimitDefault: 100, QueryLimitMax: -1, WebSocket: WebSocketInfo{Enabled: true, Path: "/ws", Mode: ModeStrict}}},
	}
	for _, tt := range tests {
		var raw rawInfo
		if err := json.Unmarshal([]byte(tt.in), &raw); err != nil || raw.info() != tt.want {
			t.Errorf("%s: got %+v, %v", tt.in, raw.info(), err)
		}
	}
	for version, want := range map[string]int{"12.4.0": 12, "10": 10, "": 0, "next": 0} {
		if got := (ServerInfo{Version: version}).Major(); got != want {
			t.Errorf("%q: got %d", version, got)
		}
	}
}

func TestClaims(t *testing.T) {
	for _, bad := range []string{"", "a.b", "a.b.c", "a.!.c", strings.Repeat(".", 5), "a.W10.c"} {
		if c, ok := parseClaims(bad); ok {
			t.Errorf("%q: got %+v", bad, c)
		}
	}
	if c, ok := parseClaims("h.eyJpZCI6InUiLCJpYXQiOjEwLCJleHAiOjEzfQ.s"); !ok || c.ID != "u" || c.life() != 3*time.Second {
		t.Errorf("got %+v, %t", c, ok)
	}
}

// However odd the answer, a token is not used beyond its life nor renewed
// before it is half over.
func TestTokenTimes(t *testing.T) {
	now := time.Now()
	for _, ms := range []int64{-5, 0, 1, 999, 1000, 3000, 60_000, 900_000, 1 << 62} {
		tok := session{Expires: ms}.token(now)
		life := tok.expires.Sub(now)
		if life < 0 || ms > 0 && ms < 1<<40 && life > time.Duration(ms)*time.Millisecond {
			t.Errorf("%d ms: used for %v", ms, life)
		}
		if renew := tok.renew.Sub(now); renew < life/2-1 || renew > life {
			t.Errorf("%d ms: renewed after %v of %v", ms, renew, life)
		}
	}
}

func TestBackoffDelays(t *testing.T) {
	var b backoff
	if d := b.next(true); d > quickDelay {
		t.Errorf("after a link that was up: %v", d)
	}
	for i, base := range []time.Duration{1, 2, 4, 8, 15, 15, 15} {
		base *= time.Second
		if d := b.next(false); d < base/2 || d > base*3/2 {
			t.Errorf("attempt %d: %v, want about %v", i, d, base)
		}
	}
	b.up(time.Second)
	if d := b.next(true); d < longDelay/2 {
		t.Errorf("after a short link: %v", d)
	}
	b.up(steadyLink)
	if d := b.next(true); d > quickDelay {
		t.Errorf("after a steady link: %v", d)
	}
	b = backoff{}
	if d := b.next(false); d < firstDelay/2 || d > firstDelay*3/2 {
		t.Errorf("the first failure: %v", d)
	}
}

func TestRetryHeader(t *testing.T) {
	now := time.Date(2006, 1, 2, 15, 4, 0, 0, time.UTC) // of Directus; ours is years ahead
	for in, want := range map[string]time.Duration{
		"7": 7 * time.Second, "": 0, "-1": 0, "soon": 0, "Mon, 02 Jan 2006 15:04:05 GMT": 5 * time.Second, "Mon, 02 Jan 2006 15:03:59 GMT": 0,
	} {
		if got := retryHeader(http.Header{"Retry-After": {in}}, now); got != want {
			t.Errorf("%q: got %v, want %v", in, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	f := frame{data: json.RawMessage(`["3",4,9007199254740993,"a-b",""]`)}
	got, ok := f.keys()
	if want := []string{"3", "4", "9007199254740993", "a-b", ""}; !ok || !slices.Equal(got, want) {
		t.Errorf("got %q, %t", got, ok)
	}
	for _, bad := range []string{``, `{}`, `7`, `"x"`} {
		if got, ok := (frame{data: json.RawMessage(bad)}).keys(); ok {
			t.Errorf("%q: got %q", bad, got)
		}
	}
}

// FuzzAnswer: whatever comes back from an address that may not even be a Directus
// is an answer or an error that says so, and quotes no more than a message of it.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"data":[{"id":1,"text":"hi"}]}`, "")
	f.Add(200, `{"data":null}`, "")
	f.Add(403, `{"errors":[{"message":"You don't have permission to access this.","extensions":{"code":"FORBIDDEN"}}]}`, "")
	f.Add(429, `{"errors":[{"message":"x","extensions":{"code":"REQUESTS_EXCEEDED","reset":"9999-12-31T00:00:00Z"}}]}`, "-1")
	f.Add(503, `<html>`, "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Add(302, ``, "99999999")
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}
		var items []json.RawMessage
		data, err := dataOf(resp, []byte(body))
		if err == nil {
			err = decodeJSON(data, &items)
		}
		if err == nil && !strings.Contains(body, "data") && !strings.Contains(strings.ToLower(body), "data") && !strings.Contains(body, `\u`) {
			t.Errorf("%q is an answer: %q", body, items)
		}
		e := refusal(resp, []byte(body), time.Now())
		if e.Status != status || e.RetryAfter < 0 || e.Message == "" && e.Code == "" {
			t.Errorf("%q is refused as %+v", body, e)
		}
	})
}
