package bridge

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

const (
	// maxReactionText is the length beyond which a text is no reaction.
	maxReactionText = 64
	// maxReactionsRead bounds the reactions that are read to the messages of
	// one page: the first ones count.
	maxReactionsRead = 500
)

// reaction is an item of a collection of reactions. Immutable.
type reaction struct {
	id      string
	message string // key of the message
	text    string
	author  string
	date    time.Time
}

// query are the fields to ask for.
func (c *Reactions) query() []string {
	return []string{"id", c.Message, c.Text, c.Author, c.Date}
}

// reactionStore is the collection of the reactions to the messages of a group.
type reactionStore struct {
	*Reactions
	zone *time.Location // in which Directus writes dates without one; nil: UTC
}

func (g *group) reactionStore() reactionStore { return reactionStore{g.reactions, g.dates.zone} }

// parse reads an item; ok is false for what is no reaction that can be shown.
func (c reactionStore) parse(raw json.RawMessage) (r reaction, ok bool) {
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return reaction{}, false
	}
	r = reaction{
		id: scalar(values["id"]), message: related(values[c.Message]), author: related(values[c.Author]),
		text: reactionText(scalar(values[c.Text])), date: parseDateIn(scalar(values[c.Date]), c.zone),
	}
	return r, r.id != "" && r.message != "" && r.text != ""
}

// reactionText makes a text fit for a reaction; empty if it is none.
func reactionText(text string) string {
	text = strings.TrimSpace(mircFormat.ReplaceAllString(wire.CleanText(text), ""))
	if len(text) > maxReactionText || strings.Contains(text, "\n") {
		return ""
	}
	return text
}

// msgid tells reactions from messages, whose keys may be the same.
func (r reaction) msgid() string {
	at := int64(0)
	if !r.date.IsZero() {
		at = r.date.UnixMilli()
	}
	return safeID(r.id) + "." + strconv.FormatInt(at, 36) + ".r"
}

// event is the reaction to a message as IRC sees it. Now is for one without a date.
func (r reaction) event(m *ircd.Message, from ircd.User, now time.Time) *ircd.Reaction {
	at := r.date
	if at.IsZero() {
		at = now
	}
	return &ircd.Reaction{
		ID: r.msgid(), Time: at, From: from, Target: m.Target, To: m.To, MsgID: m.ID, Text: r.text,
	}
}

// removal is the event that takes a reaction back; by is who did it, zero if that is not
// known.
func removal(ev *ircd.Reaction, by ircd.User, at time.Time) *ircd.Reaction {
	gone := *ev
	gone.ID, gone.Time, gone.Removed, gone.By = ev.ID+"x", at, ev.ID, by
	return &gone
}

// read asks for reactions that match a filter, the oldest first.
func (c reactionStore) read(ctx context.Context, account *directus.Account, filter directus.Filter) ([]reaction, error) {
	var list []reaction
	for offset := 0; offset < maxReactionsRead; {
		limit := pageLimit(ctx, account, pageSize)
		var items []json.RawMessage
		err := account.Items(ctx, c.Collection, directus.Query{
			Fields: c.query(), Filter: filter, Sort: []string{c.Date, "id"}, Limit: limit, Offset: offset,
		}, &items)
		if err != nil {
			return nil, err
		}
		for _, raw := range items {
			if r, ok := c.parse(raw); ok {
				list = append(list, r)
			}
		}
		if len(items) < limit {
			break
		}
		offset += limit
	}
	return list, nil
}

// reactionsTo reads the reactions to messages of a group, in order, by the key of
// the message. Who may not read reactions has none, and where Directus does not
// answer the messages are shown without.
func (m *member) reactionsTo(ctx context.Context, g *group, list []found) map[string][]*ircd.Reaction {
	if g.reactions == nil || len(list) == 0 {
		return nil
	}
	messages := map[string]*ircd.Message{}
	ids := make([]string, 0, len(list))
	for _, f := range list {
		ids = append(ids, f.row.id)
		messages[f.row.id] = f.message
	}
	reactions, err := g.reactionStore().read(ctx, m.account, directus.Filter{g.reactions.Message: map[string]any{"_in": ids}})
	users := map[string]ircd.User{}
	if err == nil {
		users, err = m.names.usersMeeting(ctx, meetsNobody, reactors(reactions))
	}
	if err != nil {
		if !isForbidden(err) {
			m.log.Debug().Err(err).Str("collection", g.reactions.Collection).Msg("history without reactions")
		}
		return nil
	}
	refs := references{users: users, met: m.names.met}
	by := map[string][]*ircd.Reaction{}
	for _, r := range reactions {
		if message := messages[r.message]; message != nil {
			by[r.message] = append(by[r.message], r.event(message, refs.author(r.author, g.channels[0]), m.account.Now()))
		}
	}
	return by
}

func reactors(list []reaction) []string {
	ids := make([]string, 0, len(list))
	for _, r := range list {
		ids = append(ids, r.author)
	}
	return ids
}

// own reads the user's reactions to a message that say something.
func (c reactionStore) own(ctx context.Context, account *directus.Account, message, text string) ([]reaction, error) {
	list, err := c.read(ctx, account, directus.And(
		directus.Eq(c.Message, message), directus.Eq(c.Author, "$CURRENT_USER")))
	// Compared here: to some databases all emoji are equal.
	return slices.DeleteFunc(list, func(r reaction) bool { return r.text != text || r.author != account.ID() }), err
}

// add stores a reaction.
func (c reactionStore) add(ctx context.Context, account *directus.Account, message, text string) (reaction, error) {
	var raw json.RawMessage
	err := account.CreateItem(ctx, c.Collection,
		map[string]any{c.Message: keyValue(message), c.Text: text}, c.query(), &raw)
	if err != nil {
		return reaction{}, err
	}
	r, ok := c.parse(raw)
	if !ok {
		return reaction{}, errHidden
	}
	return r, nil
}

// remove deletes one.
func (c reactionStore) remove(ctx context.Context, account *directus.Account, id string) error {
	return account.DeleteItem(ctx, c.Collection, id)
}
