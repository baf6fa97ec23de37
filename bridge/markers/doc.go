// Package markers keeps the read markers of users: in memory (Book) and, if there is one, in a
// collection of Directus (Store).
//
// bridge calls it, from the goroutines of sessions, and runs Book.Keep for each user. It imports
// collection of the rooms. Books.mu is taken before Book.mu; neither is held while Directus is
// asked.
package markers
