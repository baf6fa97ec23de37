// Package rooms makes channels of the items of a Directus collection, one for each item that a
// user may read and that is not archived.
//
//	Rooms     what a configuration makes of a collection of rooms: the channel of each room
//	          (Registry) and the lists that are kept of them
//	List      the rooms that one user, or all who may read every room, may read: one
//	          subscription, and readings that settle what the events leave open
//	Listing   a list at one time; immutable
//
// A room is told from others by its key. Its name is a view: the channel stays the same one
// when the room is renamed, and so do positions, read markers and msgids.
//
// Goroutines: each List has one of its own, which Rooms.Attach starts and the last Detach, or
// Rooms.Close, ends. Everything else may be called from any goroutine.
//
// Locks: Rooms.mu guards the lists and the names; that of the index is taken under it. Nothing is
// asked of Directus, nobody is called or woken, and no listing is made under it.
package rooms
