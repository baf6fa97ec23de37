package bridge

import (
	"context"
	"errors"
	"slices"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// React implements ircd.Session. A user reacts to a message with one text once;
// to do so again, or to take back what is not there, changes nothing.
func (s *session) React(ctx context.Context, what ircd.Reacting) (*ircd.Reaction, error) {
	to, err := s.address(ctx, what.Target)
	if err != nil {
		return nil, err
	}
	what.Text = text.ReactionText(what.Text)
	switch {
	case to.Reactions == nil && to.Private:
		return nil, reply("", "INVALID_TARGET", "Not reacted: reactions are stored for messages in channels only, not for private ones", nil, to.name, what.MsgID)
	case to.Reactions == nil:
		return nil, reply("", "INVALID_TARGET", "Not reacted: no reactions are stored for "+to.name, nil, to.name, what.MsgID)
	case what.Text == "":
		return nil, reply("", "INVALID_REACTION", "A reaction is one line of at most 64 bytes", nil, to.name, what.MsgID)
	}
	var changed *ircd.Reaction
	err = s.member.changeAlone(ctx, func(ctx context.Context) error {
		message, err := s.reactTo(ctx, to, what.MsgID)
		if err != nil {
			return err
		}
		if what.Remove {
			changed, err = s.unreact(ctx, to, message, what)
		} else {
			changed, err = s.react(ctx, to, message, what)
		}
		return err
	})
	if err != nil {
		return nil, reactError(to.name, what.MsgID, err)
	}
	return changed, nil
}

func (s *session) reactTo(ctx context.Context, to addressee, msgid string) (id string, err error) {
	if id, ok := to.view.feed.Knows(to.Channel, msgid); ok && !to.Private {
		return id, nil
	}
	r, err := s.refer(ctx, to, msgid)
	return r.ID, err
}

func (s *session) react(ctx context.Context, to addressee, message string, what ircd.Reacting) (*ircd.Reaction, error) {
	reactions, text := to.view.feed.Group.ReactionStore(), what.Text
	there, err := reactions.Own(ctx, s.member.account, message, text)
	if err != nil || len(there) > 0 {
		return nil, err
	}
	var r collection.Reaction
	err = change{
		do: func(ctx context.Context) (err error) {
			r, err = reactions.Add(ctx, s.member.account, message, text)
			return err
		},
		done: func(ctx context.Context) (bool, error) {
			there, err := reactions.Own(ctx, s.member.account, message, text)
			if len(there) > 0 {
				r = there[0]
			}
			return len(there) > 0, err
		},
	}.confirm(ctx)
	switch {
	case errors.Is(err, collection.ErrHidden):
		return nil, nil // stored, and not for the user to see
	case err != nil:
		return nil, err
	}
	ev := to.view.feed.Reacted(to.reactionTarget(what.MsgID), r, s.reactor(ctx, to, r))
	to.view.returned(feed.Entry{Event: ev})
	return ev, nil
}

func (s *session) unreact(ctx context.Context, to addressee, message string, what ircd.Reacting) (*ircd.Reaction, error) {
	reactions, text := to.view.feed.Group.ReactionStore(), what.Text
	there, err := reactions.Own(ctx, s.member.account, message, text)
	if err != nil {
		return nil, err
	}
	var changed *ircd.Reaction
	for _, r := range there { // several only if others stored them
		err := change{
			undo: s.member.feeds.Deeds().Erasing(s.User(), to.Reactions.Collection, r.ID),
			do:   func(ctx context.Context) error { return reactions.Remove(ctx, s.member.account, r.ID) },
			done: func(ctx context.Context) (bool, error) {
				left, err := reactions.Own(ctx, s.member.account, message, text)
				return !slices.ContainsFunc(left, func(l collection.Reaction) bool { return l.ID == r.ID }), err
			},
		}.confirm(ctx)
		if err != nil {
			return changed, err
		}
		changed = to.view.feed.Unreacted(to.reactionTarget(what.MsgID), r, s.User())
		to.view.returned(feed.Entry{Event: changed})
	}
	return changed, nil
}

// reactor is who has stored a reaction, as Directus says: it may be somebody else than
// the user who made it.
func (s *session) reactor(ctx context.Context, to addressee, r collection.Reaction) ircd.User {
	if r.Author == s.person.ID {
		return s.User()
	}
	users, err := s.member.names.UsersMeeting(ctx, people.MeetsNobody, []string{r.Author})
	if err != nil {
		return people.UnknownUser
	}
	return people.References{Users: users, Met: s.member.names.Met}.Author(r.Author, to.Channel)
}

func reactError(target, msgid string, err error) *ircd.Error {
	switch {
	case errors.Is(err, errUnknownMessage):
		return reply("", "UNKNOWN_MSGID", "The message to react to is gone, or not for you to read", err, target, msgid)
	case errors.Is(err, errElsewhere):
		return reply("", "INVALID_TARGET", "The message to react to was not said there", err, target, msgid)
	}
	return messageError(reacting, "REACT_FORBIDDEN", target, msgid, err)
}

// reactionsTo reads the reactions to messages of a group, in order, by the key of
// the message. Who may not read reactions has none, and where Directus does not
// answer the messages are shown without.
func (m *member) reactionsTo(ctx context.Context, g *collection.Group, list []found) map[string][]*ircd.Reaction {
	if g.Reactions == nil || len(list) == 0 {
		return nil
	}
	messages := map[string]*ircd.Message{}
	ids := make([]string, 0, len(list))
	for _, f := range list {
		ids = append(ids, collection.KeyOf(f.row.ID))
		messages[f.row.ID] = f.message
	}
	reactions, err := g.ReactionStore().Read(ctx, m.account, directus.Filter{g.Reactions.Message: map[string]any{"_in": ids}})
	users := map[string]ircd.User{}
	if err == nil {
		users, err = m.names.UsersMeeting(ctx, people.MeetsNobody, collection.Reactors(reactions))
	}
	if err != nil {
		if !collection.IsForbidden(err) {
			m.log.Debug().Err(err).Str("collection", g.Reactions.Collection).Msg("history without reactions")
		}
		return nil
	}
	refs := people.References{Users: users, Met: m.names.Met}
	by := map[string][]*ircd.Reaction{}
	for _, r := range reactions {
		if message := messages[r.Message]; message != nil && r.MayConcern(message) {
			by[r.Message] = append(by[r.Message], r.Event(message, refs.Author(r.Author, g.Channels[0]), m.account.Now()))
		}
	}
	return by
}

// reactionTarget is a message there as a feed needs to know it.
func (to addressee) reactionTarget(msgid string) feed.ReactionTarget {
	t := feed.ReactionTarget{Channel: to.Channel, Name: to.Name(), MsgID: msgid}
	if to.user != nil {
		t.To = *to.user
	}
	return t
}
