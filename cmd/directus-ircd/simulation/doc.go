// Package simulation holds a test and nothing else: the whole daemon (ircd, bridge and directus, unchanged) lives in one
// testing/synctest bubble, in virtual time and over connections in memory, between clients that act by a seed and a double
// of Directus that fails by the same seed. What everybody was sent is held against a chronicle of what was stored and of
// who was allowed to read it when. See TestSimulation.
//
//	go test -run Simulation ./cmd/directus-ircd/simulation                        as many seeds as fit into the normal test run
//	go test -run Simulation ./cmd/directus-ircd/simulation -simulate.for=8h -timeout=0       as many as fit into a time
//	go test -run Simulation ./cmd/directus-ircd/simulation -simulate.messages=300000 -simulate.faults=10000 -simulate.processes=2 -simulate.covered
//	go test -run Simulation ./cmd/directus-ircd/simulation -simulate.seed=7       one seed, with the wire of those concerned
//
// Judged are: nobody is shown what they may not read; nothing is lost, doubled, out of order or stored twice; messages carry
// their author, who is not named to those who may not know of them; nicks never change hands, senders are told the truth,
// PING is answered in time, queues and memory are bounded, feeds are shared as the configuration says, a quiet system is
// quiet, the daemon stops in time with every goroutine joined, and nothing panics.
//
// What must not be missing is what a client could read all along from a JOIN on: to the end if it is there when all has come
// to rest, and else whatever is older than something shown in its turn. Devices and clients that page are to have it whole
// over all their visits. A message whose event was lost or disordered may come late and out of order, but within the time of
// the regular reading. Not judged are messages that were given another date than that of their storing, what is missing of
// those stored while the clock of Directus is set back by more than a minute as far as directus-ircd-reliability(7) says so (see setBack), in
// what order a backlog comes that could not be read at JOIN, and who is named to whom but as an author. With
// -simulate.order=false nothing of this is judged.
//
// The connections of clients have the buffer of a kernel between the ends, of a size by the seed: what the daemon writes without
// waiting is taken whole, in part, or not at all.
//
// With -simulate.rooms=3 one world of three has rooms, beside channels of the configuration or in their place: made, renamed, archived,
// deleted, described, and opened and closed to people, in Directus and from IRC. A client takes a room for the one that its topic
// tells of, and not for that of a name, so that what is shown under the name of another room counts as shown to who may not read it.
// Rooms are chosen from random numbers of their own: a seed without rooms is what it was before.
//
// Counted is how often each promise, step, fault and setting was put to the test; with -simulate.covered one that never was is
// a failure. A process tries one world at a time, on one core: -simulate.processes shares the seeds among several.
//
// The daemon takes the time by the clock of Directus, which is set in some worlds. That of its own machine it reads once in a
// life, which a test in bridge holds: it is set between two lives, by seconds to a day. The disk is
// full by a limit of the process, which holds for whatever else writes files in it.
//
// The same seed makes the same scenario, but not the same run: the order of maps, of what is ready at one moment, and the
// jitter of pauses differ, so that a failing seed may have to be tried several times. With -simulate.exact the test builds
// itself anew with a Go runtime whose choices follow from the seed, and TestSameSeedSameRun holds that two runs of 60 steps
// then have the same log to the last line. Nothing holds that for longer runs, which may differ late.
//
// The files: scenario chooses settings and steps from a seed; steps and faults carry them out on a world; client is an IRC
// client that notes what it is sent; chronicle is the model of Directus; judge holds one against the other; shrink makes a
// failing scenario small.
package simulation
