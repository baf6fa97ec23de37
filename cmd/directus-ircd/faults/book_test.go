package faults

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// key names a message: its writer and the writer's number for it.
type key struct {
	writer string
	n      int
}

// text is what is stored: the key, and something to carry.
func (k key) text() string {
	filler := strings.Repeat("lorem ipsum ü€🙂 ", k.n*7%11)
	return fmt.Sprintf("%s/%d %s.", k.writer, k.n, filler)
}

var keyPattern = regexp.MustCompile(`\b([a-z]+)/(\d+) `)

// parseKey finds the key in a text; ok is false where there is none.
func parseKey(text string) (k key, ok bool) {
	m := keyPattern.FindStringSubmatch(text)
	if m == nil {
		return key{}, false
	}
	n, err := strconv.Atoi(m[2])
	return key{m[1], n}, err == nil
}

// outcome is what a writer knows of a message.
type outcome int

const (
	// pending: the writer is at it.
	pending outcome = iota
	// stored, as the writer was told.
	stored
	// refused: surely not stored, as the writer was told last; whoever can tries again.
	refused
	// perhaps stored, as the writer was told.
	perhaps
	// unheard: the writer's own connection was cut before it was told.
	unheard
)

// letter is a message on its way. Guarded by the book's mu.
type letter struct {
	key     key
	channel string
	asked   time.Time // the first attempt
	known   time.Time // the last answer
	outcome outcome
	refused int  // how often it was
	why     bool // the writer was told the reason of the Flow
}

// sighting is a message shown to a reader.
type sighting struct {
	key     key
	channel string
	nick    string
	msgid   string // empty where the reader knows none
	at      time.Time
	page    int // the answer to which it belongs; 0: it was shown live
}

// window is a time in which some people may not see what is sent in it.
type window struct {
	channel  string
	person   *person // nil: everybody
	from, to time.Time
}

// span is the time of a fault, until all is well again.
type span struct{ from, to time.Time }

// spell is a brief fault for a writer whose session lasted through it.
type spell struct {
	writer   string
	from, to time.Time
}

// book is what everybody notes. Its owner is the world; it is safe for concurrent use.
type book struct {
	mu      sync.Mutex
	changed chan struct{}   // closed and replaced at each change; guarded by mu
	letters map[key]*letter // guarded by mu
	told    map[string]int  // refusals and doubts by writer; guarded by mu
	doubts  map[string]int  // of these, doubts about messages that nothing marks; guarded by mu
	windows []window        // guarded by mu
	brief   []spell         // guarded by mu
	faults  map[string]int  // guarded by mu
	spans   []span          // guarded by mu

	ordeals  map[ordeal]int               // guarded by mu
	subjects []*subject                   // guarded by mu
	nicks    map[string]map[string]string // the user of each nick, by daemon; guarded by mu
	broken   map[string]int               // promises found to be broken before the end, by kind; guarded by mu
	words    map[string][]string          // what each writer was told in these words of messages that are not, or perhaps, sent; guarded by mu
}

func newBook() *book {
	return &book{changed: make(chan struct{}), letters: map[key]*letter{}, told: map[string]int{}, doubts: map[string]int{}, faults: map[string]int{},
		ordeals: map[ordeal]int{}, nicks: map[string]map[string]string{}, broken: map[string]int{}, words: map[string][]string{}}
}

// do changes the book and wakes those who wait for a change.
func (b *book) do(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	close(b.changed)
	b.changed = make(chan struct{})
}

// await waits until a condition on the book holds; false if it does not within the limit.
func (b *book) await(ctx context.Context, limit time.Duration, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		b.mu.Lock()
		ok, changed := holds(), b.changed
		b.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// ask notes an attempt to send.
func (b *book) ask(k key, channel string) {
	b.do(func() {
		if b.letters[k] == nil {
			b.letters[k] = &letter{key: k, channel: channel, asked: time.Now()}
		}
	})
}

// know notes what the writer was told of a message.
func (b *book) know(k key, o outcome) {
	b.do(func() {
		l := b.letters[k]
		l.outcome, l.known = o, time.Now()
		if o == refused {
			l.refused++
		}
		if o == refused || o == perhaps {
			b.told[k.writer]++
		}
		if o == perhaps && l.channel != marked {
			b.doubts[k.writer]++
		}
	})
}

func (b *book) fault(kind string) { b.do(func() { b.faults[kind]++ }) }
