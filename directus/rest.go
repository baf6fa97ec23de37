package directus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DefaultMaxAnswer bounds the answer to one REST call when Options.MaxAnswer is zero, in
// bytes. An item whose strings are cut at MaxString fits into it.
const DefaultMaxAnswer = 4 << 20

// A call is one REST request.
type call struct {
	method, path string
	query        url.Values
	body         any          // sent as JSON unless nil
	token        string       // bearer token; empty: none
	out          any          // receives "data" unless nil
	rows         bool         // the answer must hold a list, even if an empty one
	whole        bool         // strings are not cut
	cutRelated   bool         // strings of related items are cut at MaxRelated
	most         int          // largest answer in bytes, if less than that of the client; 0: that of the client
	header       *http.Header // receives the header of the answer unless nil
	text         *string      // receives the body of the answer as it is, unless nil
}

// changes reports whether the call may change what is stored.
func (k call) changes() bool {
	return k.method != http.MethodGet && k.method != http.MethodHead && k.method != methodSearch
}

// An Operation is what a request asks of Directus, in a word.
type Operation string

// Operations that are not named after the type of a frame or a method.
const (
	opConnect     Operation = "connect" // the upgrade to a WebSocket
	opInfo        Operation = "info"
	opLogin       Operation = "login"
	opLogout      Operation = "logout"
	opPermissions Operation = "permissions"
	opPing        Operation = "ping"
	opRefresh     Operation = "refresh"
)

// operationsAt are the operations by the beginning of the path, the longest first.
var operationsAt = []struct {
	path string
	Operation
}{
	{"/server/ping", opPing}, {"/auth/logout", opLogout}, {"/auth/refresh", opRefresh}, {loginPath, opLogin},
	{"/permissions", opPermissions}, {"/policies", opPermissions}, {"/server", opInfo}, {"/auth", opInfo},
}

// operation is what the call asks for. There are only so many, whatever the path is.
func (k call) operation() Operation {
	for _, at := range operationsAt {
		if strings.HasPrefix(k.path, at.path) {
			return at.Operation
		}
	}
	switch k.method {
	case http.MethodPost:
		return "create"
	case http.MethodPatch, http.MethodPut:
		return "update"
	case http.MethodDelete:
		return "delete"
	}
	return "read"
}

// do makes a call and decodes its answer. It waits while Directus asks for fewer requests;
// see pause. The error is an *Error for a refusal, the error of ctx if that was cancelled,
// or ErrUnavailable for a failure of the network.
func (c *Client) do(ctx context.Context, k call) error {
	return c.pause.through(ctx, k, func() error { return c.once(ctx, k) })
}

