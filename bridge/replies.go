package bridge

import (
	"context"
	"errors"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// referTimeout is how long the look for a message may take that another one
// answers: the time to send it comes on top.
const referTimeout = 2 * time.Second

// answering finds the key of the message that is to be answered; empty where the
// channel has no place for it. A message that names another one which cannot be
// found is refused: without it it might say something else.
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

// answered completes what a sent message refers to with what it answers, and who
// is mentioned.
func (s *session) answered(ctx context.Context, to addressee, r collection.Row, users map[string]ircd.User) people.References {
	if _, known := users[r.Author]; !known || r.Reply != nil || len(text.MentionedIDs(r.Text)) > 0 {
		refs, err := s.member.names.References(ctx, to.view.feed.Group, []collection.Row{r})
		if err == nil {
			return refs
		}
	}
	return people.References{Users: users}
}

// parties are the author of a row and, of a private one, its recipient.
func (s *session) parties(ctx context.Context, to addressee, r collection.Row) people.References {
	users := map[string]ircd.User{s.person.ID: s.User()}
	if to.user != nil {
		users[to.user.ID] = *to.user
	}
	return s.answered(ctx, to, r, users)
}
