package directus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// connect opens one authenticated socket. After ErrLoggedOut another attempt is
// pointless; any other error may pass. Run's goroutine calls it.
func (r *Realtime) connect(ctx context.Context) (*link, error) {
	a := r.account
	checks := a.checked()
	t, err := a.current(ctx)
	if err != nil {
		return nil, err
	}
	info, err := a.Info(ctx)
	if err != nil {
		return nil, err
	}
	if !info.WebSocket.Enabled {
		a.client.forgetInfo() // it may be switched on by the next attempt
		return nil, ErrWebSocketsOff
	}
	l, err := r.open(ctx, info, t, checks)
	if err == nil {
		return l, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if !tooMany(upgrade, err) {
		a.client.forgetInfo()
	}
	if errors.Is(err, errRejected) {
		// The socket answers every failure in the same way, an outage of the
		// database included. Only REST knows whether the account is at fault.
		if verr := a.verify(ctx); verr != nil {
			return nil, verr
		}
		return nil, fmt.Errorf("%w: %w, which REST does", ErrUnavailable, err)
	}
	return nil, err
}

// errRejected says that the socket did not accept a token.
var errRejected = errors.New("the socket did not accept the token")

// open dials in the mode that the server has announced. If the server rejects the
// handshake, the mode may have changed, so open tries the strict one.
func (r *Realtime) open(ctx context.Context, info ServerInfo, t token, checks int) (*link, error) {
	strict := info.WebSocket.Mode == ModeStrict
	conn, err := r.dial(ctx, info, t, strict)
	if errors.Is(err, errRejected) && !strict {
		strict = true
		conn, err = r.dial(ctx, info, t, strict)
	}
	if err != nil {
		return nil, err
	}
	if !strict {
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		err = handshake(conn, t, r.account.client.timeout)
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
	}
	// The socket does not say for which user it took the token, and what REST said
	// earlier may be out of date.
	if err := r.account.prove(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return r.newLink(ctx, conn, info, t, checks), nil
}

// dial upgrades a connection. In strict mode the token is part of the URL, so no error
// may quote the URL.
func (r *Realtime) dial(ctx context.Context, info ServerInfo, t token, strict bool) (*websocket.Conn, error) {
	c := r.account.client
	u := c.base.JoinPath(info.WebSocket.Path)
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	if strict {
		u.RawQuery = url.Values{"access_token": {t.value}}.Encode()
	}
	var conn *websocket.Conn
	err := c.pause.through(ctx, upgrade, func() (err error) {
		begin := time.Now()
		defer func() { c.answered(opConnect, outcomeOf(err), time.Since(begin)) }()
		var resp *http.Response
		dialer, release := c.dialerFor(ctx)
		conn, resp, err = dialer.DialContext(ctx, u.String(), nil) // no Origin: Directus 12 checks it
		if ended := !release(); ended && err == nil {
			conn.Close()
			return ctx.Err()
		}
		if err != nil && resp != nil {
			resp.Body.Close()
			return upgradeError(resp, c.Now())
		}
		return err
	})
	_, answered := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case answered, errors.Is(err, errRejected), errors.Is(err, ErrUnavailable):
		return nil, err
	case unanswered(err):
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ErrUpgradeUnanswered)
	case strict && strings.Contains(err.Error(), url.QueryEscape(t.value)):
		err = errors.New("dial")
	}
	return nil, fmt.Errorf("%w: open socket: %w", ErrUnavailable, err)
}

// upgrade stands for the request for a WebSocket where a pause wants to know the call.
var upgrade = call{method: http.MethodGet}

// dialerFor returns a dialer for one upgrade that closes the connection when ctx ends: the
// WebSocket library observes the deadline of ctx, but not its cancellation while it waits
// for the answer. The caller calls release after the upgrade; false means that ctx has ended
// and the connection is closed.
func (c *Client) dialerFor(ctx context.Context) (dialer *websocket.Dialer, release func() bool) {
	stop := func() bool { return true }
	d := c.ways.Load().dialer
	d.NetDialContext = func(dialing context.Context, network, address string) (net.Conn, error) {
		nc, err := c.netDial(dialing, network, address)
		if err == nil {
			stop = context.AfterFunc(ctx, func() { nc.Close() })
		}
		return nc, err
	}
	return &d, func() bool { return stop() }
}

// unanswered reports whether a dial failed because no HTTP answer came on a connection
// that had been opened.
func unanswered(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return false
	}
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// upgradeError explains an answer to the upgrade that is not 101. now is the time by
// the clock of Directus.
func upgradeError(resp *http.Response, now time.Time) error {
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		return errRejected
	case code == http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrUnavailable, ErrUpgradeRefused)
	case code == http.StatusNotFound:
		return fmt.Errorf("%w: %w", ErrUnavailable, ErrWebSocketsOff)
	case code >= 300 && code < 400:
		return &Error{Status: code, Message: "the WebSocket upgrade was redirected: configure the real URL of directus"}
	default:
		return &Error{Status: code, Message: "the WebSocket upgrade was not accepted", server: resp.Header.Get("Server"), RetryAfter: retryHeader(resp.Header, now)}
	}
}

// handshake authenticates with the first frame and waits for the reply, because Directus
// drops frames that come earlier.
func handshake(conn *websocket.Conn, t token, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	if err := errors.Join(conn.SetReadDeadline(deadline), conn.SetWriteDeadline(deadline)); err != nil {
		return fmt.Errorf("%w: authenticate socket: %w", ErrUnavailable, err)
	}
	if err := conn.WriteJSON(map[string]any{"type": "auth", "uid": "auth", "access_token": t.value}); err != nil {
		return fmt.Errorf("%w: authenticate socket: %w", ErrUnavailable, err)
	}
	for {
		data, err := readFrame(conn)
		if err != nil {
			return fmt.Errorf("%w: authenticate socket: %w", ErrUnavailable, err)
		}
		f, err := decodeFrame(data)
		switch {
		case err != nil:
			return fmt.Errorf("%w: authenticate socket: %w", ErrUnavailable, err)
		case f.kind == "auth" && f.err != nil:
			return errRejected
		case f.kind == "auth":
			return conn.SetReadDeadline(time.Time{})
		case f.err != nil:
			return fmt.Errorf("authenticate socket: %w", f.err)
		}
	}
}
