package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"directus-ircd/directus/directustest"
)

// A token names a message and the version of its text: "m17v2" stands in the text itself, so that whoever is shown
// any part of that text is known to have seen it.
type token struct{ n, v int }

func (t token) String() string { return fmt.Sprintf("m%dv%d", t.n, t.v) }

// tokens are those in a line, in order. Lines are many, so that they are searched by hand.
func tokens(line string) (found []token) {
	for at := 0; at < len(line); {
		i := strings.IndexByte(line[at:], 'm')
		if i < 0 {
			return found
		}
		start := at + i
		at = start + 1
		n, behind, ok := digits(line, at)
		if !ok || behind >= len(line) || line[behind] != 'v' || start > 0 && isWord(line[start-1]) {
			continue
		}
		v, behind, ok := digits(line, behind+1)
		if ok && (behind == len(line) || !isWord(line[behind])) {
			found, at = append(found, token{n, v}), behind
		}
	}
	return found
}

// digits reads the number at a place of a line.
func digits(line string, at int) (n, behind int, ok bool) {
	for behind = at; behind < len(line) && line[behind] >= '0' && line[behind] <= '9'; behind++ {
		n = 10*n + int(line[behind]-'0')
	}
	return n, behind, behind > at
}

// isWord reports what may not stand next to a token.
func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// version is a state of an item from a moment on.
type version struct {
	from time.Time
	item map[string]any // nil: it is gone
}

// record is the history of an item.
type record struct {
	collection, key string
	versions        []version
	message         int       // its number, 0 if its text has none
	given           bool      // it was given a date by whoever stored it
	created         time.Time // what the item says itself; zero: it has no date
}

// rights are what a person may do from a moment on.
type rights struct {
	from     time.Time
	unread   map[string]bool // collections that may not be read
	rule     map[string]bool // collections of which items of the level "secret" may not be read
	closed   map[string]bool // rooms that may not be read, by key
	nameless bool            // directus_users may not be read
	inactive bool
}

// swap is when two people got each other's static token.
type swap struct {
	at   time.Time
	a, b int
}

// longest is how long Directus may take at most, in a fault, to carry out what was sent from IRC, the wait for those before it
// included.
const longest = 3 * time.Minute

// chronicle is the model of Directus: what was stored when, and who was allowed to read it.
type chronicle struct {
	mu       sync.Mutex
	items    map[string]*record // by collection and key
	messages map[int][]*record  // by number
	rights   [][]rights         // by person
	swaps    []swap             // of tokens
	clocks   []clock            // as Directus' was set
	sent     map[int]time.Time  // when messages were sent from IRC, by number
	rooms    []string           // keys of all that there ever were, in their order
}

// clock is how far that of Directus is ahead of the bubble's from a moment on.
type clock struct {
	from  time.Time
	ahead time.Duration
}

func newChronicle(people int, ahead time.Duration) *chronicle {
	c := &chronicle{clocks: []clock{{time.Now(), ahead}}, items: map[string]*record{}, messages: map[int][]*record{}, sent: map[int]time.Time{}}
	for range people {
		c.rights = append(c.rights, []rights{{from: time.Now(), unread: map[string]bool{}, rule: map[string]bool{}, closed: map[string]bool{}}})
	}
	return c
}

// note is the hook of the fake Directus.
func (c *chronicle) note(change directustest.FakeChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, item := range change.Items {
		c.append(change.Collection, keyOf(item), item)
	}
	if change.Event == "delete" {
		for _, key := range change.Keys {
			c.append(change.Collection, key, nil)
		}
	}
}

// append adds a version. The caller holds mu.
func (c *chronicle) append(collection, key string, item map[string]any) {
	id := collection + "/" + key
	r := c.items[id]
	if r == nil {
		r = &record{collection: collection, key: key, created: dateOf(item)}
		c.items[id] = r
		if collection == roomsCollection {
			c.rooms = append(c.rooms, key)
		}
		text, _ := item["text"].(string)
		if found := tokens(text); len(found) > 0 {
			r.message = found[len(found)-1].n
			c.messages[r.message] = append(c.messages[r.message], r)
		}
	}
	r.versions = append(r.versions, version{time.Now(), item})
	if d := r.date().Sub(c.shown(r.stored())); len(r.versions) == 1 && (d > time.Second || d < -time.Second) {
		r.given = true
	}
}

// change alters a person's rights from now on.
func (c *chronicle) change(person int, alter func(*rights)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := c.rights[person]
	next := states[len(states)-1]
	next.from, next.unread, next.rule, next.closed = time.Now(), maps.Clone(next.unread), maps.Clone(next.rule), maps.Clone(next.closed)
	alter(&next)
	c.rights[person] = append(states, next)
}

// swap notes that two people have each other's token from now on.
func (c *chronicle) swap(a, b int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swaps = append(c.swaps, swap{time.Now(), a, b})
}

// readers are the people by whose rights somebody who has logged in by a token may have read at a moment: until the
// daemon finds that the token was moved, Directus answers by the rights of its new owner.
func (c *chronicle) readers(person int, at time.Time, slack time.Duration) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []int{person}
	for _, s := range c.swaps {
		if s.at.After(at) || s.at.Before(at.Add(-slack)) {
			continue
		}
		switch person {
		case s.a:
			found = append(found, s.b)
		case s.b:
			found = append(found, s.a)
		}
	}
	return found
}

// now are a person's present rights.
func (c *chronicle) now(person int) rights {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := c.rights[person]
	return states[len(states)-1]
}

