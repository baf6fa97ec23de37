// Package people knows who is who: it turns the user ids in rows into IRC identities, hands
// out nicks, finds users by nick, reads the names of attached files, and makes an
// ircd.Message of a row. A Community belongs to one Directus and is shared by all; a
// Directory belongs to one of its users and shows no more than that user may see.
//
// bridge and bridge/feed call it, from any goroutine. It imports rights, collection, state
// and text of the rooms. The mutexes of Directory, attachments, nicks, censuses and company
// are leaf locks but for one: nicks puts rows into a state.Table under its own.
package people
