package bridge

import (
	"context"
	"errors"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/text"
	"directus-ircd/ircd/wire"
)

// mentioning writes those whom a message mentions by id, where the channel wants
// that, as far as its author may know them. Nothing that goes wrong with it is
// worth a message: a name that cannot be looked up stays as it was typed.
func (s *session) mentioning(ctx context.Context, c *collection.Channel, said string) string {
	if !c.MentionIDs {
		return said
	}
	nicks := text.MentionedNicks(said)
	ids := map[string]string{}
	if len(nicks) > 0 {
		_ = s.member.attempt(ctx, referTimeout, func(ctx context.Context) error {
			for _, nick := range nicks {
				u, err := s.member.names.Search(ctx, nick)
				if errors.Is(err, people.ErrManySearches) {
					return nil // the rest stays as typed
				}
				if err != nil {
					return err
				}
				if u != nil && collection.IsUUID(u.ID) {
					ids[wire.Fold(nick)] = u.ID
				}
			}
			return nil
		})
	}
	return text.StoreMentions(said, func(nick string) (string, bool) {
		id, ok := ids[wire.Fold(nick)]
		return id, ok
	})
}
