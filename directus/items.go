package directus

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// longQuery is the length of an encoded query beyond which it travels in the
// body of a SEARCH request: Node.js refuses request heads of more than 16 KiB.
const longQuery = 6 << 10

// methodSearch is a Directus method: GET with the query in the body.
const methodSearch = "SEARCH"

// Items reads a collection into out, a pointer to a slice. Keys may be 64-bit
// numbers: decode them into json.Number, json.RawMessage or a struct of yours;
// numbers inside of interface values become json.Number. Strings are cut at MaxString
// unless the query asks for whole ones. Unknown collections
// and missing rights are both CodeForbidden.
func (a *Account) Items(ctx context.Context, collection string, q Query, out any) error {
	path, err := itemsPath(collection)
	if err == nil {
		err = a.read(ctx, path, q, out)
	}
	if err != nil {
		return fmt.Errorf("read items of %s: %w", collection, err)
	}
	return nil
}

// itemsPath is the route of a collection; the system collections have their
// own (directus_files: /files).
func itemsPath(collection string) (string, error) {
	if system, ok := strings.CutPrefix(collection, "directus_"); ok && system != "" {
		return Path(system)
	}
	return Path("items", collection)
}

func (a *Account) read(ctx context.Context, path string, q Query, out any) error {
	v, err := q.values()
	if err != nil {
		return err
	}
	if len(v.Encode()) <= longQuery {
		return a.call(ctx, call{method: http.MethodGet, path: path, query: v, out: out, whole: q.Whole})
	}
	return a.call(ctx, call{method: methodSearch, path: path, body: map[string]any{"query": q.object()}, out: out, whole: q.Whole})
}
