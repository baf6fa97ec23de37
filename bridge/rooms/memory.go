package rooms

import (
	"slices"
	"strings"

	"directus-ircd/bridge/state"
)

const (
	// maxDevices is of how many devices it is remembered in which rooms they are. Those that come
	// when it is full begin anew each time.
	maxDevices = 20000
	// maxRemembered bounds the rooms that are remembered of one device.
	maxRemembered = 4096
	// maxNames is how many rooms keep their names over restarts. The others get those that come
	// of the order in which they are read.
	maxNames = 200000
)

// Wishes are the rooms that a device has joined, and those that it has left. Its owner guards
// them.
type Wishes struct {
	Joined []string `json:"joined,omitempty"` // keys, sorted
	Parted []string `json:"parted,omitempty"` // keys, sorted
}

// Memory holds what outlives connections and the daemon: the wishes of devices, and the names of
// rooms.
type Memory struct {
	table *state.Table[Wishes]
	names *state.Table[claim]
}

// NewMemory makes the memory of a store. Call it where the store is opened.
func NewMemory(s *state.Store) Memory {
	return Memory{
		state.NewTable[Wishes](s, "rooms 1", "the rooms of devices"),
		state.NewTable[claim](s, "room names 1", "the names of rooms"),
	}
}

// Buckets lists the tables for the store.
func (m Memory) Buckets() []state.Bucket { return []state.Bucket{m.table, m.names} }

// Names are the names of the rooms of one collection. The zero value keeps none.
type Names struct {
	table *state.Table[claim]
	of    string // before the keys of the rooms
}

// Names are those of a collection of the Directus at origin.
func (m Memory) Names(origin, collection string) Names {
	return Names{m.names, strings.Join([]string{origin, collection, ""}, "\x00")}
}

func (n Names) all() map[string]claim {
	mine := map[string]claim{}
	if n.table == nil {
		return mine
	}
	for key, c := range n.table.All() {
		if id, ok := strings.CutPrefix(key, n.of); ok {
			mine[id] = c
		}
	}
	return mine
}

func (n Names) put(id string, c claim) {
	if n.table == nil {
		return
	}
	if _, known := n.table.Get(n.of + id); known || n.table.Len() < maxNames {
		n.table.Put(n.of+id, c)
	}
}

func (n Names) drop(id string) {
	if n.table != nil {
		n.table.Drop(n.of + id)
	}
}

// DeviceKey names the wishes of a user's device, which may have no name, for a collection of
// rooms of the Directus at origin.
func DeviceKey(origin, user, device, collection string) string {
	return strings.Join([]string{origin, user, device, collection}, "\x00")
}

// Of returns the wishes of a device.
func (m Memory) Of(key string) Wishes {
	w, _ := m.table.Get(key)
	return w
}

// Note remembers that a device is in a room by its own wish, or is not.
func (m Memory) Note(key, room string, in bool) {
	old, known := m.table.Get(key)
	if !known && m.table.Len() >= maxDevices {
		return
	}
	now := Wishes{with(old.Joined, room, in), with(old.Parted, room, !in)}
	if !slices.Equal(now.Joined, old.Joined) || !slices.Equal(now.Parted, old.Parted) {
		m.table.Put(key, now)
	}
}

// with returns a copy of a sorted list with a key in it, or without it.
func with(list []string, key string, in bool) []string {
	i, found := slices.BinarySearch(list, key)
	switch {
	case found && !in:
		return slices.Delete(slices.Clone(list), i, i+1)
	case !found && in && len(list) < maxRemembered:
		return slices.Insert(slices.Clone(list), i, key)
	}
	return list
}

// Has reports whether a key is in one of the lists.
func Has(list []string, key string) bool {
	_, found := slices.BinarySearch(list, key)
	return found
}
