package rooms

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd/wire"
)

// Join says in which rooms a session is without asking.
type Join string

// The values of Join.
const (
	JoinAll    Join = "all"    // in all that it may read
	JoinMember Join = "member" // in those that the user has joined, or is a member of
	JoinNone   Join = "none"
)

// Config says which items of Directus are rooms, and what of them is shown.
type Config struct {
	// Collection holds the rooms. Its primary key is "id".
	Collection string
	Fields     Fields
	// Messages is what the channels of all rooms have in common. Its Name, Filter and
	// TopicItem are not used.
	Messages collection.Config
	// Room is the field of the messages with the key of the room (many to one).
	Room string
	// Members holds the memberships: the junction of Fields.Member. It has the fields of the user
	// and of the room that Directus gives to junctions. Empty without Fields.Member.
	Members string
	Base    string // see collection.Channel
	Settings
}

// Settings are what a reload can change of rooms that stay the same.
type Settings struct {
	Join   Join
	Create bool // JOIN of a name that no room has makes one
	Limit  int  // the most rooms that are listed for a user
}

// Fields names the fields of a room. All but Name may be empty: there is none then.
type Fields struct {
	Name  string
	Topic string
	// Archived says by its value that the room is not to be seen: see IsArchived.
	Archived string
	// Member is a relation to users: the memberships of the room, each with the field
	// directus_users_id.
	Member string
}

const keyField = "id"

