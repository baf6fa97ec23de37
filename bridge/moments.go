package bridge

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// maxRank is the last millisecond of a second.
const maxRank = 999

// moment is the time under which a row is shown. Where dates come in whole
// seconds, rows that share one would be torn apart or lost by clients that page
// by time: each gets a millisecond more than the one before it, in the order of
// their keys, up to the end of the second. The rank is the number of rows in
// front of it in its second, of those of its lane; that of a collection that
// stores fractions is 0.
func moment(date time.Time, rank int) time.Time {
	return date.Add(time.Duration(min(rank, maxRank)) * time.Millisecond)
}

// shownAt is the time of a row's message.
func (r row) shownAt() time.Time {
	switch {
	case !r.seen.IsZero():
		return r.seen
	case r.at.IsZero():
		return r.date
	}
	return r.at
}

// lane is a window on IRC: a channel, or what a user and another say to each
// other. Times are told apart within it.
type lane struct {
	channel *channel
	peer    string // the other user's id
}

func laneOf(r row, c *channel, self string) lane {
	switch {
	case !c.private:
		return lane{channel: c}
	case r.author == self:
		return lane{c, r.recipient}
	}
	return lane{c, r.author}
}

// maxMoments is how many keys of rows are kept for their ranks, those of the last
// second apart, of which a thousand make a difference; beyond, the older half
// goes: a row of theirs that comes late is shown under its date.
const maxMoments = 512

// moments gives the rows that a feed brings the times that history gives them.
// It knows the rows of the latest seconds, all that the feed has read or heard
// of. Two things it cannot know: a row in the same second whose event is still on
// its way, and one that was deleted. Its owner guards it.
type moments struct {
	seconds map[second][]string // keys in order
	size    int
	newest  map[lane]time.Time
}

type second struct {
	lane lane
	date int64 // in milliseconds
}

func newMoments() moments {
	return moments{seconds: map[second][]string{}, newest: map[lane]time.Time{}}
}

func (m *moments) clone() moments {
	seconds := make(map[second][]string, len(m.seconds))
	for s, ids := range m.seconds {
		seconds[s] = slices.Clone(ids)
	}
	return moments{seconds, m.size, maps.Clone(m.newest)}
}

// note counts a row in and returns the time under which it is shown. fine says
// that the collection stores fractions of a second. What is dated later than
// limit is none of the newest rows.
func (m *moments) note(r row, in lane, fine bool, limit time.Time) time.Time {
	at, last := r.date, r.date
	if !fine && r.rawDate != "" {
		s := second{in, r.date.UnixMilli()}
		ids := m.seconds[s]
		rank, known := slices.BinarySearchFunc(ids, r.id, compareIDs)
		if !known && rank <= maxRank {
			ids = slices.Insert(ids, rank, r.id)
			m.seconds[s] = ids
			m.size++
			m.trim()
		}
		at, last = moment(r.date, rank), moment(r.date, len(ids)-1)
	}
	if last.After(m.newest[in]) && !last.After(limit) && !in.channel.private {
		m.newest[in] = last
	}
	return at
}

func (m *moments) trim() {
	if m.size <= maxMoments {
		return
	}
	dates := slices.SortedFunc(maps.Keys(m.seconds), func(a, b second) int { return cmp.Compare(a.date, b.date) })
	for _, s := range dates {
		if m.size <= maxMoments/2 || s.date == dates[len(dates)-1].date {
			return
		}
		m.size -= len(m.seconds[s])
		delete(m.seconds, s)
	}
}
