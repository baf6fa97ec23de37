package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	// askTimeout is how long the daemon may take to answer. It waits as long for the first answer of Directus.
	askTimeout = 10 * time.Second
	// maxAnswer is the largest answer that is read, in bytes.
	maxAnswer = 64 << 20
)

// Client asks the daemon at a socket.
type Client struct {
	Socket string
}

// ErrGone says that no daemon listens at the socket.
var ErrGone = errors.New("no daemon answers")

// Status asks for the status.
func (c Client) Status(ctx context.Context) (s Status, err error) {
	err = c.ask(ctx, http.MethodGet, "/status", &s)
	return s, err
}

// Drain has the daemon let its clients go within a span of time, and then end.
func (c Client) Drain(ctx context.Context, over time.Duration) (d Drain, err error) {
	err = c.ask(ctx, http.MethodPost, "/drain?"+url.Values{"over": {over.String()}}.Encode(), &d)
	return d, err
}

// Draining asks how far that is.
func (c Client) Draining(ctx context.Context) (d Drain, err error) {
	err = c.ask(ctx, http.MethodGet, "/drain", &d)
	return d, err
}

// Ready is nil if the daemon is ready.
func (c Client) Ready(ctx context.Context) error { return c.ask(ctx, http.MethodGet, "/readyz", nil) }

// ask sends a request and reads the answer into v, unless that is nil. An answer that is none is the error with its text.
func (c Client) ask(ctx context.Context, method, path string, v any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("no answer within %s", askTimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
	}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return c.failure(ctx, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return c.failure(ctx, err)
	case response.StatusCode >= http.StatusBadRequest:
		return errors.New(strings.TrimSpace(string(text)))
	case v == nil:
		return nil
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("what listens at %s is not directus-ircd: %w", c.Socket, err)
	}
	return nil
}

// failure says what the operator can do about an error.
func (c Client) failure(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be used by this user: be root, or the user of the daemon", c.Socket)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w at %s: start it, or name its socket in admin.socket", ErrGone, c.Socket)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return fmt.Errorf("ask the daemon at %s: %w", c.Socket, err)
}
