// Package faults holds a test and nothing else: people exchange thousands of numbered messages over IRC, REST and
// WebSocket while everything between them breaks, and in the end every message is accounted for. See TestFaults.
//
// It runs two daemons as processes, on a real Directus, with a directustest.Proxy between them and it.
//
// A daemon broken by hand failed a whole run for each of these: rows left out, a gap not read, messages sent again blindly,
// after one look or as new ones, never looked for, or told to be stored, or not to be, when in doubt; feeds shared without
// proof or kept after a lost right, a token of another user read by, no hold-back, pages newest first, names mixed up, and what a device has received written
// down too early or never.
//
//	go test -v ./cmd/directus-ircd/faults                                 two minutes, more on a busy machine
//	go test -v -timeout 3h ./cmd/directus-ircd/faults -faults.for=1h      as long as you like, with faults that last longer
//	go test -v ./cmd/directus-ircd/faults -faults.seed=7                  the same faults in the same order as the run that printed it
package faults
