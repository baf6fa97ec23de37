// Package guard protects Directus from logins: Limiter keeps those away that would fail, so
// that no account is suspended, and Gate limits how many are under way at a time. Failures
// are counted in a ledger that outlives the daemon.
//
// bridge calls it for each login, from the goroutine of the connection. It imports state of
// the rooms. Limiter.mu is held while the ledger puts rows into a state.Table, which has a
// lock of its own and never waits; the mutex of Gate is a leaf lock.
package guard
