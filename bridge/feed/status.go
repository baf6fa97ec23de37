package feed

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// Status is what an operator may know of a feed: no texts, and no answers of Directus.
type Status struct {
	Collection string
	Channels   []string // sorted; that of private messages has no name
	// Owner is the id of the user who reads alone; empty: the feed is shared.
	Owner string
	Alone string // why the owner reads alone, as far as the permissions say it
	// Readers are connections, and Members different users among them.
	Readers, Members int
	Leader           string // the id of the user as whom it reads
	IsLinked         bool   // the leader's realtime link is up
	IsReady          bool   // the collection was read
	Trouble          string // why it cannot be read now; empty: it can
	Failing          int    // readings that failed in a row
	Behind           int    // readers that were not shown all yet
	Entries, Bytes   int    // that wait for them
}

// Feeds describes the feeds that are open, no more than most of them. It may be called from any goroutine.
func (fs *Set) Feeds(most int) []Status {
	fs.mu.Lock()
	open := make([]*Feed, 0, min(len(fs.open), most))
	for _, f := range fs.open {
		if len(open) == most {
			break
		}
		open = append(open, f)
	}
	fs.mu.Unlock()
	list := make([]Status, len(open))
	for i, f := range open {
		list[i] = f.describe()
	}
	slices.SortFunc(list, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Collection, b.Collection), slices.Compare(a.Channels, b.Channels))
	})
	return list
}

func (f *Feed) describe() Status {
	s := Status{Collection: f.Group.Collection}
	for _, c := range f.Group.Channels {
		s.Channels = append(s.Channels, c.Name())
	}
	slices.SortFunc(s.Channels, strings.Compare)
	if m := f.Key.Owner; m != nil {
		s.Owner, s.Alone = m.Account().ID(), m.Names().Alone(f.Group)
	}
	f.mu.Lock()
	leader, err := f.leader, f.err
	s.IsReady, s.Failing = f.ready, f.failing
	f.mu.Unlock()
	s.Leader, s.IsLinked, s.Trouble = leader.Account().ID(), leader.Link().Up, troubleOf(err)
	f.journal.describe(&s)
	return s
}

// troubleOf says why a collection cannot be read without what Directus has answered, which may quote from it.
func troubleOf(err error) string {
	switch {
	case err == nil:
		return ""
	case collection.IsForbidden(err):
		return "it may not be read"
	case errors.Is(err, directus.ErrUnavailable), errors.Is(err, directus.ErrNotConnected):
		return "Directus does not answer"
	}
	return "Directus refuses to read it"
}

func (j *journal) describe(s *Status) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s.Readers, s.Behind, s.Entries, s.Bytes = len(j.readers), j.behind, len(j.entries), j.bytes
	members := map[Member]struct{}{}
	for r := range j.readers {
		members[r.member] = struct{}{}
	}
	s.Members = len(members)
}
