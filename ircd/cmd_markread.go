package ircd

import (
	"context"
	"time"

	"directus-ircd/ircd/wire"

	irc "gopkg.in/irc.v4"
)

const (
	// markerTimeout is how long a MARKREAD waits for the backend.
	markerTimeout = 10 * time.Second
	// markerPatience is how long a JOIN waits for its marker, which is not worth delaying
	// the JOIN for long.
	markerPatience = 3 * time.Second
)

// cmdMarkread gets or sets up to when the user has read a target (IRCv3 read-marker).
func (c *conn) cmdMarkread(ctx context.Context, m *irc.Message) error {
	target := m.Param(0)
	switch {
	case !c.features().ReadMarkers:
		return errorReply(irc.ERR_UNKNOWNCOMMAND, "Read markers are not supported here", m.Command)
	case target == "":
		return failReply("NEED_MORE_PARAMS", "Missing parameters")
	case !wire.IsChannel(target) && !wire.IsNick(target):
		return failReply(failParams, "No such channel or nick", target)
	}
	asking, cancel := context.WithTimeout(ctx, markerTimeout)
	defer cancel()
	var marker *ReadMarker
	var err error
	if given := m.Param(1); given == "" {
		marker, err = c.has.markers.ReadMarker(asking, target)
	} else {
		at, code := parsePosition(given)
		if code != "" || at.MsgID != "" {
			return failReply(failParams, "Invalid timestamp: write timestamp=YYYY-MM-DDThh:mm:ss.sssZ", target)
		}
		marker, err = c.has.markers.SetReadMarker(asking, target, at.Time)
	}
	if err != nil {
		return failed(ctx, err, "The read marker is not available: try again later", markerCode, target)
	}
	c.sendMarker(marker)
	return nil
}

// markerCode is the code for FAIL MARKREAD that matches a backend's error.
func markerCode(e *Error) string {
	if e.Code == failParams {
		return failParams
	}
	return codeInternal
}

// markerOnJoin sends the marker of a channel that the client has just joined, before 366 as
// specified. If the backend fails, the marker counts as unknown.
func (c *conn) markerOnJoin(ctx context.Context, channel string) error {
	if !c.caps.has(capReadMarker) || !c.features().ReadMarkers {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, markerPatience)
	defer cancel()
	marker, err := c.has.markers.ReadMarker(asking, channel)
	switch {
	case ended(ctx) != nil:
		return ended(ctx)
	case err != nil:
		c.log.Debug().Err(err).Str("channel", channel).Msg("read marker")
		marker = &ReadMarker{Target: channel}
	}
	c.sendMarker(marker)
	return nil
}

// showMarker tells the client that its user has read a target on another connection, also if
// that is a channel it is not in: it may know its history.
func (c *conn) showMarker(r *ReadMarker) {
	if c.caps.has(capReadMarker) {
		c.sendMarker(r)
	}
}

// sendMarker sends a MARKREAD, without a colon before the time.
func (c *conn) sendMarker(r *ReadMarker) {
	at := "*"
	if !r.Time.IsZero() {
		at = "timestamp=" + r.Time.UTC().Format(wire.TimeFormat)
	}
	c.send(&wire.Line{Source: c.srv.source, Command: "MARKREAD", Params: []string{r.Target, at}})
}
