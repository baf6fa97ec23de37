package collection

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// MaxRank is the last millisecond of a second.
const MaxRank = 999

// DisplayTime returns the time under which a row is shown. Where dates are whole seconds,
// a client that pages by time would split the rows of one second, or lose some of them.
// So each row is shown a millisecond after the one before it, in the order of their keys,
// up to the end of the second. rank is the number of rows of the same conversation and
// second that come before this one; it is 0 where a collection stores fractions.
func DisplayTime(date time.Time, rank int) time.Time {
	return date.Add(time.Duration(min(rank, MaxRank)) * time.Millisecond)
}

// ShownAt returns the time of the row's message.
func (r Row) ShownAt() time.Time {
	switch {
	case !r.Seen.IsZero():
		return r.Seen
	case r.At.IsZero():
		return r.Date
	}
	return r.At
}

// Conversation is what IRC clients show in one window: a channel, or the private messages
// of two users. Display times are distinct within a conversation.
type Conversation struct {
	Channel *Channel
	Peer    string // the other user's id
}

// ConversationOf returns the conversation of a row of a channel, as the user self sees it.
func ConversationOf(r Row, c *Channel, self string) Conversation {
	switch {
	case !c.Private:
		return Conversation{Channel: c}
	case r.Author == self:
		return Conversation{c, r.Recipient}
	}
	return Conversation{c, r.Author}
}

// maxDisplayTimes is how many keys DisplayTimes keeps to rank rows by; the keys of the
// latest second are kept whatever their number. Beyond it the older half is dropped, and
// a late row of a second that was dropped is shown under its date.
const maxDisplayTimes = 512

// DisplayTimes gives rows that come live the display times that history will give them.
// It knows the rows of the latest seconds that its feed has read or heard of. It cannot
// know a row of the same second whose event is still on its way, nor one that was
// deleted. Its owner guards it.
type DisplayTimes struct {
	seconds map[RankKey][]string // keys of rows in order
	size    int                  // keys in seconds
	// Newest is the display time of the latest row of each conversation, without rows
	// of the future; private conversations have none.
	Newest map[Conversation]time.Time
}

// RankKey is a second, or finer date, of a conversation: rows are ranked within it.
type RankKey struct {
	Conversation Conversation
	Date         int64 // in milliseconds
}

// NewDisplayTimes returns DisplayTimes that know no rows.
func NewDisplayTimes() DisplayTimes {
	return DisplayTimes{seconds: map[RankKey][]string{}, Newest: map[Conversation]time.Time{}}
}

// Clone returns a copy that shares nothing with the original.
func (m *DisplayTimes) Clone() DisplayTimes {
	seconds := make(map[RankKey][]string, len(m.seconds))
	for s, ids := range m.seconds {
		seconds[s] = slices.Clone(ids)
	}
	return DisplayTimes{seconds, m.size, maps.Clone(m.Newest)}
}

// Note adds a row and returns the time under which it is shown. fine means that the
// collection stores fractions of a second, so that no rank is needed. Rows dated after
// limit do not count for Newest.
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
	if m.size <= maxDisplayTimes {
		return
	}
	dates := slices.SortedFunc(maps.Keys(m.seconds), func(a, b RankKey) int { return cmp.Compare(a.Date, b.Date) })
	for _, s := range dates {
		if m.size <= maxDisplayTimes/2 || s.Date == dates[len(dates)-1].Date {
			return
		}
		m.size -= len(m.seconds[s])
		delete(m.seconds, s)
	}
}
