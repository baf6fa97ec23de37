package bridge

import (
	"context"
	"errors"
	"time"

	irc "gopkg.in/irc.v4"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

var (
	// errUnknownMessage says that a msgid names no message that the user may read.
	errUnknownMessage = errors.New("no such message, or none that this user may read")
	// errElsewhere says that a msgid names a message of another channel or conversation.
	errElsewhere = errors.New("the message was not said there")
)

// addressee is the target of something that the client sends: a channel that it is in, or a
// user.
type addressee struct {
	*joined
	name string     // canonical name of the channel, or nick
	user *ircd.User // nil in a channel
}

// address finds a target by name. The error is an *ircd.Error, or that of Lookup.
func (s *session) address(ctx context.Context, target string) (addressee, error) {
	if j := s.joinedAs(target); j != nil && !j.Private && !j.out {
		return addressee{joined: j, name: j.Name()}, nil
	}
	if !wire.IsNick(target) {
		return addressee{}, noSuchChannel(target)
	}
	j := s.joined[privateName]
	if j == nil {
		return addressee{}, cannotSend(target, "Not sent: there are no private messages here. Say it in a channel", nil)
	}
	u, err := s.Lookup(ctx, target)
	if err != nil {
		return addressee{}, err
	}
	if u == nil || u.ID == "" {
		return addressee{}, reply(irc.ERR_NOSUCHNICK, "NO_SUCH_NICK", "No such nick", nil, target)
	}
	return addressee{joined: j, name: u.Nick, user: u}, nil
}

// refer finds the message that a msgid names. The client may have made the msgid up, so it
// always asks Directus under the user's rights. The error is errUnknownMessage, errElsewhere,
// or that of a request that failed.
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

// lookUp reads the message with a key; it returns the message even with errElsewhere. If only
// Directus can evaluate the channel's filter, a message that does not match is asked for a
// second time without it, to tell errElsewhere from errUnknownMessage.
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

// readOne reads the message with a key, if filter matches it. Its errors are those of refer.
func (s *session) readOne(ctx context.Context, to addressee, id string, filter directus.Filter) (collection.Row, error) {
	g := to.view.feed.Group
	rows, _, err := collection.ReadRows(ctx, s.member.account, g, g.Keyed(filter, []string{id}))
	switch {
	case collection.IsForbidden(err), directus.IsCode(err, directus.CodeInvalidQuery): // id is no valid key
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

// referTimeout bounds the requests for what a message refers to, the one that it answers or
// the users it mentions, before it is sent.
const referTimeout = 2 * time.Second

// answering finds the key of the message that msgid names as the one being answered; empty if
// there is none, or the channel does not store replies. If that message cannot be found, the
// error refuses the new one, which might mean something else without the reference.
func (s *session) answering(ctx context.Context, to addressee, msgid string) (id string, err error) {
	if msgid == "" || to.Fields.Reply == "" {
		return "", nil
	}
	if id, ok := to.view.feed.Knows(to.Channel, msgid); ok && !to.Private {
		return id, nil
	}
	var r collection.Row
	err = s.member.attempt(ctx, referTimeout, func(ctx context.Context) (err error) {
		r, err = s.refer(ctx, to, msgid)
		return err
	})
	switch {
	case err == nil:
		return r.ID, nil
	case errors.Is(err, errUnknownMessage):
		return "", cannotSend(to.name, "Not sent: the message that you answer is gone, or not for you to read. Send yours without the reference", err)
	case errors.Is(err, errElsewhere):
		return "", cannotSend(to.name, "Not sent: the message that you answer was not said here. Send yours without the reference", err)
	case unanswered(err):
		return "", sendError(to.name, errors.Join(directus.ErrNotConnected, err))
	}
	return "", sendError(to.name, err)
}

// parties finds what a message refers to: its author and recipient, the message that it answers,
// and mentioned users. Directus is asked only if that is more than the user and the addressee.
func (s *session) parties(ctx context.Context, to addressee, r collection.Row) people.References {
	users := map[string]ircd.User{s.person.ID: s.User()}
	if to.user != nil {
		users[to.user.ID] = *to.user
	}
	if _, known := users[r.Author]; !known || r.Reply != nil || len(text.MentionedIDs(r.Text)) > 0 {
		if refs, err := s.member.names.References(ctx, to.view.feed.Group, []collection.Row{r}); err == nil {
			return refs
		}
	}
	return people.References{Users: users}
}
