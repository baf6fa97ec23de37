// Package clients holds a test and nothing else: real IRC clients sit side by side in one channel, each logged in by the
// recipe of the manual, and what happens there must show on their screens once, and nothing odd beside it. See TestClients.
//
// It runs one daemon as a process, on a real Directus. The clients are those of Debian 12; whoever runs the test has them
// installed, as .ci/run does. Each one gets a folder of its own as its home, and a terminal, or whatever it shows its lines in.
//
//	go test -v ./cmd/directus-ircd/clients                          all of them, for a minute, and the matrix in the end
//	go test -v ./cmd/directus-ircd/clients -clients.run='sic|ii'    some of them
//	go test -v -artifacts ./cmd/directus-ircd/clients               the screens and the log of the daemon are kept
package clients
