package bridge

import (
	"context"
	"time"

	"directus-ircd/ircd"
)

// History implements ircd.Session.
func (s *session) History(context.Context, ircd.HistoryQuery) (*ircd.HistoryPage, error) {
	return nil, notOffered("CHATHISTORY")
}

// Targets implements ircd.Session.
func (s *session) Targets(context.Context, time.Time, time.Time, int) ([]ircd.HistoryTarget, error) {
	return nil, notOffered("CHATHISTORY")
}