// once makes a call once, within the time limit of the client.
func (c *Client) once(ctx context.Context, k call) (err error) {
	begin := time.Now()
	defer func() { c.answered(k.operation(), outcomeOf(err), time.Since(begin)) }()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(ctx, k)
	if err != nil {
		return err
	}
	asked := time.Now()
	ways := c.ways.Load()
	client := ways.reading
	if k.changes() {
		client = ways.changing
	}
	resp, err := client.Do(req)
	if err != nil {
		return transportError(ctx, err)
	}
	c.clock.observe(asked, time.Now(), resp.Header)
	defer resp.Body.Close()
	if k.header != nil {
		*k.header = resp.Header
	}
	body, err := c.body(resp, k)
	switch {
	case errors.Is(err, ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case err != nil:
		return transportError(ctx, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return refusal(resp, body, c.Now())
	}
	if k.text != nil {
		*k.text = string(body)
	}
	switch {
	case resp.StatusCode == http.StatusNoContent && !k.rows: // the user may not read the item or, on Directus 10, the own permissions
		return nil
	case k.out == nil && !k.changes(): // a ping
		return nil
	}
	data, err := dataOf(resp, body)
	switch {
	case err != nil || k.out == nil:
		return err
	case string(data) == "null" && !k.changes(): // Directus sends [] for no rows
		return notAnAnswer(resp)
	}
	if each, ok := k.out.(Each); ok {
		return each.decode(data)
	}
	if err := decodeJSON(data, k.out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// body reads the answer to a call and cuts its strings as the call asks for.
func (c *Client) body(resp *http.Response, k call) ([]byte, error) {
	most, related := c.most, MaxString
	if k.most > 0 {
		most = min(most, k.most)
	}
	if k.whole {
		return readWhole(resp.Body, most)
	}
	if k.cutRelated {
		related = MaxRelated
	}
	return readCut(resp.Body, resp.ContentLength, most, related)
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	u := c.base.JoinPath(k.path)
	if k.method == http.MethodGet && k.token != "" {
		k.query = unlike(k.query)
	}
	u.RawQuery = k.query.Encode()
	var body io.Reader
	if k.body != nil {
		b, err := json.Marshal(k.body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, u.String(), body)
	if err != nil {
		return nil, errors.New("malformed request: check the method and the path")
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !k.changes() {
		req.Header.Set("Cache-Control", "no-store")
		req.Header["Idempotency-Key"] = nil // a nil header is not sent; it lets net/http repeat the call if a kept connection was closed
	}
	if k.token != "" {
		req.Header.Set("Authorization", "Bearer "+k.token)
	}
	return req, nil
}

// dataOf is the "data" member of an answer, a part of body.
func dataOf(resp *http.Response, body []byte) (data json.RawMessage, err error) {
	found := json.Valid(body) && Members(body, func(name, value []byte) {
		if string(name) == "data" {
			data = value
		}
	})
	if !found || data == nil {
		return nil, notAnAnswer(resp)
	}
	return data, nil
}

// notAnAnswer is the error for a successful answer that did not come from Directus, but for
// example from a proxy. If it were taken for an empty list, all messages would seem deleted.
func notAnAnswer(resp *http.Response) error {
	return &Error{Status: resp.StatusCode, Message: "the answer is not one of directus: check its URL"}
}

// decodeJSON is json.Unmarshal, but decodes numbers in interface values into json.Number, so that
// no key loses digits. Its errors name fields and offsets, never values.
func decodeJSON(data []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err := dec.Decode(out)
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("unexpected type in %q at byte %d", t.Field, t.Offset)
	}
	return err
}

// refusal turns an answer outside 2xx into an *Error. now is the time by the clock of
// Directus.
func refusal(resp *http.Response, body []byte, now time.Time) *Error {
	var answer struct {
		Errors []struct {
			Message    string `json:"message"`
			Extensions struct {
				Code       string          `json:"code"`
				Category   string          `json:"category"`
				Collection string          `json:"collection"`
				Field      string          `json:"field"`
				Reset      json.RawMessage `json:"reset"`
			} `json:"extensions"`
		} `json:"errors"`
	}
	e := &Error{Status: resp.StatusCode, server: resp.Header.Get("Server"), RetryAfter: retryHeader(resp.Header, now)}
	if json.Unmarshal(body, &answer) == nil && len(answer.Errors) > 0 {
		first := answer.Errors[0]
		e.Code, e.Message = first.Extensions.Code, first.Message
		e.Category, e.Collection, e.Field = first.Extensions.Category, first.Extensions.Collection, first.Extensions.Field
		if e.RetryAfter == 0 {
			e.RetryAfter = resetTime(first.Extensions.Reset, now)
		}
		if e.Code != "" {
			return e
		}
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Message = "directus redirects: configure its real URL" + redirectTarget(resp)
	case resp.StatusCode == http.StatusBadRequest && bytes.Contains(body, []byte("SSL certificate")): // nginx
		e.certificate, e.Message = true, ErrClientCertificate.Error()
	default:
		e.Message = "the answer is not one of directus: check its URL and the proxy in front of it"
	}
	return e
}

// redirectTarget names scheme, host and path of a redirect. It leaves the query out, which
// may hold secrets.
func redirectTarget(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (it answered %s://%s%s)", u.Scheme, u.Host, u.Path)
}

// retryHeader reads Retry-After (RFC 9110, section 10.2.3): seconds, or a date by the clock
// of which now is the time.
func retryHeader(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil && s >= 0 && s < 1<<20 {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// resetSlack is waited longer than a limit lasts: Directus names its end in whole milliseconds,
// and by a clock that we know to within some more.
const resetSlack = 5 * time.Millisecond

// resetTime reads extensions.reset of REQUESTS_EXCEEDED, a date, as the time from now on. It is
// never zero, which would say that Directus has named no time.
func resetTime(raw json.RawMessage, now time.Time) time.Duration {
	t, err := time.Parse(time.RFC3339, strings.Trim(string(raw), `"`))
	if err != nil {
		return 0
	}
	return max(resetSlack, t.Add(resetSlack).Sub(now)) // Sub does not overflow
}
