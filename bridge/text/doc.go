// Package text converts between the texts that Directus stores (plain, Markdown or HTML) and IRC
// text with mIRC formatting. It also describes edits, reads substitutions (s/old/new/), and
// finds and replaces mentions.
//
// bridge and the rooms collection, people and feed call it. It imports none of the rooms, has no
// state and takes no locks, so any goroutine may call it; do not call it with a lock held, as a
// long text takes milliseconds.
package text
