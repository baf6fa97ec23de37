package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
)

// alterTimeout is how long a change of a stored item may take, with the look for
// it before, so that what the client sends behind it does not wait for long.
const alterTimeout = 8 * time.Second

// attempt does something that asks Directus, within a limit of time; not at all
// while that is known to be in vain, so that many of it do not hold up what the
// client sends behind.
func (m *member) attempt(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	patience := m.patience()
	if patience == 0 {
		return directus.ErrNotConnected
	}
	limited, cancel := context.WithTimeout(ctx, min(patience, limit))
	defer cancel()
	err := do(limited)
	m.setSilent(limited.Err() != nil && ctx.Err() == nil, min(patience, limit))
	return err
}

// change is attempt for what looks first and changes something then: of what two
// connections of a user want at the same time, the second finds what the first has
// done.
func (m *member) change(ctx context.Context, do func(context.Context) error) error {
	return m.attempt(ctx, alterTimeout, func(ctx context.Context) error {
		select {
		case m.changing <- struct{}{}:
		case <-ctx.Done():
			return errors.Join(directus.ErrNotConnected, ctx.Err())
		}
		defer func() { <-m.changing }()
		return do(ctx)
	})
}

// alter changes an item under the user's own permissions and returns it, as far
// as the user may read it; without changes it deletes it. ErrUnconfirmed says
// that it is perhaps done.
func (m *member) alter(ctx context.Context, g *collection.Group, id string, changes map[string]any) (json.RawMessage, error) {
	var stored json.RawMessage
	var err error
	if changes == nil {
		err = m.account.DeleteItem(ctx, g.Collection, id)
	} else {
		err = m.account.UpdateItem(ctx, g.Collection, id, changes, g.Query, &stored)
	}
	if unanswered(err) {
		err = errors.Join(directus.ErrUnconfirmed, err)
	}
	return stored, err
}

// mayFollow reports that Directus may do later what it was asked for, whatever a look
// finds now: it took too long, the connection broke behind the request, or a proxy has
// answered in its place, which may have passed the request on.
func mayFollow(err error) bool {
	if answer, ok := errors.AsType[*directus.Error](err); ok {
		return answer.InDoubt()
	}
	dialing, ok := errors.AsType[*net.OpError](err)
	return !errors.Is(err, directus.ErrNotConnected) && !(ok && dialing.Op == "dial")
}

// failedAt reports that Directus answered, and what it answered is that it failed: by
// a Flow that throws, by a constraint of its database, or without its database.
func failedAt(err error) bool { return directus.IsCode(err, directus.CodeInternal) }

// errFailed says that Directus failed at something, which surely did not happen.
var errFailed = errors.New("directus failed at it")

// failureOf is the error of what surely did not happen: what Directus answered, or
// that it did not.
func failureOf(err error) error {
	if refusal, ok := errors.AsType[*directus.Error](err); ok && failedAt(err) {
		return errors.Join(errFailed, refusal)
	}
	return directus.ErrNotConnected
}

// unanswered reports an error that is no answer of Directus: for one, that nobody waits
// for it any more.
func unanswered(err error) bool {
	return errors.Is(err, directus.ErrUnavailable) || errors.Is(err, directus.ErrNotConnected) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
