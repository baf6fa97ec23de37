// Package presence knows who is connected, in which channels, and who wants to hear of
// it. All connections of one user are one presence: others see the first connection
// join and the last one leave, and the user away once all connections are.
//
// A connection attaches itself to the Roster with an Inbox, reports what its user does,
// and shows its client the Events that arrive in the Inbox. Nothing here waits for a
// client or a backend. The package imports wire, for the case mapping, and nothing else
// of this module.
//
// roster.go is about coming and going, state.go about AWAY, names and bots, watch.go
// about MONITOR, tell.go about who hears of what, query.go answers questions, past.go
// remembers who left (WHOWAS), and inbox.go and compact.go are the way to a connection.
package presence