// Query lists the fields of a room that are read.
func (c *Config) Query() []string {
	fields := []string{keyField, c.Fields.Name}
	for _, f := range []string{c.Fields.Topic, c.Fields.Archived} {
		if f != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// queryOf is Query without the fields that are hidden from a reader, unless a room cannot do without.
func (c *Config) queryOf(m Reader) []string {
	return slices.DeleteFunc(c.Query(), func(field string) bool {
		return field != keyField && field != c.Fields.Name && m.Hides(c.Collection, field)
	})
}

// Rooms is what a configuration makes of a collection of rooms. Close ends its goroutines.
type Rooms struct {
	Config   // its Settings are the first ones: see Current
	settings atomic.Pointer[Settings]
	// Groups are what to try to read the messages of any room in, best first.
	Groups []*collection.Group

	index  *collection.Index   // of the groups; has a lock of its own, which is taken under mu
	making *semaphore.Weighted // held while a room is made
	dates  dates

	ctx    context.Context // of all lists
	cancel context.CancelFunc
	wg     sync.WaitGroup // of all lists, joined by Close

	mu    sync.Mutex
	lists map[Key]*List // guarded by mu
	names registry      // guarded by mu
	// renamed are the last renames over IRC, by key; guarded by mu.
	renamed map[string]renamed
}

// New makes the rooms of a configuration, without asking Directus. Their names are those that are
// kept. Of the rooms of an earlier configuration (before, which may be nil) those in the same
// collection have their channels at once, so that nobody has to leave them. The caller sets Dates and Edits of the Groups before anything is read. The error says what
// is wrong with cfg.
func New(cfg Config, kept Names, before *Rooms) (*Rooms, error) {
	if cfg.Collection == "" || cfg.Fields.Name == "" || cfg.Room == "" {
		return nil, errFields
	}
	// All channels are like this one, which is tried here.
	c, err := collection.NewRoom(cfg.Messages, cfg.Room, "0", "#rooms")
	if err != nil {
		return nil, fmt.Errorf("rooms: %w", err)
	}
	c.Filter = nil
	r := &Rooms{Config: cfg, index: collection.NewIndex(cfg.Room), making: semaphore.NewWeighted(1), dates: dates{turn: semaphore.NewWeighted(1)}, names: newRegistry(kept), lists: map[Key]*List{}, renamed: map[string]renamed{}}
	r.settings.Store(&cfg.Settings)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	for _, fields := range cfg.Messages.Fields.Choices() {
		g := &collection.Group{
			Collection: cfg.Messages.Collection, Fields: fields, Reactions: cfg.Messages.Reactions,
			Channels: []*collection.Channel{c}, Index: r.index,
		}
		g.Prepare()
		r.Groups = append(r.Groups, g)
	}
	for id, name := range before.named(cfg.Collection) {
		c := r.channelOf(id)
		c.Rename(name)
		r.names.channels[id] = c
		r.index.Add(id, c)
	}
	return r, nil
}

// Current are the settings of now.
func (r *Rooms) Current() Settings { return *r.settings.Load() }

// Is reports whether a configuration makes the same rooms, whatever its settings.
func (r *Rooms) Is(cfg Config) bool {
	cfg.Settings = r.Settings
	return reflect.DeepEqual(r.Config, cfg)
}

// Set changes the settings. It ends nothing: a Limit and a Join hold for what is read from now on.
func (r *Rooms) Set(now Settings) {
	if *r.settings.Swap(&now) == now {
		return
	}
	r.mu.Lock()
	lists := slices.Collect(maps.Values(r.lists))
	r.mu.Unlock()
	for _, l := range lists {
		l.Reread()
	}
}

// Alone are the groups of one room alone, to read its history in, best first.
func (r *Rooms) Alone(c *collection.Channel) []*collection.Group {
	alone := make([]*collection.Group, len(r.Groups))
	for i, g := range r.Groups {
		alone[i] = &collection.Group{
			Collection: g.Collection, Fields: g.Fields, Reactions: g.Reactions,
			Channels: []*collection.Channel{c}, Dates: g.Dates, Edits: g.Edits,
		}
		alone[i].Prepare()
	}
	return alone
}

// Close ends all lists and waits for their goroutines.
func (r *Rooms) Close() {
	r.cancel()
	r.wg.Wait()
}

// Channel is the channel of a room by the key of the room; nil if no list has had it yet.
func (r *Rooms) Channel(id string) *collection.Channel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.names.channels[id]
}

// Named is the channel with a name, whoever may read it; nil if there is none. If the name was
// that of a room which is called otherwise now, it is that one, and moved is true.
func (r *Rooms) Named(name string) (c *collection.Channel, moved bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, moved := r.names.ids[wire.Fold(name)], false
	if id == "" {
		id, moved = r.names.was[wire.Fold(name)], true
	}
	return r.names.channels[id], moved
}

// Reserve keeps rooms from having names, by folded name: those of the channels of the
// configuration.
func (r *Rooms) Reserve(names map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names.reserved = names
	for name := range names {
		if id := r.names.ids[name]; id != "" {
			r.names.call(id, r.names.claims[id].Slug)
		}
	}
}

// make makes the channels of rooms that have none yet.
func (r *Rooms) make(news map[string]*Room) map[string]*collection.Channel {
	made := map[string]*collection.Channel{}
	for id, room := range news {
		if room != nil && r.Channel(id) == nil {
			made[id] = r.channelOf(id)
		}
	}
	return made
}

// learn gives a channel and a name to each of the rooms that a listing has got, and takes the names
// of those that were deleted. made are channels for those that may have none. The caller holds mu.
func (r *Rooms) learn(now *Listing, made map[string]*collection.Channel) {
	for _, id := range now.changed {
		if now.Rooms[id] == nil && now.CauseOf(id) == Deleted {
			r.names.drop(id)
		}
	}
	for _, id := range now.changed {
		if room := now.Rooms[id]; room != nil {
			r.names.giveUp(id, room.slug)
		}
	}
	for _, id := range now.changed {
		room := now.Rooms[id]
		if room == nil {
			continue
		}
		if r.names.channels[id] == nil {
			r.names.channels[id] = made[id]
			r.index.Add(id, made[id])
		}
		r.names.take(id, room.slug)
	}
}

// retain frees the names of the rooms that are not among all that there were, and in no list: a room
// may have been made since.
func (r *Rooms) retain(all map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.names.claims {
		if !all[id] && !r.isListed(id) {
			r.names.drop(id)
		}
	}
}

// isListed reports whether any list has a room. The caller holds mu.
func (r *Rooms) isListed(id string) bool {
	for _, l := range r.lists {
		if l.now != nil && l.now.Rooms[id] != nil {
			return true
		}
	}
	return false
}

// named lists the names of the rooms of a collection, by key, if it is that of r; r may be nil.
func (r *Rooms) named(collection string) map[string]string {
	names := map[string]string{}
	if r == nil || r.Collection != collection {
		return names
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, c := range r.names.channels {
		if _, claimed := r.names.claims[id]; claimed {
			names[id] = c.Name()
		}
	}
	return names
}

// channelOf makes the channel of a room, which has no name of its own yet.
func (r *Rooms) channelOf(id string) *collection.Channel {
	c, err := collection.NewRoom(r.Messages, r.Room, id, "#"+anonymous)
	if err != nil {
		panic(err) // New has tried it
	}
	if t := r.Fields.Topic; t != "" {
		c.TopicItem = &collection.TopicItem{Collection: r.Collection, ID: id, Field: t}
	}
	c.Base = r.Base
	return c
}
