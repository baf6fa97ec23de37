package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

// ErrName says that a room cannot be made under a name, because it would get another one.
var ErrName = errors.New("no room gets this name")

// ErrTaken says that there is a room of this name, which the user may not read.
var ErrTaken = errors.New("a room that the user may not read has this name")

// Make makes a room with an IRC name as the reader m of a list, and returns its channel. If
// another user makes it at the same time, both get the same one. The error may be that of
// Directus.
func (r *Rooms) Make(ctx context.Context, l *List, m Reader, name string) (*collection.Channel, error) {
	if Slug(name) != wire.Fold(name) {
		return nil, ErrName
	}
	if err := r.making.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.making.Release(1)
	if c, err := r.made(ctx, l, m, name); c != nil || err != nil {
		return c, err
	}
	var item map[string]json.RawMessage
	err := m.Account().CreateItem(ctx, r.Collection, map[string]any{r.Fields.Name: name[1:]}, r.queryOf(m), &item)
	if directus.IsCode(err, directus.CodeRecordNotUnique) || errors.Is(err, directus.ErrUnconfirmed) {
		// Somebody else has made it, over another daemon or in a page, or this was stored.
		c, found := r.made(ctx, l, m, name)
		if c == nil && found == nil && directus.IsCode(err, directus.CodeRecordNotUnique) {
			return nil, ErrTaken
		}
		if c != nil {
			return c, nil
		}
	}
	if err != nil {
		return nil, err
	}
	room, archived, ok := r.parse(item)
	if !ok || archived {
		return nil, collection.ErrHidden
	}
	return l.Learn(room), nil
}

// made looks for a room of a name that the reader may read, in Directus, as the list may not
// have heard of it yet; nil if there is none.
func (r *Rooms) made(ctx context.Context, l *List, m Reader, name string) (*collection.Channel, error) {
	f := follower{list: l, reader: m}
	items, err := f.read(ctx, directus.Query{
		Filter: directus.Filter{r.Fields.Name: map[string]any{"_icontains": name[1:]}}, Sort: []string{keyField}, Limit: maxSingle,
	})
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if room, archived, ok := r.parse(item); ok && !archived && room.slug == wire.Fold(name) {
			return l.Learn(room), nil
		}
	}
	return nil, nil
}

// renameLife is how long it is known who has renamed a room: until everybody was told.
const renameLife = time.Minute

// renamed is how a room got its name over IRC.
type renamed struct {
	name       string // folded
	by, reason string
	at         time.Time
}

// Rename changes what people call a room, as the reader m of a list, for a reason, which may be empty.
func (r *Rooms) Rename(ctx context.Context, m Reader, id, name, reason string) error {
	if Slug(name) != wire.Fold(name) {
		return ErrName
	}
	note := renamed{wire.Fold(name), m.Account().ID(), reason, time.Now()}
	r.mu.Lock()
	maps.DeleteFunc(r.renamed, func(_ string, last renamed) bool { return time.Since(last.at) > renameLife })
	r.renamed[id] = note // the event may come before the answer
	r.mu.Unlock()
	err := m.Account().UpdateItem(ctx, r.Collection, id, map[string]any{r.Fields.Name: name[1:]}, []string{keyField}, nil)
	if err != nil && !errors.Is(err, directus.ErrUnconfirmed) {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.renamed, id)
	}
	return err
}

// RenamedBy is the user who has just given a room a name over this daemon, and why; empty if that is not
// known.
func (r *Rooms) RenamedBy(id, name string) (user, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := r.renamed[id]; last.name == wire.Fold(name) && time.Since(last.at) <= renameLife {
		return last.by, last.reason
	}
	return "", ""
}
