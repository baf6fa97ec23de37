package bridge

import (
	"context"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd/wire"
)

// joinTime is the moment of a JOIN by the clock of Directus: behind all that the
// channel has shown, and not behind what is written from now on. It cannot be
// that for what is written in the same millisecond as the newest message, nor for
// rows that are on their way, whose dates may be older. Rows of the future do not
// count: they would leave no room for others.
func (s *session) joinTime(j *joined, backlog []found) time.Time {
	_, limit, _ := collection.ServerNow(s.member.account)
	newest := j.view.feed.Latest(j.Channel)
	for _, f := range backlog {
		if at := f.row.ShownAt(); at.After(newest) && !at.After(limit) {
			newest = at
		}
	}
	if newest.After(limit) { // the clock was set back
		newest = time.Time{}
	}
	at := s.earliest(j, time.Now())
	if next := newest.Add(time.Millisecond); !newest.IsZero() && next.After(at) {
		at = next
	}
	return at
}

// earliest is the earliest date that what was written in a channel since a moment of ours can
// have; zero as long as Directus has not told its clock.
func (s *session) earliest(j *joined, since time.Time) time.Time {
	return collection.EarliestSince(j.view.feed.Group, s.member.account, since)
}

// rankTimeout is how long a sender waits for the exact time of a message that is
// stored already.
const rankTimeout = time.Second

// timeSent sets the time under which a row that Directus has just stored is
// shown. Where dates come in whole seconds Directus is asked for the rows in front
// of it: their events may still be on their way.
func (s *session) timeSent(ctx context.Context, r collection.Row, j *joined) collection.Row {
	f := j.view.feed
	r = f.TimeOf(r, j.Channel)
	if f.Group.Dates.HaveFractions() || r.RawDate == "" {
		return r
	}
	h := s.historyOf(j.Channel)
	h.group = h.groups[0]
	if j.Private {
		h.filter = h.group.Between(r.Author, r.Recipient)
	}
	ctx, cancel := context.WithTimeout(ctx, rankTimeout)
	defer cancel()
	if rank, err := h.inFront(ctx, r); err == nil {
		r.At = collection.DisplayTime(r.Date, rank)
	}
	return r
}

const (
	// maxOnce bounds the ids of each kind that are kept to show a message once.
	maxOnce = 1024
)

// brought is the place of a row that a feed has brought.
type brought struct {
	id   string
	date time.Time
}

// wasFetched reports that a page of history has shown a row that the feed brings now.
// Of the others it notes those that a page might show as well.
func (j *joined) wasFetched(r *collection.Row) bool {
	if c := r.Date.Compare(j.brought.date); c > 0 || c == 0 && collection.CompareIDs(r.ID, j.brought.id) > 0 {
		j.brought = brought{r.ID, r.Date}
	}
	if _, fetched := j.ahead[r.ID]; fetched {
		delete(j.ahead, r.ID)
		return true
	}
	if r.ShownAt().Before(j.at) && len(j.early) < maxOnce {
		if j.early == nil {
			j.early = map[string]struct{}{}
		}
		j.early[r.ID] = struct{}{}
	}
	return false
}

// turned notes what a page of history has shown, and come, the place of the latest row
// when it was asked for.
func (s *session) turned(h *historian, list []found, come int64) {
	if len(list) == 0 {
		return
	}
	if s.pageEnds == nil {
		s.pageEnds = map[*collection.Channel]*pageEnd{}
	}
	last := list[len(list)-1]
	s.pageEnds[h.channel] = &pageEnd{last.row.ID, last.row.ShownAt(), come}
	if j := s.joined[wire.Fold(h.channel.Name)]; j != nil && j.fetches && j.view.feed == h.feed {
		j.fetched(list)
	}
}

// fetched notes the rows of a page that the feed has not brought yet.
func (j *joined) fetched(list []found) {
	rows := make([]collection.Row, 0, len(list))
	for _, l := range list {
		rows = append(rows, l.row)
	}
	for _, id := range j.view.feed.StillToBring(j.view.reader, rows) {
		if j.ahead == nil || len(j.ahead) >= maxOnce {
			j.ahead = map[string]struct{}{}
		}
		j.ahead[id] = struct{}{}
	}
}
