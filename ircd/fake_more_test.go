package ircd

import (
	"context"
	"time"

	"directus-ircd/ircd/wire"
)

// What follows answers the parts of Session that most tests do not use. The
// hooks of fakeChat take their place.

func (s *fakeSession) Redact(_ context.Context, target, msgid, reason string) (*Redaction, error) {
	if s.chat.redact == nil {
		return nil, &Error{Numeric: "404", Params: []string{target}, Text: "no deleting here"}
	}
	return s.chat.redact(s, target, msgid, reason)
}

func (s *fakeSession) React(_ context.Context, r Reacting) (*Reaction, error) {
	if s.chat.react == nil {
		return nil, &Error{Numeric: "404", Params: []string{r.Target}, Text: "no reactions here"}
	}
	return s.chat.react(s, r)
}

func (s *fakeSession) SetTopic(_ context.Context, channel, topic string) (*Topic, error) {
	if s.chat.setTopic == nil {
		return nil, &Error{Numeric: "482", Params: []string{channel}, Text: "the topic is fixed"}
	}
	return s.chat.setTopic(s, channel, topic)
}

func (s *fakeSession) ReadMarker(_ context.Context, target string) (*ReadMarker, error) {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	return &ReadMarker{Target: wire.Fold(target), Time: s.chat.markers[wire.Fold(target)]}, nil
}

func (s *fakeSession) SetReadMarker(_ context.Context, target string, at time.Time) (*ReadMarker, error) {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	if at.After(s.chat.markers[wire.Fold(target)]) {
		s.chat.markers[wire.Fold(target)] = at
	}
	return &ReadMarker{Target: wire.Fold(target), Time: s.chat.markers[wire.Fold(target)]}, nil
}

// Knows is Known for whomever Lookup finds, but those with a pseudonym.
func (s *fakeSession) Knows(id string) Acquaintance {
	if s.chat.knows != nil {
		return s.chat.knows(s, id)
	}
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	for _, users := range []map[string]User{s.chat.accounts, s.chat.offline} {
		for _, u := range users {
			if u.ID == id && u.Nick != u.Realname {
				return Known
			}
			if u.ID == id {
				return ByNick
			}
		}
	}
	return Stranger
}

// pushOthers gives every session but one an event.
func (f *fakeChat) pushOthers(from *fakeSession, ev Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sessions {
		if s != from {
			s.queue = append(s.queue, ev)
			s.wake.Ring()
		}
	}
}

// bareSession is a Session without any of the optional interfaces.
type bareSession struct{ Session }

// Features are those given, and the parts that every fakeSession has.
func (f *fakeChat) Features() Features {
	if f.denied {
		return Features{}
	}
	all := f.features
	all.History, all.ReadMarkers, all.Topics = true, true, true
	return all
}
