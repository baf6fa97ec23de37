// Package bridge joins the IRC server of package ircd to the Directus client of package
// directus: a login becomes a Directus session, the rows of a collection become messages,
// and messages become rows, always under the user's own permissions.
//
//	ircd.Server ── Backend ── session ─┬─ member ── directus.Account, directus.Realtime
//	  one per client: Poll, Send, …    │   one per user: login, rights, names
//	                                   └─ feed.Reader ◀── feed.Feed ◀── directus.Subscription
//	                                        one per channel and client     one per audience
//
// # Rooms
//
// Each folder is a package. They import one another downwards only; see boundary_test.go:
//
//	bridge      where a user's wishes meet the rest: the methods of ircd.Session, file by file
//	feed        what came of a collection: events, gaps, order, edits, for those who see the same
//	people      who is who: names, nicks, files; a row becomes an ircd message
//	rights      what a user may do, and who provably sees the same
//	rooms       channels made of the items of a collection
//	resume      what a device has received
//	markers     read markers
//	guard       who may try to log in
//	state       what outlives the daemon, in one file
//	collection  one row, its dates, keys and pages; a channel as a view of rows
//	budget      how much is read at once
//	text        stored text and IRC text
//
// # The way of a PRIVMSG
//
// session.Send (session.go) finds the target (target.go), has the text written as the
// collection stores it (text/format.go), and gives it to member.send (send.go), which
// creates the row over the socket or by REST. An answer that does not come is looked for,
// never guessed (write.go). The row becomes the sender's echo (people/message.go).
//
// # The way of a create event
//
// Feed.run (feed/feed.go) takes it from the subscription. It waits in feed/reorder.go for
// rows that are older, is made into a message for each channel that shows it
// (feed/publish.go), and is appended to the feed's journal (feed/journal.go), which wakes
// the sessions. session.News, or session.Poll where more than news may have come (poll.go),
// leaves out what its client has seen (view.go).
//
// The collection is the log and the socket a doorbell: whenever an event may be missing, the
// feed reads the collection (feed/catchup.go) and publishes what it has not shown.
//
// # Goroutines
//
// A session belongs to the connection, of which one goroutine at a time calls its methods;
// what others leave for it is in its mailbox (view.go) and in journals. A member owns the
// goroutines of its realtime link, its checks and its markers, and joins them when its last
// session closes. feed.Set owns one goroutine for each feed and joins it when the last
// reader leaves; rooms.Rooms does so with each list of rooms. state.Store owns the one that touches the disk. Backend.Close joins all.
//
// # Locks
//
// They are taken in this order, and nothing that waits is done under one:
//
//	Backend.mu → member.mu → mailbox.mu
//	feed.Set.mu → rights.Cache.mu
//	feed.Set.mu → Feed.mu → journal.mu
//	rooms.Rooms.mu → collection.Index.mu, state.Table.mu
//	people.Nicks.mu, guard.Limiter.mu → state.Table.mu; markers.Books.mu → Book.mu
//
// Below these are leaves: the other locks of the rooms.
package bridge
