package bridge

import (
	"context"
	"errors"
	"strings"

	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
)

// actionPrefix marks an action in a stored text. It is what people type, on
// both sides, so a reader of the web page understands it and may write it.
const actionPrefix = "/me "

// storedText is what an IRC message is stored as in a channel; empty if nothing of
// it can be seen. A NOTICE is stored like a PRIVMSG.
func storedText(m ircd.Outgoing, c *channel) string {
	text := strings.TrimRight(wire.CleanText(m.Text), " \n")
	if !isShown(text) {
		return ""
	}
	if m.Kind == ircd.Action {
		text = actionPrefix + text
	}
	return strings.TrimRight(c.Format.fromIRC(text), " \n")
}

// mentioning writes those whom a message mentions by id, where the channel wants
// that, as far as its author may know them. Nothing that goes wrong with it is
// worth a message: a name that cannot be looked up stays as it was typed.
func (s *session) mentioning(ctx context.Context, c *channel, text string) string {
	if !c.MentionIDs {
		return text
	}
	nicks := mentionedNicks(text)
	ids := map[string]string{}
	if len(nicks) > 0 {
		_ = s.member.attempt(ctx, referTimeout, func(ctx context.Context) error {
			for _, nick := range nicks {
				u, err := s.member.names.search(ctx, nick)
				if errors.Is(err, errManySearches) {
					return nil // the rest stays as typed
				}
				if err != nil {
					return err
				}
				if u != nil && isUUID(u.ID) {
					ids[wire.Fold(nick)] = u.ID
				}
			}
			return nil
		})
	}
	return storeMentions(text, func(nick string) (string, bool) {
		id, ok := ids[wire.Fold(nick)]
		return id, ok
	})
}