// allows reports whether somebody with these rights may read a state of an item.
func (s rights) allows(collection string, item map[string]any) bool {
	if item == nil || s.inactive || s.unread[collection] || s.rule[collection] && item["level"] == "secret" {
		return false
	}
	if collection != posts || item["room"] == nil {
		return true
	}
	return !s.unread[roomsCollection] && !s.closed[fmt.Sprint(item["room"])]
}

// belongs reports whether a state of an item is a message of a channel.
func (ch channelSpec) belongs(item map[string]any) bool {
	if item == nil || ch.softDelete && item["status"] == "deleted" {
		return false
	}
	switch room := item["room"].(type) {
	case nil:
		return ch.room == ""
	case json.Number:
		return ch.room == string(room)
	default:
		return ch.room == "" && !ch.lobby || room == ch.room
	}
}

// during are the rights that a person had at some moment of a time.
func (c *chronicle) during(person int, from, to time.Time) []rights {
	states := c.rights[person]
	first := 0
	for i, s := range states {
		if !s.from.After(from) {
			first = i
		}
	}
	last := first
	for last+1 < len(states) && !states[last+1].from.After(to) {
		last++
	}
	return states[first : last+1]
}

// mayHaveSeen reports whether a person could rightly be shown a version of a message in a channel at a moment: with some
// rights that they had within a time before, in some state that the item had by then. Debounce is how long a text has to stay
// until it is told, where what it replaces is told with it.
func (c *chronicle) mayHaveSeen(person int, ch channelSpec, t token, at time.Time, slack, debounce time.Duration) bool {
	if !c.wasOpen(ch, at.Add(-slack), at) {
		return false
	}
	for _, r := range c.messages[t.n] {
		for i, v := range r.versions {
			if v.from.After(at) || r.replaced(i, debounce, at).Before(at.Add(-slack)) || !ch.belongs(v.item) || !slices.Contains(tokens(fmt.Sprint(v.item["text"])), t) {
				continue
			}
			for _, s := range c.during(person, at.Add(-slack), at) {
				if s.allows(r.collection, v.item) {
					return true
				}
			}
		}
	}
	return false
}

// replaced is when another version stood in the place of one, and had settled; end if that was not before.
func (r *record) replaced(i int, debounce time.Duration, end time.Time) time.Time {
	for i++; i < len(r.versions); i++ {
		next := end
		if i+1 < len(r.versions) {
			next = r.versions[i+1].from
		}
		if next.Sub(r.versions[i].from) >= debounce {
			return r.versions[i].from.Add(debounce)
		}
	}
	return end
}

// steady reports whether a message could be read by a person in a channel all the time from its storing or a moment, the
// later of the two, to another.
func (c *chronicle) steady(person int, ch channelSpec, r *record, from, to time.Time) bool {
	for i, v := range r.versions {
		begin, end := v.from, to
		if i+1 < len(r.versions) {
			end = r.versions[i+1].from
		}
		if begin.Before(from) {
			begin = from
		}
		if begin.After(to) || end.Before(begin) {
			continue
		}
		if !ch.belongs(v.item) || !c.stayedOpen(ch, begin, end) {
			return false
		}
		for _, s := range c.during(person, begin, end) {
			if !s.allows(r.collection, v.item) {
				return false
			}
		}
	}
	return true
}

// deprived are the people who had just lost the right to read a message when it was stored: whose subscription carries a
// feed for others gets no event then, and until the daemon finds that out nor do they.
func (c *chronicle) deprived(r *record) (people []int) {
	for person, states := range c.rights {
		for _, s := range states[1:] {
			since := r.stored().Sub(s.from)
			if since >= 0 && since < lag && !s.allows(r.collection, r.versions[0].item) {
				people = append(people, person)
				break
			}
		}
	}
	return people
}

// setClock notes that Directus' clock is set.
func (c *chronicle) setClock(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clocks = append(c.clocks, clock{time.Now(), ahead})
}

// shown is what Directus' clock shows at a moment.
func (c *chronicle) shown(at time.Time) time.Time {
	now := c.clocks[0]
	for _, next := range c.clocks[1:] {
		if !next.from.After(at) {
			now = next
		}
	}
	return at.Add(now.ahead)
}

// latest is the latest that Directus' clock has shown from one moment to another.
func (c *chronicle) latest(from, to time.Time) time.Time {
	latest := c.shown(to)
	for i, next := range c.clocks[1:] {
		if last := next.from.Add(c.clocks[i].ahead); next.from.After(from) && !next.from.After(to) && last.After(latest) {
			latest = last
		}
	}
	return latest
}

// restored reports whether a message was stored again when it had been deleted: its nonce is unique among what is stored
// alone, so that a request which Directus carries out late, long answered on another way, brings it back. That can be said
// only of one that was sent from IRC, and of what Directus was sent before its sender was told.
func (c *chronicle) restored(n int) bool {
	rs, sent := c.messages[n], c.sent[n]
	for i := 1; i < len(rs); i++ {
		last := rs[i-1].versions[len(rs[i-1].versions)-1]
		if last.item != nil || last.from.After(rs[i].stored()) || sent.IsZero() || rs[i].stored().Sub(sent) > longest {
			return false
		}
	}
	return len(rs) > 1
}

// stored is when an item came.
func (r *record) stored() time.Time { return r.versions[0].from }

// date is what the item says itself.
func (r *record) date() time.Time { return r.created }

// dateOf is the date of an item.
func dateOf(item map[string]any) time.Time {
	text, _ := item["date_created"].(string)
	t, _ := time.Parse(time.RFC3339, text) // of an item without a date: the zero time
	return t
}
