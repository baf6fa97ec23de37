package bridge

import (
	"context"
	"time"

	"directus-ircd/ircd"
)

// ReadMarker implements ircd.Session.
func (s *session) ReadMarker(context.Context, string) (*ircd.ReadMarker, error) {
	return nil, notOffered("MARKREAD")
}

// SetReadMarker implements ircd.Session.
func (s *session) SetReadMarker(context.Context, string, time.Time) (*ircd.ReadMarker, error) {
	return nil, notOffered("MARKREAD")
}
