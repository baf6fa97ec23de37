package collection

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// maxReactionsRead bounds how many reactions are read for the messages of one page; only
// the first ones count.
const maxReactionsRead = 500

// Reaction is an item of a collection of reactions. Immutable.
type Reaction struct {
	ID      string
	Message string // key of the message
	text    string
	Author  string
	date    time.Time
}

// Query lists the fields to ask for.
func (c *Reactions) Query() []string {
	return []string{"id", c.Message, c.Text, c.Author, c.Date}
}

// reactionStore reads and writes the reactions to the messages of a group. Any goroutine
// may use it; errors are those of package directus.
type reactionStore struct {
	*Reactions
	zone *time.Location // in which Directus writes dates without one; nil: UTC
}

// ReactionStore returns the store of a group that has Reactions.
func (g *Group) ReactionStore() reactionStore { return reactionStore{g.Reactions, g.Dates.Zone} }

// Parse reads an item; ok is false if it is not a reaction that can be shown.
func (c reactionStore) Parse(raw json.RawMessage) (r Reaction, ok bool) {
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return Reaction{}, false
	}
	r = Reaction{
		ID: Scalar(values["id"]), Message: related(values[c.Message]), Author: related(values[c.Author]),
		text: text.ReactionText(Scalar(values[c.Text])), date: ParseDateIn(Scalar(values[c.Date]), c.zone),
	}
	return r, r.ID != "" && r.Message != "" && r.text != ""
}

// msgid is distinct from the msgid of every message, even of one with the same key.
func (r Reaction) msgid() string {
	at := int64(0)
	if !r.date.IsZero() {
		at = r.date.UnixMilli()
	}
	return safeID(r.ID) + "." + strconv.FormatInt(at, 36) + ".r"
}

// MayConcern reports whether a reaction belongs to a message: to a private one, only those of
// its sender and recipient do, although Directus lets everybody store one.
func (r Reaction) MayConcern(m *ircd.Message) bool {
	return m.Target != "" || r.Author == m.From.ID || r.Author == m.To.ID
}

// Event returns the reaction to a message as IRC sees it; now is the time of one without
// a date.
func (r Reaction) Event(m *ircd.Message, from ircd.User, now time.Time) *ircd.Reaction {
	at, to := r.date, m.To
	if at.IsZero() {
		at = now
	}
	if m.Target == "" && from.ID == m.To.ID {
		to = m.From
	}
	return &ircd.Reaction{
		ID: r.msgid(), Time: at, From: from, Target: m.Target, To: to, MsgID: m.ID, Text: r.text,
	}
}

// Removal returns the event that takes a reaction back; by is who removed it, zero if that
// is not known.
func Removal(ev *ircd.Reaction, by ircd.User, at time.Time) *ircd.Reaction {
	gone := *ev
	gone.ID, gone.Time, gone.Removed, gone.By = ev.ID+"x", at, ev.ID, by
	return &gone
}

// Read returns the reactions that match a filter, the oldest first, maxReactionsRead or a
// few more at most.
func (c reactionStore) Read(ctx context.Context, account *directus.Account, filter directus.Filter) ([]Reaction, error) {
	var list []Reaction
	for offset := 0; offset < maxReactionsRead; {
		limit := PageLimit(ctx, account, PageSize)
		var items []json.RawMessage
		err := account.Items(ctx, c.Collection, directus.Query{
			Fields: c.Query(), Filter: filter, Sort: []string{c.Date, "id"}, Limit: limit, Offset: offset,
		}, &items)
		if err != nil {
			return nil, err
		}
		for _, raw := range items {
			if r, ok := c.Parse(raw); ok {
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

// Own returns the reactions of the account's user to a message with the given text.
func (c reactionStore) Own(ctx context.Context, account *directus.Account, message, text string) ([]Reaction, error) {
	list, err := c.Read(ctx, account, directus.And(
		directus.Eq(c.Message, KeyOf(message)), directus.Eq(c.Author, "$CURRENT_USER")))
	// Compared here: to some databases all emoji are equal.
	return slices.DeleteFunc(list, func(r Reaction) bool { return r.text != text || r.Author != account.ID() }), err
}

// Add stores a reaction of the account's user. ErrHidden means that it was stored, but
// cannot be read back.
func (c reactionStore) Add(ctx context.Context, account *directus.Account, message, text string) (Reaction, error) {
	var raw json.RawMessage
	err := account.CreateItem(ctx, c.Collection,
		map[string]any{c.Message: KeyValue(message), c.Text: text}, c.Query(), &raw)
	if err != nil {
		return Reaction{}, err
	}
	r, ok := c.Parse(raw)
	if !ok {
		return Reaction{}, ErrHidden
	}
	return r, nil
}

// Remove deletes a reaction.
func (c reactionStore) Remove(ctx context.Context, account *directus.Account, id string) error {
	return account.DeleteItem(ctx, c.Collection, id)
}

// Reactors lists the authors of reactions, each as often as they have reacted.
func Reactors(list []Reaction) []string {
	ids := make([]string, 0, len(list))
	for _, r := range list {
		ids = append(ids, r.Author)
	}
	return ids
}
