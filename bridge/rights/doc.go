// Package rights knows what a user may do, as Directus tells in /permissions/me, and which
// users provably see the same of a group: its audience. There is a Cache for each user who
// is logged in; bridge, bridge/feed and bridge/people ask it, from any goroutine.
//
// It imports collection of the rooms. The mutexes of Cache and Shared are leaf locks, and
// none is held while Directus is asked.
package rights
