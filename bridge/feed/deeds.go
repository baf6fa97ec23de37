package feed

import (
	"maps"
	"slices"
	"sync"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

const (
	// maxDeeds is how many changes are remembered; of more, the oldest is forgotten.
	maxDeeds = 1024
	// deedLife is for how long the event of a change is believed to be on its way.
	deedLife = time.Minute
)

// deeds are the changes of stored messages and reactions that users made through the daemon. The
// events of Directus do not say who has changed an item or deleted it, and any feed may
// bring them, before or after the answer to the request. Of a change that is not among
// the deeds nobody knows who made it.
type deeds struct {
	mu   sync.Mutex
	done map[deedKey]deed // guarded by mu
}

// deedKey names a change: one of each kind is remembered of an item, the latest.
type deedKey struct {
	collection, id string
	erased         bool // or else a new text
}

type deed struct {
	by   ircd.User
	text collection.Digest // of the beginning that is read of it
	at   time.Time
}

// Rewriting notes that a user stores a new text, and erasing that one deletes an item.
// They are called in front of the request; undo is for one that came to nothing.
func (d *deeds) Rewriting(by ircd.User, g *collection.Group, id, text string) (undo func()) {
	return d.note(deedKey{g.Collection, id, false}, deed{by, textDigest(text), time.Now()})
}

func (d *deeds) Erasing(by ircd.User, collection, id string) (undo func()) {
	return d.note(deedKey{collection, id, true}, deed{by: by, at: time.Now()})
}

func (d *deeds) note(key deedKey, now deed) (undo func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, again := d.done[key]
	if !again && len(d.done) >= maxDeeds {
		// The oldest is forgotten.
		delete(d.done, slices.MinFunc(slices.Collect(maps.Keys(d.done)), func(a, b deedKey) int { return d.done[a].at.Compare(d.done[b].at) }))
	}
	if d.done == nil {
		d.done = map[deedKey]deed{}
	}
	d.done[key] = now
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case d.done[key] != now: // there was another one since
		case again:
			d.done[key] = before
		default:
			delete(d.done, key)
		}
	}
}

// restored forgets that an item was deleted: it is there again.
func (d *deeds) restored(g *collection.Group, id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.done, deedKey{g.Collection, id, true})
}

// editor is who stored the text of a row, at most wait before the end of a deed's life;
// the zero User if that is not known. An author is as the readers of the row know them.
func (d *deeds) editor(g *collection.Group, r collection.Row, author ircd.User, wait time.Duration) ircd.User {
	done := d.find(deedKey{g.Collection, r.ID, false}, wait)
	if done.text != textDigest(r.Text) {
		return ircd.User{}
	}
	return done.as(author)
}

func (d *deeds) eraser(collection, id string, author ircd.User) ircd.User {
	return d.find(deedKey{collection, id, true}, 0).as(author)
}

func (d *deeds) find(key deedKey, wait time.Duration) deed {
	d.mu.Lock()
	defer d.mu.Unlock()
	if done, ok := d.done[key]; ok && time.Since(done.at) < deedLife+wait {
		return done
	}
	return deed{}
}

func (d deed) as(author ircd.User) ircd.User {
	if d.by.ID == author.ID {
		return author
	}
	return d.by
}

func textDigest(whole string) collection.Digest {
	return collection.DigestOf(text.Clip(whole, directus.MaxString))
}
