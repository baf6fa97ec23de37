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
)

// Wishes are the rooms that a device has joined, and those that it has left. Its owner guards
// them.
type Wishes struct {
	Joined []string `json:"joined,omitempty"` // keys, sorted
	Parted []string `json:"parted,omitempty"` // keys, sorted
}

// Memory holds the wishes of devices that outlive their connections.
type Memory struct{ table *state.Table[Wishes] }

// NewMemory makes the memory of a store. Call it where the store is opened.
func NewMemory(s *state.Store) Memory {
	return Memory{state.NewTable[Wishes](s, "rooms 1", "the rooms of devices")}
}

// Buckets lists the tables for the store.
func (m Memory) Buckets() []state.Bucket { return []state.Bucket{m.table} }

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
