package bridge

import (
	"context"

	"directus-ircd/ircd"
)

// Redact implements ircd.Session.
func (s *session) Redact(context.Context, string, string, string) (*ircd.Redaction, error) {
	return nil, notOffered("REDACT")
}
