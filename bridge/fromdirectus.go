package bridge

import (
	"context"
	"fmt"
	"strings"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// references are what rows refer to, as far as it takes it to show them.
type references struct {
	// users are authors, recipients and those who are mentioned, by id, as Directus
	// lets them be known.
	users map[string]ircd.User
	// met finds those of them who are in a channel, and known there; nil: nobody.
	met func(id string, c *channel) (ircd.User, bool)
	// files are the lines for those attached to a row, by its id.
	files map[string][]string
	// hidden are the rows, by id, that are answered and not to be shown.
	hidden map[string]bool
}

// references asks for what some rows of a group refer to and is not known yet.
func (d *directory) references(ctx context.Context, g *group, rows []row) (references, error) {
	users, err := d.usersMeeting(ctx, meetsNobody, usersOf(rows), mentionedIn(rows)...)
	if err != nil {
		return references{}, err
	}
	files, err := d.shelf.files(ctx, g, rows)
	if err != nil {
		return references{}, err
	}
	refs := references{users: users, met: d.met, files: map[string][]string{}, hidden: unquotable(ctx, d.account, g, rows)}
	for id, attached := range files {
		refs.files[id] = fileLines(attached, d.publicURL)
	}
	return refs, nil
}

// user is a person as those see them who read a channel.
func (refs references) user(id string, c *channel) (u ircd.User, ok bool) {
	if refs.met != nil {
		if u, ok = refs.met(id, c); ok {
			return u, true
		}
	}
	u, ok = refs.users[id]
	return u, ok
}

// author is user for who has said something: somebody, or nobody who is known.
func (refs references) author(id string, c *channel) ircd.User {
	if u, ok := refs.user(id, c); ok {
		return u
	}
	return unknownUser
}

// text is IRC text with what it refers to.
func (refs references) text(shown string, c *channel) string {
	return showMentions(shown, func(id string) (string, bool) {
		u, ok := refs.user(id, c)
		return u.Nick, ok
	})
}

// mentionedIn lists those mentioned in a page of rows, as many as are worth a
// question.
func mentionedIn(rows []row) []string {
	var ids []string
	for _, r := range rows {
		ids = append(ids, mentionedIDs(r.text)...)
		if r.reply != nil {
			ids = append(ids, mentionedIDs(r.reply.text)...)
		}
	}
	return ids[:min(len(ids), maxMentionedInPage)]
}

func usersOf(rows []row) []string {
	ids := make([]string, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.author)
		if r.recipient != "" {
			ids = append(ids, r.recipient)
		}
		if r.reply != nil {
			ids = append(ids, r.reply.author)
		}
	}
	return ids
}

// toMessage is what IRC sees of a row of a channel.
func toMessage(r row, c *channel, refs references, replayed bool) *ircd.Message {
	kind, text := c.shown(r.text)
	text = refs.text(text, c)
	if r.more > 0 {
		text += fmt.Sprintf("\n[bytes not shown: %d]", r.more)
	}
	for _, line := range refs.files[r.id] {
		text = strings.TrimPrefix(text+"\n"+line, "\n")
	}
	m := &ircd.Message{
		ID: messageID(r), Time: r.shownAt(), From: refs.author(r.author, c), Target: c.Name,
		Kind: kind, Text: text, Replayed: replayed,
	}
	if c.private {
		m.To = refs.author(r.recipient, c)
	}
	if q := r.reply; q != nil && c.quotes(r, refs) {
		_, said := c.shown(q.text)
		m.ReplyTo = messageID(*q)
		m.Quote = &ircd.Quote{Nick: refs.author(q.author, c).Nick, Text: beginning(refs.text(said, c)), Time: q.date}
	}
	return m
}

// shownText is what IRC sees of a stored text. It holds no control characters but
// line breaks, tabs and the codes of mIRC formatting.
func shownText(stored string, f Format) (ircd.Kind, string) {
	text := strings.TrimRight(f.toIRC(wire.CleanText(stored)), " \n")
	if action, ok := strings.CutPrefix(text, actionPrefix); ok && isShown(action) {
		return ircd.Action, action
	}
	return ircd.Privmsg, text
}
