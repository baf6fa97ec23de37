package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"directus-ircd/directus"
)

// alterTimeout is how long a change of a stored item may take, so that a PING
// behind it does not wait for long.
const alterTimeout = 8 * time.Second

// alter changes an item under the user's own permissions and returns it, as far
// as the user may read it; without changes it deletes it. ErrUnconfirmed says
// that it is perhaps done.
func (m *member) alter(ctx context.Context, g *group, id string, changes map[string]any) (json.RawMessage, error) {
	patience := m.patience()
	if patience == 0 {
		return nil, directus.ErrNotConnected
	}
	ctx, cancel := context.WithTimeout(ctx, min(patience, alterTimeout))
	defer cancel()
	path := "/items/" + url.PathEscape(g.collection) + "/" + url.PathEscape(id)
	var stored json.RawMessage
	var err error
	if changes == nil {
		err = m.account.Do(ctx, http.MethodDelete, path, nil, nil, nil)
	} else {
		err = m.account.Do(ctx, http.MethodPatch, path, url.Values{"fields": {strings.Join(g.query, ",")}}, changes, &stored)
	}
	if errors.Is(err, directus.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(directus.ErrUnconfirmed, err)
	}
	return stored, err
}
