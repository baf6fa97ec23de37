package collection

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// MaxRank is the last millisecond of a second.
const MaxRank = 999

// DisplayTime is the time under which a row is shown. Where dates come in whole
// seconds, rows that share one would be torn apart or lost by clients that page
// by time: each gets a millisecond more than the one before it, in the order of
// their keys, up to the end of the second. The rank is the number of rows in
// front of it in its second, of those of its lane; that of a collection that
// stores fractions is 0.
func DisplayTime(date time.Time, rank int) time.Time {
	return date.Add(time.Duration(min(rank, MaxRank)) * time.Millisecond)
}

// ShownAt is the time of a row's message.
func (r Row) ShownAt() time.Time {
	switch {
	case !r.Seen.IsZero():
		return r.Seen
	case r.At.IsZero():
		return r.Date
	}
	return r.At
}

// Conversation is a window on IRC: a channel, or what a user and another say to each
// other. Times are told apart within it.
type Conversation struct {
	Channel *Channel
	Peer    string // the other user's id
}

func ConversationOf(r Row, c *Channel, self string) Conversation {
	switch {
	case !c.Private:
		return Conversation{Channel: c}
	case r.Author == self:
		return Conversation{c, r.Recipient}
	}
	return Conversation{c, r.Author}
}

// MaxDisplayTimes is how many keys of rows are kept for their ranks, those of the last
// second apart, of which a thousand make a difference; beyond, the older half
// goes: a row of theirs that comes late is shown under its date.
const MaxDisplayTimes = 512

// DisplayTimes gives the rows that a feed brings the times that history gives them.
// It knows the rows of the latest seconds, all that the feed has read or heard
// of. Two things it cannot know: a row in the same second whose event is still on
// its way, and one that was deleted. Its owner guards it.
type DisplayTimes struct {
	seconds map[RankKey][]string // keys in order
	size    int
	Newest  map[Conversation]time.Time
}

type RankKey struct {
	Conversation Conversation
	Date         int64 // in milliseconds
}

func NewDisplayTimes() DisplayTimes {
	return DisplayTimes{seconds: map[RankKey][]string{}, Newest: map[Conversation]time.Time{}}
}

func (m *DisplayTimes) Clone() DisplayTimes {
	seconds := make(map[RankKey][]string, len(m.seconds))
	for s, ids := range m.seconds {
		seconds[s] = slices.Clone(ids)
	}
	return DisplayTimes{seconds, m.size, maps.Clone(m.Newest)}
}

// Note counts a row in and returns the time under which it is shown. fine says
// that the collection stores fractions of a second. What is dated later than
// limit is none of the newest rows.
func (m *DisplayTimes) Note(r Row, in Conversation, fine bool, limit time.Time) time.Time {
	at, last := r.Date, r.Date
	if !fine && r.RawDate != "" {
		s := RankKey{in, r.Date.UnixMilli()}
		ids := m.seconds[s]
		rank, known := slices.BinarySearchFunc(ids, r.ID, CompareIDs)
		if !known && rank <= MaxRank {
			ids = slices.Insert(ids, rank, r.ID)
			m.seconds[s] = ids
			m.size++
			m.trim()
		}
		at, last = DisplayTime(r.Date, rank), DisplayTime(r.Date, len(ids)-1)
	}
	if last.After(m.Newest[in]) && !last.After(limit) && !in.Channel.Private {
		m.Newest[in] = last
	}
	return at
}

func (m *DisplayTimes) trim() {
	if m.size <= MaxDisplayTimes {
		return
	}
	dates := slices.SortedFunc(maps.Keys(m.seconds), func(a, b RankKey) int { return cmp.Compare(a.Date, b.Date) })
	for _, s := range dates {
		if m.size <= MaxDisplayTimes/2 || s.Date == dates[len(dates)-1].Date {
			return
		}
		m.size -= len(m.seconds[s])
		delete(m.seconds, s)
	}
}
