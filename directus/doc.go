// Package directus is a client for the REST API and the realtime sessions
// (WebSocket, "REST" flavour) of Directus 10, 11 and 12. It knows nothing of
// IRC.
//
// A Client knows an address, an Account a logged-in user, a Realtime one socket
// of that user. What needs a login is a method of what Login returned.
//
// Three facts of Directus shape the package:
//
//   - A realtime event is a hint and not a log. Events are lost while a socket
//     is down, expired or overflowing, and Directus replays none. So a
//     Subscription reports a gap after every doubt, and the reader of a
//     collection then reads the collection itself again.
//   - A socket whose token has expired is dangerous: Directus 11 gives it all
//     rights. A link is therefore authenticated anew before the expiry, and
//     dropped with everything behind it if that did not succeed.
//   - A request may be carried out without an answer. ErrNotConnected says that
//     it surely was not, ErrUnconfirmed that nobody knows.
//
// Secrets (passwords, tokens, e-mail addresses, texts of items) appear neither
// in the log nor in the text of any error; Error.Message, which may quote
// items, is a field for the caller to judge.
package directus
