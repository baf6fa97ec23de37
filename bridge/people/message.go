package people

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// References holds what is needed of other collections to show some rows as messages.
type References struct {
	// Users are authors, recipients and those who are mentioned, by id, as Directus
	// lets them be known.
	Users map[string]ircd.User
	// Met finds users who are seen in a channel, and goes before Users; nil finds nobody.
	Met func(id string, c *collection.Channel) (ircd.User, bool)
	// files are the lines for the attachments of a row, by its id.
	files map[string][]string
	// hidden are the ids of rows that are answered by one and must not be quoted.
	hidden map[string]bool
}

// References reads what rows of a group refer to, as far as it is not cached. An error means
// that Directus could not be asked.
func (d *Directory) References(ctx context.Context, g *collection.Group, rows []collection.Row) (References, error) {
	users, err := d.UsersMeeting(ctx, MeetsNobody, usersOf(rows), mentionedIn(rows)...)
	if err != nil {
		return References{}, err
	}
	files, err := d.attachments.files(ctx, g, rows)
	if err != nil {
		return References{}, err
	}
	refs := References{Users: users, Met: d.Met, files: map[string][]string{}, hidden: unquotable(ctx, d.account, g, rows)}
	for id, attached := range files {
		refs.files[id] = collection.FileLines(attached, d.publicURL)
	}
	return refs, nil
}

// user returns a person as the readers of a channel see them.
func (refs References) user(id string, c *collection.Channel) (u ircd.User, ok bool) {
	if refs.Met != nil {
		if u, ok = refs.Met(id, c); ok {
			return u, true
		}
	}
	u, ok = refs.Users[id]
	return u, ok
}

// Author returns the author of a message as the readers of a channel see them; UnknownUser
// if nothing is known.
func (refs References) Author(id string, c *collection.Channel) ircd.User {
	if u, ok := refs.user(id, c); ok {
		return u
	}
	return UnknownUser
}

// text replaces the ids of people who are mentioned in IRC text by their nicks.
func (refs References) text(shown string, c *collection.Channel) string {
	return text.ShowMentions(shown, func(id string) (string, bool) {
		u, ok := refs.user(id, c)
		return u.Nick, ok
	})
}

// mentionedIn lists those mentioned in a page of rows, as many as are worth a
// question.
func mentionedIn(rows []collection.Row) []string {
	var ids []string
	for _, r := range rows {
		ids = append(ids, text.MentionedIDs(r.Text)...)
		if r.Reply != nil {
			ids = append(ids, text.MentionedIDs(r.Reply.Text)...)
		}
	}
	return ids[:min(len(ids), text.MaxMentionedInPage)]
}

func usersOf(rows []collection.Row) []string {
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.Author)
		if r.Recipient != "" {
			ids = append(ids, r.Recipient)
		}
		if r.Reply != nil {
			ids = append(ids, r.Reply.Author)
		}
	}
	return ids
}

// ToMessage makes the message that IRC sees of a row of a channel. It converts the text, so
// do not call it with a lock held.
func ToMessage(r collection.Row, c *collection.Channel, refs References, replayed bool) *ircd.Message {
	kind, shown := c.Shown(r.Text)
	if r.Notice {
		kind, shown = ircd.Notice, text.Spoken(kind, shown)
	}
	shown = refs.text(shown, c)
	if r.More > 0 {
		shown += fmt.Sprintf("\n[bytes not shown: %d]", r.More)
	}
	for _, line := range refs.files[r.ID] {
		shown = strings.TrimPrefix(shown+"\n"+line, "\n")
	}
	m := &ircd.Message{
		ID: collection.MessageID(r), Time: r.ShownAt(), From: refs.Author(r.Author, c), Target: c.Name(),
		Kind: kind, Text: shown, Replayed: replayed,
	}
	if c.Private {
		m.To = refs.Author(r.Recipient, c)
	}
	if q := r.Reply; q != nil && quotes(c, r, refs) {
		_, said := c.Shown(q.Text)
		m.ReplyTo = collection.MessageID(*q)
		m.Quote = &ircd.Quote{Nick: refs.Author(q.Author, c).Nick, Text: text.Beginning(refs.text(said, c)), Time: q.Date}
	}
	return m
}

// quotes reports whether the row that r answers may be quoted with it: it is not deleted,
// and of the same channel or between the same two people.
func quotes(c *collection.Channel, r collection.Row, refs References) bool {
	q := *r.Reply
	if c.Private && !collection.Between(q, r.Author, r.Recipient) {
		return false
	}
	return !q.Date.IsZero() && c.Matches(q) && !refs.hidden[q.ID]
}

// unquotable returns the ids of the answered rows that are not of the channel, where only
// Directus can evaluate its filter: that was not applied to answered rows. If Directus does
// not answer, none may be quoted.
func unquotable(ctx context.Context, account *directus.Account, g *collection.Group, rows []collection.Row) map[string]bool {
	if g.Fields.Reply == "" || g.Channels[0].Equal != nil || g.Channels[0].Private {
		return nil
	}
	key, hidden := g.Fields.Key(), map[string]bool{}
	var ids []string
	for _, r := range rows {
		if r.Reply != nil && !hidden[r.Reply.ID] {
			hidden[r.Reply.ID] = true
			ids = append(ids, r.Reply.ID)
		}
	}
	for page := range slices.Chunk(ids, collection.PageLimit(ctx, account, collection.PageSize)) {
		var found []map[string]json.RawMessage
		q := g.Keyed(g.Filter, page)
		q.Fields = []string{key}
		if account.Items(ctx, g.Collection, q, &found) != nil {
			break
		}
		for _, item := range found {
			delete(hidden, collection.IDOf(collection.Scalar(item[key])))
		}
	}
	return hidden
}
