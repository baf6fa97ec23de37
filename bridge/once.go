package bridge

import (
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/ircd/wire"
)

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
