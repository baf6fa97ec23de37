// Package resume keeps what each device of a user has received of each channel (Position), in
// memory and in the state file (Positions), so that a device that reconnects is shown what it
// has missed and nothing twice.
//
// bridge calls it, from the goroutines of its sessions. It imports collection and state of the
// rooms. A Position has no lock: its owner guards it. The mutex of Positions is held while a
// key is marked in the store, and for nothing else that blocks.
package resume
