// Package bench measures the daemon from outside: the program in a process of its own, between a Directus and clients
// on loopback sockets. Nothing here fails for being slow; each benchmark prints what it saw, and the ratio to what it is
// compared with, both of one run. From the top of the repository:
//
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench LastReader   # create to the last of N readers
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench SteadyRate   # 1000 readers of what Directus can store
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench Stream       # lines as fast as they are taken
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench Line         # processor time of a line when a chat is slow
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench Join         # 5000 people join one channel
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench Memory       # memory of 5000 idle connections
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench Login        # time for N clients to log in and join
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench Rooms        # rooms, and as many channels of the configuration
//	go test ./cmd/directus-ircd/bench -run '^$' -benchtime 1x -bench History      # pages of CHATHISTORY
//
// LastReader, SteadyRate, Login and History start a real Directus, installing it the first time. The others play one
// that is faster.
package bench
