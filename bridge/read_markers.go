package bridge

import (
	"context"
	"errors"
	"time"

	irc "gopkg.in/irc.v4"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/markers"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

func (s *session) ReadMarker(ctx context.Context, target string) (*ircd.ReadMarker, error) {
	key, name, err := s.markerTarget(ctx, target)
	if err != nil {
		return nil, err
	}
	at, err := s.member.markers.Get(ctx, key)
	if err != nil {
		return nil, tryAgain(err)
	}
	return &ircd.ReadMarker{Target: name, Time: at}, nil
}

// SetReadMarker implements ircd.Session. It does not wait until Directus has stored the
// marker: some clients send one for each line that they show, and it is not worth the wait.
func (s *session) SetReadMarker(ctx context.Context, target string, at time.Time) (*ircd.ReadMarker, error) {
	key, name, err := s.markerTarget(ctx, target)
	if err != nil {
		return nil, err
	}
	s.member.startMarkers()
	now, moved, err := s.member.markers.Set(ctx, key, collection.Earlier(at, collection.DateLimit(s.member.account)))
	switch {
	case errors.Is(err, markers.ErrTooMany):
		return nil, reply(irc.RPL_TRYAGAIN, "INTERNAL_ERROR", "Too many conversations have a read marker", err)
	case err != nil:
		return nil, tryAgain(err)
	}
	marker := &ircd.ReadMarker{Target: name, Time: now}
	if moved {
		s.member.tell(s, "marker "+key, marker)
	}
	return marker, nil
}

// markerTarget returns the key under which the marker of a target is stored, and the name of
// the target. The key of a channel is its name, that of a user the id, as nicks may change.
func (s *session) markerTarget(ctx context.Context, target string) (key, name string, err error) {
	if c := s.plan.channels[wire.Fold(target)]; c != nil {
		return c.Name, c.Name, nil
	}
	if wire.IsNick(target) && s.plan.Private != nil {
		u, err := s.Lookup(ctx, target)
		if err != nil {
			return "", "", err
		}
		if u != nil {
			return u.ID, u.Nick, nil
		}
	}
	return "", "", reply(irc.ERR_NOSUCHCHANNEL, "INVALID_PARAMS", "No such channel or nick", nil, target)
}
