package rooms

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
)

// Room is an item of the collection of rooms as its reader sees it. Immutable but for its dates.
type Room struct {
	ID string
	// Name is what people call it; it may be empty.
	Name  string
	Topic string
	slug  string // see Slug
	// created and updated are when, in seconds of Unix; 0: not known. See dates.go.
	created, updated atomic.Int64
}

// Cause is why a room is not in a list any more.
type Cause int

// The causes. Directus does not tell of a right that was taken away, so that this is what is
// left.
const (
	Unreadable Cause = iota
	Archived
	Deleted
)

// maxGone is how many rooms that are gone a listing knows the cause of: the latest.
const maxGone = 256

// Listing is the rooms of a List at one time. Immutable.
type Listing struct {
	Rooms map[string]*Room // by key
	// version counts the listings of a List, which is of.
	version int
	of      *List
	// changed are the keys of the rooms that differ from the version before.
	changed []string
	gone    []goneRoom // the latest, oldest first
	keys    []string   // see Keys; written once
	sorting sync.Once
}

type goneRoom struct {
	id    string
	cause Cause
}

// CauseOf is why a room is gone that an earlier listing had.
func (l *Listing) CauseOf(id string) Cause {
	for _, g := range slices.Backward(l.gone) {
		if g.id == id {
			return g.cause
		}
	}
	return Unreadable
}

// Keys lists the keys of all rooms, sorted. It is not to be changed.
func (l *Listing) Keys() []string {
	l.sorting.Do(func() { l.keys = slices.SortedFunc(maps.Keys(l.Rooms), collection.CompareIDs) })
	return l.keys
}

// Since lists the keys of the rooms that are new, gone or changed since an earlier listing, which
// may be that of another List, or nil; sorted. It is not to be changed.
func (l *Listing) Since(old *Listing) []string {
	switch {
	case old == l:
		return nil
	case old == nil:
		return l.Keys()
	case old.version == l.version-1 && l.of == old.of:
		return l.changed
	}
	var ids []string
	for id, r := range l.Rooms {
		if o := old.Rooms[id]; o == nil || !o.is(r) {
			ids = append(ids, id)
		}
	}
	for id := range old.Rooms {
		if l.Rooms[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, collection.CompareIDs)
	return ids
}

// next makes the listing after l, which may be nil, with some rooms replaced; one that is nil
// is gone. It returns l itself if nothing has changed.
func (l *Listing) next(of *List, news map[string]*Room, causes map[string]Cause) *Listing {
	if l == nil {
		l = &Listing{of: of}
	}
	n := &Listing{version: l.version + 1, of: of, gone: l.gone}
	for _, id := range slices.SortedFunc(maps.Keys(news), collection.CompareIDs) {
		old, now := l.Rooms[id], news[id]
		if old == nil && now == nil {
			continue
		}
		if old != nil && now != nil && old.is(now) {
			old.redate(now)
			continue
		}
		if n.Rooms == nil {
			n.Rooms = make(map[string]*Room, len(l.Rooms)+len(news))
			maps.Copy(n.Rooms, l.Rooms)
		}
		n.changed = append(n.changed, id)
		if n.Rooms[id] = now; now == nil {
			delete(n.Rooms, id)
			n.gone = append(slices.Clip(n.gone), goneRoom{id, causes[id]})
		}
	}
	switch {
	case n.Rooms == nil && l.Rooms != nil:
		return l
	case n.Rooms == nil:
		n.Rooms = map[string]*Room{}
	}
	n.gone = n.gone[max(0, len(n.gone)-maxGone):]
	return n
}

// maxName and maxTopic are how many bytes of the texts of a room are kept: more than IRC has room
// for.
const (
	maxName  = 512
	maxTopic = 4 << 10
)

// parse reads an item of the collection of rooms. ok is false if it cannot be read whole: then
// it is not shown, as its name could not be told from that of others.
func (c *Config) parse(item map[string]json.RawMessage) (room *Room, archived, ok bool) {
	r := &Room{ID: collection.Scalar(item[keyField])}
	name, named := item[c.Fields.Name]
	if r.ID == "" || !named {
		return nil, false, false
	}
	r.Name = text.Clip(collection.Scalar(name), maxName)
	r.slug = Slug(r.Name)
	if c.Fields.Topic != "" {
		r.Topic = text.Clip(collection.Scalar(item[c.Fields.Topic]), maxTopic)
	}
	return r, c.Fields.Archived != "" && IsArchived(item[c.Fields.Archived]), true
}

// IsArchived reports whether a field says that its room is archived: a yes, a number that is
// not 0, or the status that Directus itself gives to archived items.
func IsArchived(raw json.RawMessage) bool {
	switch s := collection.Scalar(raw); s {
	case "", "false", "0":
		return false
	case "true", "archived":
		return true
	default:
		return collection.IsNumber(s)
	}
}
