package simulation

import "sync"

// book gives messages their numbers.
type book struct {
	mu      sync.Mutex
	authors []int       // by number from 1: the person who writes it, -1: nobody; guarded by mu
	latest  map[int]int // versions of texts so far, by number; guarded by mu
}

func newBook() *book { return &book{authors: []int{-1}, latest: map[int]int{}} }

// message is a new one.
func (b *book) message(author int) token {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.authors = append(b.authors, author)
	return token{n: len(b.authors) - 1}
}

// version is the next text of a message.
func (b *book) version(n int) token {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest[n]++
	return token{n, b.latest[n]}
}

// author is the person who has written a message.
func (b *book) author(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n <= 0 || n >= len(b.authors) {
		return -1
	}
	return b.authors[n]
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.authors) - 1
}

// body is a text with a token; filler makes texts differ in length.
func body(t token, filler int) string {
	const words = "lorem ipsum dolor sit amet consetetur sadipscing elitr sed diam nonumy eirmod tempor invidunt ut labore "
	return t.String() + " " + words[:filler%len(words)] + "."
}
