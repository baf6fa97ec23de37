package bridge

import (
	"context"
	"errors"
	"time"

	irc "gopkg.in/irc.v4"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/markers"
	"directus-ircd/bridge/people"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// ReadMarker implements ircd.MarkerKeeper. Of a target that there is not, nothing is known, as
// the specification has it: clients ask for every window that they still show.
func (s *session) ReadMarker(ctx context.Context, target string) (*ircd.ReadMarker, error) {
	key, name, err := s.markerTarget(ctx, target)
	switch {
	case err != nil:
		return nil, err
	case key == "":
		return &ircd.ReadMarker{Target: target}, nil
	}
	s.member.refreshMarkers(ctx, markersFresh)
	at, err := s.member.markers.Get(ctx, key)
	if err != nil {
		return nil, tryAgain(err)
	}
	return &ircd.ReadMarker{Target: name, Time: at}, nil
}

// markersFresh is how old what is known of the read markers may be when a client asks. One that
// joins many channels asks for each.
const markersFresh = 5 * time.Second

// refreshMarkers reads the user's markers again, unless that was tried within a time, and tells
// all sessions which ones another daemon has moved: Directus would read each marker again for
// each subscriber to tell of it. If Directus does not answer, what is known counts.
func (m *member) refreshMarkers(ctx context.Context, within time.Duration) {
	moved, err := m.markers.Refresh(ctx, within)
	if err != nil {
		m.log.Debug().Err(err).Msg("read the read markers again")
	}
	var ids []string
	for key := range moved {
		if _, isRoom := collection.RoomOf(key); !isRoom && !wire.IsChannel(key) {
			ids = append(ids, key)
		}
	}
	users := map[string]ircd.User{}
	if len(ids) > 0 {
		if users, err = m.names.UsersMeeting(ctx, people.MeetsNobody, ids); err != nil {
			m.log.Debug().Err(err).Msg("name those whose messages were read")
		}
	}
	for key, at := range moved {
		name := key
		if id, isRoom := collection.RoomOf(key); isRoom {
			name = m.roomName(id)
		} else if !wire.IsChannel(key) {
			name = users[key].Nick
		}
		if name != "" {
			m.tell(nil, "marker "+key, &ircd.ReadMarker{Target: name, Time: at})
		}
	}
}

// SetReadMarker implements ircd.Session. It does not wait until Directus has stored the
// marker: some clients send one for each line that they show, and it is not worth the wait.
func (s *session) SetReadMarker(ctx context.Context, target string, at time.Time) (*ircd.ReadMarker, error) {
	key, name, err := s.markerTarget(ctx, target)
	switch {
	case err != nil:
		return nil, err
	case key == "":
		return nil, reply(irc.ERR_NOSUCHCHANNEL, "INVALID_PARAMS", "No such channel or nick", nil, target)
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
// the target. The key of a channel is its name, that of a user the id, as nicks may change. It
// is empty if there is no such target.
func (s *session) markerTarget(ctx context.Context, target string) (key, name string, err error) {
	if c := s.channelNamed(target); c != nil {
		if c.Room != "" {
			return c.Key(), s.nameOf(c), nil
		}
		return c.Name(), c.Name(), nil
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
	return "", "", nil
}
