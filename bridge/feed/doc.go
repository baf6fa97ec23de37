// Package feed follows one Directus collection for those who provably see the same in it.
// The collection is the log and the realtime subscription only a doorbell: events are taken
// as they come, and every doubt (a gap, a lost link, a key that is missing) is answered by
// reading the collection again from the cursor and dropping the rows already seen. A feed
// writes what it finds into a journal, which each session reads at its own pace.
//
// Goroutines: exported methods may be called from any. Set.Attach starts a feed's run and Set.Close joins it. run alone reads
// Directus, publishes rows and moves the cursor. Sessions attach and detach Readers, read
// the journal, and report their own writes (own.go, deeds.go, answers.go); a member's
// goroutine calls Set.Expel, Reread and Linked.
//
// Locks: Set.mu guards which feeds are open; Feed.mu what a feed knows of its rows, while
// the fields marked so belong to run alone; journal.mu the entries and the positions of
// Readers. They are taken in the order Set.mu, Feed.mu, journal.mu. Deeds and watch have leaf
// locks, and so have the packages that are asked under these: Dates, the name directory and
// the rights cache.
// No request, no wait for a reader and no conversion of a row's text (render.go) happens
// under any of them.
//
// An event passes feed.go (run), told.go (events kept while the collection is read), parse.go,
// reorder.go (order of keys), publish.go (new rows), changes.go (updates and deletions),
// debounce.go (edits) and journal.go. Doubts take catchup.go, sweep.go (late rows) and
// review.go (changes nobody told of), inherit.go (what another feed has shown); probe.go asks for rows without events, at the pace of
// watch.go. leader.go chooses whose link brings the events; set.go opens, forks and ends feeds.
package feed
