// Package state keeps what must outlive the daemon in one file (Store), an embedded database
// with a bucket for each kind of entries. A Table is a bucket whose values are all in memory;
// other rooms have buckets of their own, such as resume.Positions.
//
// bridge opens and closes the store; guard, people and resume keep their entries in it. It
// imports none of the rooms. One goroutine writes the file. The mutexes of Store and Table are
// leaf locks, and none is held while the disk is waited for.
package state
