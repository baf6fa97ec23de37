package bridge

import (
	"context"
	"errors"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/ircd"
)

// Redact implements ircd.Session. Whatever Directus would allow, only the author
// and administrators delete: where permissions cannot say "one's own", as on a
// Directus 12 without a licence, whoever may delete may delete everything.
func (s *session) Redact(ctx context.Context, target, msgid, reason string) (*ircd.Redaction, error) {
	to, err := s.address(ctx, target)
	if err != nil {
		return nil, err
	}
	var r collection.Row
	err = s.member.changeAlone(ctx, func(ctx context.Context) (err error) {
		if r, err = s.refer(ctx, to, msgid); err == nil {
			err = s.mayRedact(ctx, r)
		}
		if err == nil {
			err = s.erase(ctx, to, r)
		}
		return err
	})
	if err != nil {
		return nil, redactError(to.name, msgid, err)
	}
	m := people.ToMessage(r, to.Channel, s.parties(ctx, to, r), false)
	event := &ircd.Redaction{
		MsgID: msgid, Time: s.member.account.Now(), From: m.From, By: s.User(), Target: to.Name, To: m.To, Reason: reason,
		Said: m.Time, Text: text.Beginning(m.Text),
	}
	to.view.returned(feed.Entry{Event: event})
	to.view.feed.Redacted(r, to.Channel, event)
	return event, nil
}

// errNotYours says that a message is somebody else's.
var errNotYours = errors.New("neither its author nor an administrator")

func (s *session) mayRedact(ctx context.Context, r collection.Row) error {
	if r.Author == s.person.ID {
		return nil
	}
	admin, err := s.member.rights.Administrator(ctx)
	if err == nil && !admin {
		err = errNotYours
	}
	return err
}

func (s *session) erase(ctx context.Context, to addressee, r collection.Row) error {
	g := to.view.feed.Group
	gone := func(ctx context.Context) (bool, error) {
		_, err := s.lookUp(ctx, to, r.ID)
		if errors.Is(err, errUnknownMessage) {
			return true, nil
		}
		return false, err
	}
	err := change{
		undo: s.member.feeds.Deeds().Erasing(s.User(), g.Collection, r.ID),
		do: func(ctx context.Context) error {
			if mark := to.SoftDelete.Mark(r); mark != nil {
				return s.member.account.UpdateItem(ctx, g.Collection, collection.KeyOf(r.ID), mark, g.Query, nil)
			}
			return s.member.account.DeleteItem(ctx, g.Collection, collection.KeyOf(r.ID))
		},
		done: gone,
	}.confirm(ctx)
	if collection.IsForbidden(err) {
		after, cancel := afterwards(ctx)
		defer cancel()
		if gone, _ := gone(after); gone { // somebody was quicker
			return errUnknownMessage
		}
	}
	return err
}

// redactError is the reply to a REDACT. What the user may not read is not told
// from what does not exist.
func redactError(target, msgid string, err error) *ircd.Error {
	switch {
	case errors.Is(err, errUnknownMessage):
		return reply("", "UNKNOWN_MSGID", "Not deleted: there is no such message", err, target, msgid)
	case errors.Is(err, errElsewhere):
		return reply("", "INVALID_TARGET", "Not deleted: the message was not said there", err, target)
	case errors.Is(err, errNotYours):
		return reply("", "REDACT_FORBIDDEN", "Not deleted: only its author and administrators may delete a message", err, target, msgid)
	}
	return messageError(deleting, "REDACT_FORBIDDEN", target, msgid, err)
}
