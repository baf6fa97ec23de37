package bridge

import (
	"context"

	"directus-ircd/ircd"
)

// SetTopic implements ircd.Session.
func (s *session) SetTopic(context.Context, string, string) (*ircd.Topic, error) {
	return nil, notOffered("TOPIC")
}
