package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// maxOwnRows is how many of the user's latest rows are looked at for the last
// message: some may be marked as deleted, or of another channel.
const maxOwnRows = 10

// maxWhole is how long a text may be to be corrected, in bytes: the whole has to
// be read, changed and stored.
const maxWhole = 1 << 20

// correct edits the user's last message in a channel, whichever connection it
// came from, and returns it as Send does.
func (s *session) correct(ctx context.Context, to addressee, c text.Substitution) (*ircd.Message, error) {
	var last, now collection.Row
	err := s.member.changeAlone(ctx, func(ctx context.Context) (err error) {
		if last, err = s.lastOwn(ctx, to); err != nil {
			return err
		}
		whole, err := s.wholeOf(ctx, to, last)
		if err != nil {
			return err
		}
		text, err := correctedText(c, whole, to)
		if err == nil {
			now, err = s.rewrite(ctx, to, last, text)
		}
		return err
	})
	if err != nil {
		return nil, correctError(to.name, err)
	}
	refs, err := s.member.names.References(ctx, to.view.feed.Group, []collection.Row{now})
	if err != nil {
		refs.Users = map[string]ircd.User{s.person.ID: s.User()} // it is stored, which is what counts
	}
	m := to.view.feed.Corrected(last, now, to.Channel, refs)
	to.view.returned(feed.Entry{Event: m})
	return m, nil
}

// correctedText is the text of a row after a correction. The error is an *ircd.Error.
func correctedText(c text.Substitution, last collection.Row, to addressee) (string, error) {
	made, found := corrected(c, last, to.Channel)
	switch {
	case to.view.feed.TooOld(last):
		return "", notCorrected(to.name, "your last message here is too old", nil)
	case found == text.TooLong:
		return "", notCorrected(to.name, "your message would become too long", nil)
	case found == 0:
		return "", notCorrected(to.name, "your last message here does not have these words", nil)
	case found > 1 && !c.All:
		return "", notCorrected(to.name, fmt.Sprintf("your last message has these words %d times. Give more of them, or add a g behind the last delimiter to change all", found), nil)
	case strings.TrimSpace(made) == "":
		return "", notCorrected(to.name, "nothing would be left of your last message. Delete it instead", nil)
	}
	return made, nil
}

// corrected applies a correction to the text of a row. It works on the text as it
// is stored, which keeps all the rest as it is, and if the words are not there,
// or the stored text is full of tags, on what people see.
func corrected(c text.Substitution, r collection.Row, ch *collection.Channel) (made string, found int) {
	if ch.Format != text.HTML {
		stored := c
		if words := strings.TrimSpace(wire.CleanText(c.New)); text.Visible(words) {
			stored.New = strings.Replace(wire.CleanText(c.New), words, ch.Format.FromIRC(words), 1)
		} else {
			stored.New = wire.Plain(wire.CleanText(c.New))
		}
		if made, found = stored.Apply(r.Text); found != 0 {
			return made, found
		}
	}
	kind, shown := ch.Format.Show(r.Text, ch.Base)
	if shown, found = c.Apply(shown); found <= 0 || found > 1 && !c.All {
		return r.Text, found
	}
	return ch.Format.Store(ircd.Outgoing{Kind: kind, Text: shown}), found
}

func (s *session) lastOwn(ctx context.Context, to addressee) (collection.Row, error) {
	g := to.view.feed.Group
	rows, _, err := collection.ReadRows(ctx, s.member.account, g, directus.Query{
		Filter: g.Dated(directus.And(directus.Filter(to.Filter), directus.Eq(g.Fields.Author, "$CURRENT_USER"))),
		Sort:   []string{"-" + g.Fields.Date, "-" + g.Fields.Key()}, Limit: maxOwnRows,
	})
	if err != nil {
		return collection.Row{}, err
	}
	for _, r := range rows {
		if to.Matches(r) && r.Author == s.person.ID {
			return r, nil
		}
	}
	return collection.Row{}, errUnknownMessage
}

// wholeOf is a row with its whole text. The error is an *ircd.Error where that is too
// long.
func (s *session) wholeOf(ctx context.Context, to addressee, r collection.Row) (collection.Row, error) {
	if r.More == 0 {
		return r, nil
	}
	refused := notCorrected(to.name, "your last message here is too long to be corrected from IRC", nil)
	if len(r.Text)+r.More > maxWhole {
		return collection.Row{}, refused
	}
	q := to.view.feed.Group.Keyed(nil, []string{r.ID})
	q.Whole = true
	rows, _, err := collection.ReadRows(ctx, s.member.account, to.view.feed.Group, q)
	switch {
	case errors.Is(err, directus.ErrTooLarge):
		return collection.Row{}, refused
	case err != nil:
		return collection.Row{}, err
	case len(rows) == 0:
		return collection.Row{}, errUnknownMessage
	}
	return rows[0], nil
}

// rewrite stores a new text for a row and returns the row as it is then.
func (s *session) rewrite(ctx context.Context, to addressee, r collection.Row, newText string) (now collection.Row, err error) {
	g, deeds := to.view.feed.Group, s.member.feeds.Deeds()
	err = change{
		undo: deeds.Rewriting(s.User(), g, r.ID, newText),
		do: func(ctx context.Context) error {
			var raw json.RawMessage
			err := s.member.account.UpdateItem(ctx, g.Collection, collection.KeyOf(r.ID), map[string]any{g.Fields.Text: newText}, g.Query, &raw)
			if err != nil {
				return err
			}
			if now, err = g.Parse(raw); err == nil && now.ID == r.ID {
				return nil
			}
			// It is stored, and not to be read back.
			now = r
			now.Text, now.More = text.Clip(newText, directus.MaxString), max(len(newText)-directus.MaxString, 0)
			return nil
		},
		done: func(ctx context.Context) (bool, error) {
			var err error
			if now, err = s.lookUp(ctx, to, r.ID); errors.Is(err, errUnknownMessage) {
				return false, nil
			}
			return now.Says(newText), err
		},
	}.confirm(ctx)
	if err != nil {
		return collection.Row{}, err
	}
	deeds.Rewriting(s.User(), g, r.ID, now.Text) // Directus may have stored the text in its own way
	return now, nil
}

// notCorrected is the reply to a line that looks like a correction and cannot be
// applied. It is not taken for a message either: the client may send it as one.
func notCorrected(target, reason string, err error) *ircd.Error {
	return cannotSend(target, "Not corrected: "+reason+". To send this line as it is, put a space in front of it", err)
}

// correctError is the reply to a correction that did not happen, or perhaps did
// not.
func correctError(target string, err error) *ircd.Error {
	if refusal, ok := errors.AsType[*ircd.Error](err); ok {
		return refusal
	}
	if errors.Is(err, errUnknownMessage) {
		return notCorrected(target, "you have said nothing here yet", err)
	}
	text, _ := correcting.told(err)
	return cannotSend(target, text, err)
}

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
		MsgID: msgid, Time: s.member.account.Now(), From: m.From, By: s.User(), Target: to.Name(), To: m.To, Reason: reason,
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
