package bridge

import (
	"context"
	"errors"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

var (
	// errUnknownMessage says that a msgid names nothing that the user may read.
	errUnknownMessage = errors.New("no such message, or none that this user may read")
	// errElsewhere says that it names a message of another channel or
	// conversation.
	errElsewhere = errors.New("the message was not said there")
)

// addressee is where something is to be said or done: a channel that the client
// is in, or a user.
type addressee struct {
	*joined
	name string     // canonical
	user *ircd.User // nil in a channel
}

// address finds a target. The error is an *ircd.Error.
func (s *session) address(ctx context.Context, target string) (addressee, error) {
	if j := s.joined[wire.Fold(target)]; j != nil && !j.Private && !j.out {
		return addressee{joined: j, name: j.Name}, nil
	}
	if !wire.IsNick(target) {
		return addressee{}, noSuchChannel(target)
	}
	j, u, err := s.recipient(ctx, target)
	if err != nil {
		return addressee{}, err
	}
	return addressee{joined: j, name: u.Nick, user: u}, nil
}

// refer finds the message that a msgid names. It asks Directus, as the user, and
// believes nothing else: the client may have made the msgid up. The error is
// errUnknownMessage, errElsewhere, or says that Directus could not be asked.
func (s *session) refer(ctx context.Context, to addressee, msgid string) (collection.Row, error) {
	id, date, ok := collection.ParseMessageID(msgid)
	if !ok {
		return collection.Row{}, errUnknownMessage
	}
	r, err := s.lookUp(ctx, to, id)
	if r.ID != "" && !r.Date.IsZero() && r.Date.UnixMilli() != date.UnixMilli() {
		return collection.Row{}, errUnknownMessage
	}
	return r, err
}

// lookUp reads the message with a key; with errElsewhere it returns it as well.
// Where only Directus can evaluate the channel's filter, it is asked a second
// time about what the filter left out.
func (s *session) lookUp(ctx context.Context, to addressee, id string) (collection.Row, error) {
	if to.Equal != nil {
		return s.readOne(ctx, to, id, nil)
	}
	r, err := s.readOne(ctx, to, id, directus.Filter(to.Filter))
	if !errors.Is(err, errUnknownMessage) || to.Private {
		return r, err
	}
	if r, err = s.readOne(ctx, to, id, nil); err == nil {
		err = errElsewhere
	}
	return r, err
}

func (s *session) readOne(ctx context.Context, to addressee, id string, filter directus.Filter) (collection.Row, error) {
	g := to.view.feed.Group
	rows, _, err := collection.ReadRows(ctx, s.member.account, g, g.Keyed(filter, []string{id}))
	switch {
	case collection.IsForbidden(err), directus.IsCode(err, directus.CodeInvalidQuery): // not even a key
		return collection.Row{}, errUnknownMessage
	case err != nil:
		return collection.Row{}, err
	case len(rows) == 0, to.Deleted(rows[0]):
		return collection.Row{}, errUnknownMessage
	case !to.Matches(rows[0]), to.user != nil && !collection.Between(rows[0], s.person.ID, to.user.ID):
		return rows[0], errElsewhere
	}
	return rows[0], nil
}
